import { NoAnswer, type NoAnswerReason } from '../../adapters/http/port.ts'
import type { LogLine } from '../../adapters/kubernetes/logs/port.ts'
import type { PodExamination } from '../../adapters/kubernetes/pods/port.ts'
import type { SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { QueryAnswer } from '../../adapters/postgres/port.ts'
import { type ProbeAnswer, type ProbeEvent, probeMarks, type WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { PhaseContext } from '../phase.ts'
import { otherAccount, requirePinned } from '../stripe/account/requirements.ts'
import { missedHere } from '../stripe/missed/missed-here.ts'
import { unstoredWords } from '../stripe/missed/unstored-types.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { madeUpSecret, probeEvent } from '../stripe/probe/probe-event.ts'
import { triedAgain } from '../stripe/probe/probe-tries.ts'
import { undeliveredEvents, undeliveredWords } from '../stripe/undelivered.ts'
import { decideEndpoint } from '../stripe/webhook-endpoint.ts'
import { known, type Looking, type Seen } from './seen.ts'

/** Everything that decides why events do not come: gathered first, judged afterwards by pure functions. */
export interface WebhookFacts {
  readonly url: string
  /** When it was looked, by RFC 3339: ages count from then. */
  readonly lookedAt: string
  /** The event types that the service wants. */
  readonly wanted: readonly string[]
  readonly apiVersion: string | undefined
  /** The account of the Stripe key, where it is another one than the pinned one: then nothing that Stripe says was looked at. */
  readonly account: Seen<string | undefined>
  readonly pinned: string | undefined
  /** Undefined when Stripe has no endpoint for the URL. */
  readonly endpoint: Seen<WebhookEndpoint | undefined>
  readonly undelivered: Seen<{
    /** The events that only this service takes, or lacks. */
    readonly count: number
    readonly oldestSeconds: number
    /** The time of the newest of them, by RFC 3339; undefined when there is none. */
    readonly newestAt: string | undefined
    /** Said in words, with what cannot be told apart from other endpoints' deliveries. */
    readonly line: string
    readonly unclear: number
    /** False when there are more than were looked at. */
    readonly complete: boolean
  }>
  readonly missed: Seen<{
    /** Those that would be sent again: without outdated ones. */
    readonly count: number
    /** How many are left out, as the service has a newer event of the same object. */
    readonly stale: number
    /** Whether something can't be told: types of which the table has nothing, or events that another endpoint may owe. */
    readonly doubtful: boolean
    readonly since: string
    readonly line: string
    readonly complete: boolean
  }>
  readonly secret: Seen<SecretKeyState>
  /** Undefined when there is no secret to sign with. */
  readonly signed: Seen<Probe | undefined>
  /** The same event signed with a made-up secret. */
  readonly madeUp: Seen<Probe>
  readonly unsigned: Seen<Probe>
  /** Whether the service reads events back from Stripe, so that it cannot take one that Stripe does not know. */
  readonly readsBack: boolean
  readonly stripeClock: Seen<number | undefined>
  readonly clusterClock: Seen<number | undefined>
  /** Undefined when there is no such Deployment. */
  readonly pods: Seen<readonly PodExamination[] | undefined>
  readonly log: Seen<{ readonly matching: number; readonly troubled: number; readonly last: readonly string[] }>
  readonly events: Seen<{
    readonly received: number
    /** The number of events that are neither processed nor dead. */
    readonly waiting: number
    readonly oldestWaitingSeconds: number
    readonly lastReceivedSeconds: number | undefined
  }>
  readonly dead: Seen<{ readonly total: number; readonly lastHour: number; readonly kinds: readonly string[] }>
}

export type Probe =
  | { readonly kind: 'answer'; readonly answer: ProbeAnswer }
  | { readonly kind: 'none'; readonly reason: NoAnswerReason; readonly text: string }

const podsRead = 5
const linesRead = 400
const linesShown = 5

export async function webhookFacts(looking: Looking): Promise<WebhookFacts> {
  const { context, see } = looking
  const { world, service, environment } = context
  const { name, key } = service.stripe.secret
  const wanted = expandedEvents(context)
  const lookedAt = new Date().toISOString()
  const url = environment.webhookUrl
  const probed = environment.probeUrl ?? url
  const secret = see(async (signal) => {
    const [state, value] = await Promise.all([
      world.cluster.secretKey(name, key, signal),
      world.cluster.readSecretKey(name, key, signal),
    ])
    return { state, first: value?.parts(',')[0] }
  })
  const account = await see((signal) => otherAccount({ ...context, signal }))
  /** What Stripe says for a key of another account is not about this service. */
  const seeStripe = <T>(look: (signal: AbortSignal) => Promise<T>) =>
    see(async (signal) => {
      requirePinned(context, known(account))
      return look(signal)
    })
  const endpoint = seeStripe(async (signal) => {
    const [endpoints, stands] = await Promise.all([
      world.stripe.endpoints(signal),
      world.cluster.secretKey(name, key, signal),
    ])
    return decideEndpoint({ url, events: wanted, endpoints, secret: stands }).endpoint
  })
  const posting = (
    post: (event: ProbeEvent, signal: AbortSignal) => Promise<ProbeAnswer>,
    { mayFail = true, mustBeRefused = true } = {},
  ) =>
    see((signal) =>
      probing(async () => {
        const event = await probeEvent(context, signal)
        const once = async () => {
          if (mustBeRefused) await context.records.announceTestEvent()
          return post(event, signal)
        }
        return triedAgain(once, signal, { mayFail })
      }, signal),
    )
  const pods = see((signal) => world.cluster.examinePods(service.deployment, service.container, signal))
  const events = see((signal) => eventCounts(context, signal))
  const [endpointSeen, eventsSeen, secretSeen, podsSeen] = await Promise.all([endpoint, events, secret, pods])
  const first = known(secretSeen)?.first
  const madeUp = madeUpSecret()
  const [undelivered, missed, signed, wrongly, unsigned, stripeClock, clusterClock, log, dead] = await Promise.all([
    seeStripe((signal) => undeliveredNow({ ...context, signal })),
    seeStripe(() => missedSince(context, known(eventsSeen)?.first ?? known(endpointSeen)?.created.toISOString())),
    first === undefined
      ? see(async () => undefined)
      : posting((event, signal) => world.webhook.signed(probed, event, first, signal), {
          mayFail: false,
          mustBeRefused: false,
        }),
    posting((event, signal) => world.webhook.signed(probed, event, madeUp, signal)),
    posting((event, signal) => world.webhook.unsigned(probed, event, signal)),
    see((signal) => world.stripe.clockAheadMs(signal)),
    see((signal) => world.cluster.clockAheadMs(signal)),
    see((signal) => matchingLog(context, known(podsSeen) ?? [], signal)),
    see((signal) => deadLetters(context, signal)),
  ])
  return {
    url,
    lookedAt,
    wanted,
    apiVersion: service.stripe.apiVersion,
    account,
    pinned: environment.stripe.account,
    endpoint: endpointSeen,
    undelivered,
    missed,
    secret: secretSeen.ok ? { ...secretSeen, value: secretSeen.value.state } : secretSeen,
    signed,
    madeUp: wrongly,
    unsigned,
    readsBack: service.stripe.probe.readsBack,
    stripeClock,
    clusterClock,
    pods: podsSeen,
    log,
    events: eventsSeen,
    dead,
  }
}

/** Probes the service. A missing answer is a fact too: in which way it is missing tells the cause. */
async function probing(probe: () => Promise<ProbeAnswer>, signal: AbortSignal): Promise<Probe> {
  try {
    return { kind: 'answer', answer: await probe() }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof NoAnswer)) throw error
    return { kind: 'none', reason: error.reason, text: error.message }
  }
}

