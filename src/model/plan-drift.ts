import { settingsDrift } from './configuration.ts'
import type { DeployPlan, PlannedCronJob, SeenEndpoint } from './deploy-plan.ts'
import type { Effect, EffectOf } from './effects/effects.ts'
import { identityDrift } from './identities.ts'
import type { PlanDifference } from './plan-difference.ts'

/*
 * What differs between the plan that people approved and the same plan made now, less what the run has changed itself.
 * Everything that a deploy acts upon is compared. Not compared, and why: what only follows from the rest (`rollback`,
 * `effects`, `version`, the estimates); `risks`, which tell of traffic and sizes that move all the time and are acted upon by
 * nobody; the number of replicas, which belongs to an autoscaler and which no deploy sets; `subject` of the
 * commit and `changes`, which follow from the two commits and from what runs, all of which are compared.
 * The image and the pods of the Deployment are compared by `confirm-plan.ts`, which asks the cluster who changed them.
 */

/** Pure. `own`: the effects of the run, oldest first. */
export function planDrift(approved: DeployPlan, now: DeployPlan, own: readonly Effect[]): readonly PlanDifference[] {
  const [planned, found] = [approved.identities, now.identities]
  if (approved.configuration === undefined || approved.effects === undefined || planned === undefined || !found)
    return [{ now: 'the plan was made by an earlier version of Purser' }]
  return [
    ...identityDrift(planned, found),
    ...commitDrift(approved, now),
    ...settingsDrift(approved.configuration, now.configuration ?? {}, (key) => `${key} in purser.yaml`),
    ...settingsDrift(approved.current.settings ?? {}, now.current.settings ?? {}, (key) => `${key} of the Deployment`),
    ...clusterDrift(approved, now, own),
    ...migrationDrift(approved, now, own),
    ...stripeDrift(approved, now, own),
    ...approved.cronJobs.flatMap((job) => cronJobDrift(job, now, own)),
  ]
}

function commitDrift(approved: DeployPlan, now: DeployPlan): readonly PlanDifference[] {
  if (approved.commit.sha === now.commit.sha) return []
  return [
    {
      now: `tag ${approved.version} moved to ${now.commit.sha.slice(0, 7)}`,
      planned: approved.commit.sha.slice(0, 7),
    },
  ]
}

/** What the dry run of the image would change; once the run has set its image there is nothing left to compare. */
function clusterDrift(approved: DeployPlan, now: DeployPlan, own: readonly Effect[]): readonly PlanDifference[] {
  const begun = own.some(({ kind }) => kind === 'image' || kind === 'image-push' || kind === 'secret-key')
  // Another template is told by `confirm-plan.ts`, with who made it.
  if (begun || approved.current.templateHash !== now.current.templateHash) return []
  return listDrift(approved.cluster, now.cluster, 'the dry run of the Deployment would change')
}

function migrationDrift(approved: DeployPlan, now: DeployPlan, own: readonly Effect[]): readonly PlanDifference[] {
  const ours = new Set(own.filter(({ kind }) => kind === 'migration').map(({ target }) => target))
  const pending = new Map(now.migrations.map((one) => [one.file, one]))
  const planned = new Map(approved.migrations.map((one) => [one.file, one]))
  return [
    ...approved.migrations.flatMap(({ file, sha256 }): readonly PlanDifference[] => {
      const there = pending.get(file)
      if (there === undefined) return ours.has(file) ? [] : [{ now: `${file} is applied already`, planned: 'apply it' }]
      return there.sha256 === sha256 ? [] : [{ now: `${file} has changed`, planned: sha256.slice(0, 12) }]
    }),
    ...now.migrations
      .filter(({ file }) => !planned.has(file))
      .map(({ file }) => ({ now: `${file} is pending too`, planned: 'nothing of it' })),
  ]
}

function stripeDrift(approved: DeployPlan, now: DeployPlan, own: readonly Effect[]): readonly PlanDifference[] {
  const endpoints = own.filter((effect) => effect.kind === 'stripe-endpoint')
  const secrets = own.filter((effect) => effect.kind === 'secret-key')
  // A change that is under way, or that a crash broke off, is finished by the phase itself.
  if ([...endpoints, ...secrets].some(({ status }) => status === 'started')) return []
  const [planned, stands] = [approved.stripe, now.stripe]
  const differences = [
    ...endpointDrift(expectedEndpoint(approved, endpoints), stands.stands, planned.action),
    ...secretDrift(planned.fingerprint, secrets, stands.fingerprint),
  ]
  if (differences.length > 0 || endpoints.length + secrets.length > 0) return differences
  return [
    ...(planned.action === stands.action
      ? []
      : [{ now: `the Stripe endpoint needs: ${stands.action}`, planned: planned.action }]),
    ...listDrift(planned.events, stands.events, 'the endpoint is to get'),
    ...listDrift(planned.takeOver ?? [], stands.takeOver ?? [], 'the Secret is held by'),
    ...listDrift(planned.restarts ?? [], stands.restarts ?? [], 'to be restarted:'),
    ...(planned.apiVersion?.stands === stands.apiVersion?.stands
      ? []
      : [
          {
            now: `the endpoint's API version is ${stands.apiVersion?.stands ?? "the account's"}`,
            planned: planned.apiVersion?.stands ?? "the account's",
          },
        ]),
  ]
}

