import type { FieldOwner } from '../../adapters/kubernetes/owners/port.ts'
import { PurserError } from '../../errors.ts'
import type { PlannedCronJob } from '../../model/deploy-plan.ts'
import { sha256 } from '../../model/json.ts'
import { deploymentDrift } from '../confirm/confirm-plan.ts'
import { type PhaseContext, planOf } from '../phase.ts'

/**
 * Tells once, in the thread, what somebody has made of what this run wrote: as soon as it is seen, and by whom. Judged is
 * it by the criteria. What cannot be looked at now is looked at the next time.
 */
export async function tellPutBack(context: PhaseContext): Promise<void> {
  for (const sentence of await putBack(context))
    await context.tell({ kind: 'note', text: sentence }, `put-back-${sha256(sentence).slice(0, 16)}`)
}

async function putBack(context: PhaseContext): Promise<readonly string[]> {
  const looks = [deploymentNow, secretNow, ...planOf(context.run).cronJobs.map((job) => cronJobNow(job))]
  const found = await Promise.all(
    looks.map((look) =>
      look(context).catch((error: unknown) => {
        context.signal.throwIfAborted()
        if (!(error instanceof PurserError)) throw error
        return []
      }),
    ),
  )
  return found.flat()
}

async function deploymentNow(context: PhaseContext): Promise<readonly string[]> {
  return (await deploymentDrift(context, planOf(context.run))).map(({ now }) => now)
}

/** The signing secret, where this run has written one: another value there is not the endpoint's. */
async function secretNow({ world, service, records, run, signal }: PhaseContext): Promise<readonly string[]> {
  const { name, key } = service.stripe.secret
  const effects = (await records.effectsOf(run.number)).filter((effect) => effect.kind === 'secret-key')
  const written = effects.findLast(({ target }) => target === `${name}/${key}`)?.after?.fingerprint
  if (written === undefined) return []
  const { fingerprint, managers } = await world.cluster.secretKey(name, key, signal)
  if (fingerprint === written) return []
  const what = fingerprint === undefined ? 'is gone' : 'holds a different value from this run'
  return [`Secret ${name}/${key} ${what}${byWhom(managers)}.`]
}

const cronJobNow =
  ({ name, schedule, suspended }: PlannedCronJob) =>
  async ({ world, signal }: PhaseContext): Promise<readonly string[]> => {
    const state = await world.cluster.cronJob(name, signal)
    if (state === undefined) return [`CronJob ${name} was deleted after this run had applied it.`]
    const by = (field: string) =>
      byWhom(state.owners.filter(({ fields }) => fields.includes(field)).map((one) => ({ ...one, fields: [field] })))
    return [
      ...(state.schedule === schedule
        ? []
        : [`CronJob ${name} has schedule ${state.schedule}, but this run applied ${schedule}${by('spec.schedule')}.`]),
      ...(suspended === undefined || state.suspended === suspended
        ? []
        : [`CronJob ${name} was ${suspended ? 'resumed' : 'suspended'} after this run${by('spec.suspend')}.`]),
    ]
  }

function byWhom(owners: readonly FieldOwner[]): string {
  if (owners.length === 0) return ''
  return `: ${owners.map(({ manager, fields, habit }) => `${manager} has set ${fields.join(', ')}, and ${habit}`).join('; ')}`
}
