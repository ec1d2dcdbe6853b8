import type { RestorePlan } from '../../model/restore-plan.ts'
import { nameOf } from '../../model/restored-release.ts'
import type { Excuse } from '../../model/well-again.ts'
import type { PhaseContext } from '../phase.ts'
import { takenAway } from '../verify/well-again.ts'

/**
 * Returns why checks may not pass after a restore although they passed before it: by what was approved, an older release
 * has no endpoint, no such CronJob, or not the tables that a query asks for. Where the running release was kept nothing
 * of that is excused. What Stripe could not deliver while the service was stopped it delivers later.
 */
export async function excuseOf({ records }: PhaseContext, plan: RestorePlan): Promise<Excuse> {
  const { release } = plan
  const downtime: Excuse = ({ name, verdict, value }) =>
    name === 'endpoint' && verdict === 'warn' && !/; (needs|in Secret) /.test(value)
      ? 'Stripe tries again what it could not deliver during the downtime'
      : undefined
  if (release?.after !== 'former') return downtime
  const effects = await records.effectsSince(plan.backup.run)
  const former = nameOf(release.earlier)
  const put = takenAway(release.undo, effects, `${former} did not have it`)
  const made = await madeBy(records, plan.migrationsLost)
  return (check) => put(check) ?? downtime(check) ?? asksForMore(check, made, former)
}

/** Lists the last parts of the names of what these migrations made: tables, columns, functions. */
async function madeBy(records: PhaseContext['records'], files: readonly string[]) {
  const changes = (await records.schemaChanges()).filter(({ name }) => files.includes(name))
  return new Set(changes.flatMap(({ makes }) => makes).map((object) => lastPart(object)))
}

/** Excuses a query that names what only a later migration makes: PostgreSQL itself says that it does not exist. */
function asksForMore({ verdict, value }: Parameters<Excuse>[0], made: ReadonlySet<string>, former: string) {
  const named = /(?:relation|table|column|function|type) "?([^"\s(]+)"?.* does not exist/.exec(value)?.[1]
  if (verdict !== 'unknown' || named === undefined || !made.has(lastPart(named))) return undefined
  return `it asks for ${named}, which came after ${former}`
}

function lastPart(object: string): string {
  return object.replace(/\(.*$/, '').split(/[. ]/).at(-1)?.replaceAll('"', '') ?? object
}
