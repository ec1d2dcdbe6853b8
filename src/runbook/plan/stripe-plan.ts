import type { SecretConsumer, SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { DeployPlan, SeenEndpoint } from '../../model/deploy-plan.ts'
import { Sensitive } from '../../sensitive.ts'
import { PurserError } from '../../errors.ts'
import { counted } from '../../text.ts'
import { causeOf, type PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { requireAccount, requireMode, requireRelease } from '../stripe/account/requirements.ts'
import { requireRoom } from '../stripe/account/room.ts'
import { creationOf } from '../stripe/creation.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { goneEndpoint } from '../stripe/gone-endpoint.ts'
import { describePermission } from '../preflight/permissions.ts'
import { asideKey, endsOverlap, secretAnnotation } from '../stripe/signing-secret.ts'
import { owedEvents } from '../stripe/missed/owed-events.ts'
import { unstoredWords } from '../stripe/missed/unstored-types.ts'
import { type MovedEndpoint, movedEndpoints } from '../stripe/moved-endpoints.ts'
import { comesBackRisks, type Ownership, requireByHand, takeOverRisks } from '../owners/owners.ts'
import { formerEndpoints, leftovers } from '../stripe/retire-endpoint.ts'
import { rolledSecret } from '../stripe/rolled-secret.ts'
import {
  decideEndpoint,
  type EndpointDecision,
  isUseless,
  type RolledSecret,
  unfinishedOf,
} from '../stripe/webhook-endpoint.ts'

interface StripePlan {
  readonly stripe: DeployPlan['stripe']
  readonly decision: EndpointDecision
  readonly risks: readonly string[]
  /** The secret that the pods will have read, as their template will say it: another one gives other pods. */
  readonly podsRead: string | undefined
}

/** Plans what chapter 3 will do to endpoint and Secret. Raises what would make it fail half-way. Changes nothing. */
export async function planStripe(context: PhaseContext, consumers: readonly SecretConsumer[]): Promise<StripePlan> {
  const { world, service, environment, run, signal } = context
  const { name, key } = service.stripe.secret
  const events = expandedEvents(context)
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
    requireAccount(context),
  ])
  requireMode(context, endpoints)
  const maker = { run: run.number, creation: await creationOf(context, endpoints) }
  const facts = {
    ...maker,
    url: environment.webhookUrl,
    events,
    endpoints,
    secret,
    apiVersion: service.stripe.apiVersion,
    rotate: run.rotateSecret === true,
  }
  const byMark = decideEndpoint(facts)
  const rolled = await rolledSecret(context, { decision: byMark, endpoints, secret })
  const decision = rolled === undefined ? byMark : decideEndpoint({ ...facts, rolled })
  const releaseRisks = await requireRelease(context)
  const writes = decision.action === 'create' || decision.action === 'replace'
  if (writes) requireWritable(name, secret)
  const begun = unfinishedOf(maker, environment.webhookUrl, endpoints) === undefined ? 0 : 1
  const freed = (isUseless(decision) ? 1 : 0) + begun
  const roomRisks = writes ? await requireRoom(context, { endpoints, freed }) : []
  const overlapEnds = !writes && (await endsOverlap(context, secret))
  // The other two write the value anew, without what does not belong to it.
  const strays = writes || overlapEnds ? [] : secret.strays
  const keepers = secret.managers.filter(({ byHand }) => !byHand).map(({ manager }) => manager)
  const tidies = secret.immutable || keepers.length > 0 ? [] : strays
  const restarts = writes || tidies.length > 0 ? await restartsOf(context, consumers) : { restarted: [], risks: [] }
  const rewrites = writes || overlapEnds || tidies.length > 0
  const owned = rewrites ? await trySecret(context, secret) : undefined
  const takeOver = (owned?.owners ?? []).map(({ manager }) => manager)
  const moved = await movedEndpoints(context, endpoints)
  const beside = decision.endpoint === undefined ? [] : retiredBeside(decision, endpoints)
  const retires = [...beside, ...moved.map(({ endpoint }) => endpoint.id)]
  const owed = await owedRisks(context, { decision, endpoints, retires })
  const removes = await removedWith(context, decision, { endpoints, keys: secret.keys })
  return {
    decision,
    podsRead: rewrites ? 'the new signing secret' : secret.fingerprint,
    stripe: {
      action: decision.action,
      endpoint: decision.endpoint?.id,
      events,
      added: decision.added,
      removed: decision.removed,
      secret: decision.secret,
      ...(decision.why === undefined ? {} : { why: decision.why }),
      ...(decision.endpoint === undefined ? {} : { apiVersion: versionsOf(context, decision) }),
      ...(takeOver.length === 0 ? {} : { takeOver }),
      ...(restarts.restarted.length === 0 ? {} : { restarts: restarts.restarted }),
      ...(decision.endpoint === undefined ? {} : { stands: seenEndpoint(decision.endpoint) }),
      ...(secret.fingerprint === undefined ? {} : { fingerprint: secret.fingerprint }),
      ...(overlapEnds ? { endsOverlap: true } : {}),
      ...(tidies.length === 0 ? {} : { tidies }),
      ...(rolled === undefined ? {} : { rolled: rolled.fingerprint }),
      ...(retires.length === 0 ? {} : { retires }),
      ...(removes.length === 0 ? {} : { removes }),
    },
    risks: [
      ...releaseRisks,
      ...roomRisks,
      ...(owned === undefined ? [] : [...takeOverRisks(owned), ...comesBackRisks(owned)]),
      ...secret.strays.map(
        (what) =>
          `In Secret ${name}/${key} ${what}: a service that compares bytes refuses every event. ${strayRemedy(strays.length > tidies.length, keepers)}`,
      ),
      ...restarts.risks,
      ...replacementRisk(context, decision),
      ...(rolled === undefined ? [] : [rolledRisk(rolled)]),
      ...owed,
      ...moved.map(movedRisk),
    ],
  }
}