interface Expected {
  readonly id: string
  /** Undefined: an older record does not tell. */
  readonly status: SeenEndpoint['status'] | undefined
  readonly events: readonly string[] | undefined
}

/** The endpoint as it should stand now: as the plan saw it, with what the run has made of it. */
function expectedEndpoint(
  { stripe }: DeployPlan,
  effects: readonly EffectOf<'stripe-endpoint'>[],
): Expected | undefined {
  const retired = new Set(stripe.retires ?? [])
  const last = effects.findLast(({ target }) => !retired.has(target))?.after
  if (last === undefined) return stripe.stands
  return { id: last.id, status: last.status, events: last.enabledEvents }
}

function endpointDrift(
  planned: Expected | undefined,
  now: SeenEndpoint | undefined,
  action: DeployPlan['stripe']['action'],
): readonly PlanDifference[] {
  if (planned === undefined)
    return now === undefined ? [] : [{ now: `there is a Stripe endpoint ${now.id} for the URL`, planned: action }]
  if (now?.id !== planned.id)
    return [
      {
        now:
          now === undefined
            ? `Stripe endpoint ${planned.id} was deleted, or has a different URL`
            : `Stripe endpoint ${now.id} replaced ${planned.id}`,
        planned: action,
      },
    ]
  const events =
    planned.events === undefined ? [] : listDrift(planned.events, now.events, `Stripe endpoint ${now.id} has`)
  if (planned.status === undefined || now.status === planned.status) return events
  return [{ now: `Stripe endpoint ${now.id} was ${now.status}`, planned: planned.status }, ...events]
}

function secretDrift(
  planned: string | undefined,
  effects: readonly EffectOf<'secret-key'>[],
  now: string | undefined,
): readonly PlanDifference[] {
  const expected = effects.at(-1)?.after?.fingerprint ?? planned
  if (expected === now) return []
  if (now === undefined) return [{ now: "the Secret's key is gone", planned: `fingerprint ${expected}` }]
  return [{ now: `the Secret holds a different value (fingerprint ${now})`, planned: expected ?? 'no value' }]
}

const suspension = /^spec\.suspend\b/

function cronJobDrift(planned: PlannedCronJob, now: DeployPlan, own: readonly Effect[]): readonly PlanDifference[] {
  const there = now.cronJobs.find(({ name }) => name === planned.name)
  if (there === undefined) return [{ now: `CronJob ${planned.name} is not in purser.yaml`, planned: planned.outcome }]
  const ours = own.filter(({ kind, target }) => kind === 'cronjob' && target === planned.name)
  if (ours.length === 0) return cronJobDifferences(planned, there)
  if (ours.some(({ status }) => status === 'started') || there.outcome === 'unchanged') return []
  if (there.outcome === 'created')
    return [{ now: `CronJob ${planned.name} was deleted`, planned: 'as this run applied it' }]
  const foreign = there.differences.filter((line) => !suspension.test(line))
  return foreign.length === 0
    ? []
    : [{ now: `CronJob ${planned.name} was changed: ${foreign.join('; ')}`, planned: 'as this run applied it' }]
}

function cronJobDifferences(planned: PlannedCronJob, now: PlannedCronJob): readonly PlanDifference[] {
  const words = ({ outcome, differences, takeOver = [] }: PlannedCronJob) =>
    [outcome, ...differences, ...takeOver.map((manager) => `taken over from ${manager}`)].join('; ')
  if (words(planned) === words(now) && planned.schedule === now.schedule) return []
  return [{ now: `CronJob ${planned.name} would be ${words(now)}`, planned: words(planned) }]
}

/** Which entries came and which went; their order counts for nothing. */
function listDrift(planned: readonly string[], now: readonly string[], what: string): readonly PlanDifference[] {
  const came = now.filter((one) => !planned.includes(one))
  const went = planned.filter((one) => !now.includes(one))
  return [
    ...(came.length === 0 ? [] : [{ now: `${what} ${listed(came)}`, planned: 'not so' }]),
    ...(went.length === 0 ? [] : [{ now: `${what} no longer ${listed(went)}`, planned: 'so' }]),
  ]
}

const mostListed = 5

function listed(entries: readonly string[]): string {
  const more = entries.length - mostListed
  return `${entries.slice(0, mostListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
