import type { PhaseContext } from '../../phase.ts'

/** An event's id is some 30 characters: so many make a statement that every database takes. */
const askedTogether = 200

/** Asks the service's own table which of these events it lacks, so that what came in by another way counts as received. */
export async function lackingIn<E extends { readonly id: string }>(
  { world, service, signal }: PhaseContext,
  sql: string,
  events: readonly E[],
): Promise<readonly E[]> {
  // An event whose id looks like none never becomes part of a statement. It was not asked for, so it counts as lacking.
  const asked = events.filter(({ id }) => /^evt_\w+$/.test(id))
  const received = new Set<unknown>()
  for (let from = 0; from < asked.length; from += askedTogether) {
    const some = asked.slice(from, from + askedTogether)
    const list = some.map(({ id }) => `'${id}'`).join(', ')
    const timeoutMs = service.verify.timeoutSeconds * 1_000
    const answer = await world.database.query(sql.replaceAll('{events}', list), { timeoutMs }, signal)
    for (const [id] of answer.rows) received.add(id)
  }
  return events.filter(({ id }) => !received.has(id))
}
