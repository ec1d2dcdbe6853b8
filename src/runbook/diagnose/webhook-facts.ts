import { NoAnswer, type NoAnswerReason } from '../../adapters/http/port.ts'
import type { LogLine } from '../../adapters/kubernetes/logs/port.ts'
import type { PodExamination } from '../../adapters/kubernetes/pods/port.ts'
import type { SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { QueryAnswer } from '../../adapters/postgres/port.ts'
import type { ProbeAnswer, WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { PhaseContext } from '../phase.ts'
import { missedEvents } from '../stripe/missed-events.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { decideEndpoint } from '../stripe/webhook-endpoint.ts'
import { known, type Looking, type Seen } from './seen.ts'

/** Everything that decides why events do not come: gathered first, judged afterwards by pure functions. */
export interface WebhookFacts {
  readonly url: string
  /** The event types that the service wants. */
  readonly wanted: readonly string[]
  readonly apiVersion: string
  /** Undefined when Stripe has no endpoint for the URL. */
  readonly endpoint: Seen<WebhookEndpoint | undefined>
  readonly undelivered: Seen<{ readonly count: number; readonly oldestSeconds: number }>
  readonly missed: Seen<{ readonly count: number; readonly since: string; readonly line: string }>
  readonly secret: Seen<SecretKeyState>
  /** Undefined when there is no secret to sign with. */
  readonly signed: Seen<Probe | undefined>
  readonly unsigned: Seen<Probe>
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
  const url = environment.webhookUrl
  const secret = see(async (signal) => {
    const [state, value] = await Promise.all([
      world.cluster.secretKey(name, key, signal),
      world.cluster.readSecretKey(name, key, signal),
    ])
    return { state, first: value?.parts(',')[0] }
  })
  const endpoint = see(async (signal) => {
    const [endpoints, stands] = await Promise.all([
      world.stripe.endpoints(signal),
      world.cluster.secretKey(name, key, signal),
    ])
    return decideEndpoint({ url, events: wanted, endpoints, secret: stands }).endpoint
  })
  const pods = see((signal) => world.cluster.examinePods(service.deployment, service.container, signal))
  const events = see((signal) => eventCounts(context, signal))
  const [endpointSeen, eventsSeen, secretSeen, podsSeen] = await Promise.all([endpoint, events, secret, pods])
  const first = known(secretSeen)?.first
  const [undelivered, missed, signed, unsigned, stripeClock, clusterClock, log, dead] = await Promise.all([
    see((signal) => undeliveredEvents(context, signal)),
    see(() => missedSince(context, known(eventsSeen)?.first ?? known(endpointSeen)?.created.toISOString())),
    see(async (signal) =>
      first === undefined ? undefined : probing(() => world.webhook.signed(url, first, signal), signal),
    ),
    see((signal) => probing(() => world.webhook.unsigned(url, signal), signal)),
    see((signal) => world.stripe.clockAheadMs(signal)),
    see((signal) => world.cluster.clockAheadMs(signal)),
    see((signal) => matchingLog(context, known(podsSeen) ?? [], signal)),
    see((signal) => deadLetters(context, signal)),
  ])
  return {
    url,
    wanted,
    apiVersion: service.stripe.apiVersion ?? world.stripe.apiVersion,
    endpoint: endpointSeen,
    undelivered,
    missed,
    secret: secretSeen.ok ? { ...secretSeen, value: secretSeen.value.state } : secretSeen,
    signed,
    unsigned,
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

async function undeliveredEvents({ world, service }: PhaseContext, signal: AbortSignal) {
  const since = new Date(Date.now() - service.diagnose.lookBackHours * 3_600_000)
  const events = await world.stripe.undelivered(since, signal)
  const oldest = Math.min(...events.map((event) => event.created.getTime()))
  return { count: events.length, oldestSeconds: events.length === 0 ? 0 : (Date.now() - oldest) / 1_000 }
}

/** Looks for missed events since the service took its first one: what came before was for nobody. */
async function missedSince(context: PhaseContext, firstKnown: string | undefined) {
  const lookBack = Date.now() - context.service.diagnose.lookBackHours * 3_600_000
  // Stripe tells whole seconds, so nobody can say what came before the first event within its own second.
  const first = firstKnown === undefined ? lookBack : Math.floor(Date.parse(firstKnown) / 1_000) * 1_000 + 1_000
  const since = new Date(Math.max(lookBack, first))
  const missed = await missedEvents(context, since)
  return { count: missed.events.length, since: since.toISOString(), line: missed.line }
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
    where e.received_at > now() - interval '${lookBackHours} hours'`
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