function seenEndpoint({ id, status, enabledEvents }: WebhookEndpoint): SeenEndpoint {
  return { id, status, events: [...enabledEvents].sort() }
}

/** Endpoints for the URL that serve beside the one that will: they are disabled once it has proven itself. */
function retiredBeside({ action, endpoint }: EndpointDecision, endpoints: readonly WebhookEndpoint[]) {
  if (endpoint === undefined) return []
  const others = formerEndpoints(endpoint, endpoints).map(({ id }) => id)
  return action === 'replace' && endpoint.status === 'enabled' ? [endpoint.id, ...others] : others
}

interface Retiring {
  readonly decision: EndpointDecision
  readonly endpoints: readonly WebhookEndpoint[]
  readonly retires: readonly string[]
}

/** Says what the endpoints that this deploy disables, or replaces, owe at this moment. */
async function owedRisks(
  context: PhaseContext,
  { decision, endpoints, retires }: Retiring,
): Promise<readonly string[]> {
  const ids = [...new Set([...(decision.action === 'replace' ? [decision.endpoint?.id] : []), ...retires])]
  const there = endpoints.filter(({ id }) => ids.includes(id))
  const gone = decision.action === 'create' ? await goneEndpoint(context, endpoints) : undefined
  const formers = [...there, ...(gone === undefined ? [] : [gone])]
  if (formers.length === 0) return []
  const names = [...there.map(({ id }) => id), ...(gone === undefined ? [] : [`${gone.id} (gone from Stripe)`])].join(
    ', ',
  )
  const before = retires.length === 0 ? '' : ` before ${retires.join(', ')} is disabled`
  try {
    const { events, complete, because, since, unstored } = await owedEvents(context, { endpoints, formers })
    const doubts = unstored.length === 0 ? [] : [`Not sent again: ${unstoredWords(unstored)}.`]
    if (events.length === 0 && complete) return doubts
    const number = `${complete ? '' : 'at least '}${counted(events.length, 'event')}`
    const why = because === 'not acknowledged' ? 'not acknowledged by it or another endpoint' : because
    const from = `${since.toISOString().slice(0, 16).replace('T', ' ')} UTC`
    const stale = context.service.stripe.resendStale ? [] : events.filter(({ newer }) => newer !== undefined)
    const left =
      stale.length === 0
        ? ''
        : ` ${stale.length} of them ${stale.length === 1 ? 'is' : 'are'} left out: the service has newer ones of the same objects.`
    return [`${names} still owes ${number}, ${why} since ${from}. They are sent again${before}.${left}`, ...doubts]
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    return [`Nobody could see which events ${names} still owes: ${error.message}. The deploy looks again${before}.`]
  }
}

/** What is deleted for good: leftovers of earlier runs, and a disabled endpoint whose secret nobody holds. */
async function removedWith(
  context: PhaseContext,
  decision: EndpointDecision,
  seen: { readonly endpoints: readonly WebhookEndpoint[]; readonly keys: readonly string[] },
): Promise<readonly string[]> {
  const { name } = context.service.stripe.secret
  const old = await leftovers(context, seen.endpoints, seen.keys)
  const useless = isUseless(decision) && decision.endpoint !== undefined ? [decision.endpoint.id] : []
  return [...new Set([...useless, ...old.endpoints, ...old.keys.map((key) => `${name}/${key}`)])].sort()
}

function requireWritable(name: string, secret: SecretKeyState): void {
  if (!secret.immutable) return
  throw new CheckFailed('secret_immutable', `planning Secret ${name}: it is immutable, and needs a different value`, {
    hint: `Create a Secret with a different name, point the Deployment and service.stripe.secret.name at it, and deploy that version.`,
  })
}