async function undeliveredNow(context: PhaseContext) {
  const since = new Date(Date.now() - context.service.diagnose.lookBackHours * 3_600_000)
  const endpoints = await context.world.stripe.endpoints(context.signal)
  const undelivered = await undeliveredEvents(context, since, endpoints)
  const times = undelivered.ours.map(({ created }) => created.getTime())
  return {
    count: times.length,
    oldestSeconds: times.length === 0 ? 0 : (Date.now() - Math.min(...times)) / 1_000,
    newestAt: times.length === 0 ? undefined : new Date(Math.max(...times)).toISOString(),
    line: undeliveredWords(undelivered),
    unclear: undelivered.unclear.length,
    complete: undelivered.complete,
  }
}

/** Looks for missed events since the service took its first one: what came before was for nobody. */
async function missedSince(context: PhaseContext, firstKnown: string | undefined) {
  const lookBack = Date.now() - context.service.diagnose.lookBackHours * 3_600_000
  // Stripe tells whole seconds, so nobody can say what came before the first event within its own second.
  const first = firstKnown === undefined ? lookBack : Math.floor(Date.parse(firstKnown) / 1_000) * 1_000 + 1_000
  const since = new Date(Math.max(lookBack, first))
  const missed = await missedHere(context, since)
  const stale = context.service.stripe.resendStale ? [] : missed.events.filter(({ newer }) => newer !== undefined)
  const ignored = missed.unstored.length === 0 ? '' : `. ${unstoredWords(missed.unstored)}`
  const older = stale.length === 0 ? '' : `, ${stale.length} of them older than what it has of the object`
  return {
    count: missed.events.length - stale.length,
    stale: stale.length,
    doubtful: missed.unstored.length > 0 || missed.unclear > 0,
    since: since.toISOString(),
    line: `${missed.line}${older}${ignored}`,
    complete: missed.complete,
  }
}

async function matchingLog({ world, service }: PhaseContext, pods: readonly PodExamination[], signal: AbortSignal) {
  const wanted = new RegExp(service.diagnose.webhookLog, 'i')
  const logs = await Promise.all(
    pods
      .slice(0, podsRead)
      .map(({ name }) =>
        world.cluster.readLog({ pod: name, container: service.container, from: 'end', lines: linesRead }, signal),
      ),
  )
  const matching = logs
    .flat()
    .filter(({ text }) => wanted.test(text))
    .sort(byTime)
  const troubled = matching.filter(({ text }) => /refus|invalid|fail|error|not set|dead/i.test(text))
  const last = (troubled.length > 0 ? troubled : matching).slice(-linesShown)
  return { matching: matching.length, troubled: troubled.length, last: last.map(({ pod, text }) => `${pod}: ${text}`) }
}

const byTime = (a: LogLine, b: LogLine) => a.timestamp.localeCompare(b.timestamp)

async function eventCounts(context: PhaseContext, signal: AbortSignal) {
  const { eventsTable, deadLetterTable, lookBackHours } = context.service.diagnose
  const sql = `
    select count(*) as received,
      count(*) filter (where not e.processed and d.event_id is null) as waiting,
      coalesce(extract(epoch from now() - min(e.received_at) filter (where not e.processed and d.event_id is null)), 0) as oldest,
      extract(epoch from now() - max(e.received_at)) as last,
      to_char((select min(received_at) from ${eventsTable}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as first
    from ${eventsTable} e left join ${deadLetterTable} d on d.event_id = e.event_id
    where e.event_id not like '${probeMarks.idPrefix}%' and e.received_at > now() - interval '${lookBackHours} hours'`
  const [received, waiting, oldest, last, first] = oneRow(await query(context, sql, signal))
  return {
    received: Number(received),
    waiting: Number(waiting),
    oldestWaitingSeconds: Number(oldest),
    lastReceivedSeconds: last === null ? undefined : Number(last),
    first: first ?? undefined,
  }
}

async function deadLetters(context: PhaseContext, signal: AbortSignal) {
  const { deadLetterTable } = context.service.diagnose
  const [counts, kinds] = await Promise.all([
    query(
      context,
      `select count(*), count(*) filter (where failed_at > now() - interval '1 hour') from ${deadLetterTable}`,
      signal,
    ),
    query(
      context,
      `select type, error, count(*) from ${deadLetterTable} where failed_at > now() - interval '1 hour'
       group by type, error order by count(*) desc limit 3`,
      signal,
    ),
  ])
  const [total, lastHour] = oneRow(counts)
  return {
    total: Number(total),
    lastHour: Number(lastHour),
    kinds: kinds.rows.map(([type, error, count]) => `${count} × ${type}: ${withoutValues(error ?? '')}`),
  }
}

/** Takes the values out of an error, which may quote the row that it failed on: a diagnosis shows aggregates only. */
export function withoutValues(error: string): string {
  return error
    .replace(/=\([^)]*\)/g, '=(…)')
    .replace(/"[^"]*@[^"]*"|'[^']*'/g, '…')
    .replace(/\b[a-z]{2,}_[A-Za-z0-9]*\d[A-Za-z0-9]*\b/g, '…')
    .replace(/[\w.+-]+@[\w-]+\.[\w.]+/g, '…')
}

export function query(context: PhaseContext, sql: string, signal: AbortSignal): Promise<QueryAnswer> {
  const timeoutMs = context.service.diagnose.timeoutSeconds * 1_000
  return context.world.database.query(sql, { timeoutMs }, signal)
}

export function oneRow({ rows }: QueryAnswer): readonly (string | null)[] {
  const [row] = rows
  if (row === undefined) throw new Error('the database answered with no row')
  return row
}