function strayRemedy(stays: boolean, keepers: readonly string[]): string {
  if (!stays) return 'This deploy writes it without.'
  return keepers.length === 0
    ? 'The Secret is immutable, so it stays. Create one with a different name.'
    : `${keepers.join(', ')} manages it and would write it again. Remove it there.`
}

/**
 * Tries the requests that write the Secret, in their order, where nothing is stored, and returns whose fields they take
 * over. Raises what would make one fail after the database has changed.
 */
async function trySecret({ world, service, run, signal }: PhaseContext, secret: SecretKeyState): Promise<Ownership> {
  const { name, key } = service.stripe.secret
  const owned = { object: `Secret ${name}`, owners: secret.managers, claims: secret.claims }
  const takeOver = requireByHand(owned, 'name a different Secret in service.stripe.secret')
  const tried = new Sensitive('dry run')
  const aside = secret.keyExists ? [{ [asideKey(key, run.number)]: tried }] : []
  for (const keys of [...aside, { [key]: tried }])
    await world.cluster.writeSecret(name, { keys, takeOver, dryRun: true }, signal)
  return owned
}

function versionsOf({ world, service }: PhaseContext, { action, endpoint }: EndpointDecision) {
  const wanted = service.stripe.apiVersion ?? world.stripe.apiVersion
  const stands = endpoint?.apiVersion ?? null
  // Without a configured version an endpoint keeps its own.
  return { stands, wanted: action === 'replace' ? wanted : (stands ?? "the account's default") }
}

/**
 * Finds the Deployments beside the service's that read the Secret at their start: those that Purser may restart, and
 * others.
 */
async function restartsOf(
  context: PhaseContext,
  consumers: readonly SecretConsumer[],
): Promise<{ readonly restarted: readonly string[]; readonly risks: readonly string[] }> {
  const { world, environment, service, signal } = context
  const { name } = service.stripe.secret
  const atStart = consumers.filter(({ how }) => how !== 'volume')
  const restarted: string[] = []
  const risks: string[] = []
  for (const workload of new Set(atStart.map((mount) => mount.workload))) {
    const [kind, object = ''] = workload.split(' ')
    const needed = (['get', 'patch'] as const).map(
      (verb) => ({ group: 'apps', resource: 'deployments', verb, name: object }) as const,
    )
    const missing = kind === 'Deployment' ? await world.cluster.missingPermissions(needed, signal) : needed
    if (missing.length === 0) {
      restarted.push(object)
      risks.push(
        `Deployment ${object} also reads Secret ${name}. Its pods restart after the service's.`,
        ...(await tryRestartOf(context, object)),
      )
      continue
    }
    const why = kind === 'Deployment' ? ` (${missing.map(describePermission).join(', ')} not granted)` : ''
    risks.push(
      `${workload} also reads Secret ${name}. Purser isn't allowed to restart it${why}. Restart it after the rollout, ` +
        `kubectl rollout restart ${kind?.toLowerCase()}/${object} -n ${environment.namespace}`,
    )
  }
  return { restarted, risks }
}

/** An endpoint that nobody looks after goes on to send events to an address that the service may no longer have. */
function movedRisk({ endpoint: { id, url }, run }: MovedEndpoint): string {
  return `${id}, which run #${run} made for ${url}, still gets events, but webhookUrl changed. It is disabled once the new endpoint works.`
}

async function tryRestartOf(context: PhaseContext, deployment: string): Promise<readonly string[]> {
  const change = {
    deployment,
    templateAnnotations: { [secretAnnotation]: 'dry run' },
    changeCause: causeOf(context),
  }
  const { taken, claims } = await context.world.cluster.tryRestart(change, context.signal)
  return comesBackRisks({ object: `Deployment ${deployment}`, owners: taken, claims })
}

function rolledRisk({ endpoint }: RolledSecret): string {
  return `${endpoint} was made with a different signing secret. Deliveries arrive with the cluster's, so Purser notes that one.`
}

function replacementRisk({ service }: PhaseContext, { action, why, endpoint }: EndpointDecision): readonly string[] {
  if (action !== 'replace' || endpoint?.status !== 'enabled') return []
  const { name, acceptsList, previousKey } = service.stripe.secret
  const overlaps = acceptsList || previousKey !== undefined
  if (why === 'secret')
    return [
      `Secret ${name} doesn't hold the signing secret of ${endpoint.id}, so a new endpoint replaces it. Both are on during the rollout. Missed events are re-sent.`,
    ]
  const both = overlaps
    ? 'pods accept both secrets during the rollout'
    : 'Stripe retries refused events during the rollout'
  const because = why === 'asked' ? 'as asked' : 'for its API version'
  return [`${endpoint.id} is replaced ${because}: new endpoint alongside it, ${both}, then it is disabled.`]
}
