import { setTimeout as pause } from 'node:timers/promises'
import type { QueryAnswer } from '../adapters/postgres/port.ts'
import type { VerifyQueryConfig } from '../config/service-schema.ts'
import type { Check, Verdict } from '../runs/model.ts'
import type { PhaseContext } from './context.ts'
import { expandedEvents } from './plan.ts'
import { probe } from './stripe.ts'
import { decideEndpoint } from './webhook-endpoint.ts'

/** What a look at one thing found. */
export interface Finding {
  readonly verdict: Verdict
  readonly value: string
}

/** Times one check. A look that fails is `unknown`, never a pass; its reason is the value. */
export async function check(
  about: Pick<Check, 'name' | 'title' | 'threshold'>,
  signal: AbortSignal,
  look: () => Promise<Finding>,
): Promise<Check> {
  const began = performance.now()
  const found = await look().catch((error: unknown): Finding => {
    signal.throwIfAborted()
    return { verdict: 'unknown', value: error instanceof Error ? error.message : String(error) }
  })
  return { ...about, ...found, milliseconds: Math.round(performance.now() - began) }
}

/** The runbook's Verification Commands, as configured, side by side. */
export async function counts(context: PhaseContext): Promise<readonly Check[]> {
  const { service, signal } = context
  return Promise.all(
    service.verify.queries.map((query) =>
      check({ name: query.name, title: query.title, threshold: limitsOf(query) }, signal, async () => {
        const timeoutMs = service.verify.timeoutSeconds * 1_000
        const answer = await context.world.database.query(query.sql, { timeoutMs }, signal)
        return { verdict: withinLimits(totalOf(answer), query), value: rowsInWords(answer) }
      }),
    ),
  )
}

/** Rollout, endpoint, CronJobs and health, as they stand now. */
export async function state(context: PhaseContext): Promise<readonly Check[]> {
  const { service, signal } = context
  return Promise.all([
    check({ name: 'rollout', title: 'Deployment', threshold: 'all pods ready' }, signal, () => rolloutState(context)),
    check({ name: 'health', title: 'Health URL', threshold: '200' }, signal, () => healthState(context)),
    check({ name: 'endpoint', title: 'Stripe endpoint', threshold: 'enabled' }, signal, () => endpointState(context)),
    ...service.cronJobs.map((job) =>
      check({ name: `cronjob-${job.name}`, title: `CronJob ${job.name}`, threshold: 'scheduled' }, signal, () =>
        cronJobState(context, job.name),
      ),
    ),
  ])
}

export async function rolloutState(context: PhaseContext, image?: string): Promise<Finding> {
  const { world, service, signal } = context
  const deployment = await world.cluster.deployment(service.deployment, service.container, signal)
  if (deployment === undefined) return { verdict: 'fail', value: `no deployment ${service.deployment}` }
  const { availableReplicas, replicas, updatedReplicas } = deployment
  const value = `${availableReplicas} of ${replicas} pods ready on ${shortImage(deployment.image)}`
  const whole = replicas > 0 && availableReplicas === replicas && updatedReplicas === replicas
  return { verdict: whole && (image === undefined || image === deployment.image) ? 'pass' : 'fail', value }
}

export async function healthState({ world, environment, signal }: PhaseContext): Promise<Finding> {
  const answer = await world.health.get(environment.healthUrl, signal)
  const value = `${answer.status} in ${Math.round(answer.milliseconds)} ms`
  return { verdict: answer.status === 200 ? 'pass' : 'fail', value }
}

async function endpointState(context: PhaseContext): Promise<Finding> {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const events = expandedEvents(context)
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const { endpoint, action } = decideEndpoint({ url: environment.webhookUrl, events, endpoints, secret })
  if (endpoint === undefined) return { verdict: 'fail', value: `none for ${environment.webhookUrl}` }
  const value = `${endpoint.id} ${endpoint.status}, ${endpoint.enabledEvents.length} events`
  if (endpoint.status === 'disabled') return { verdict: 'fail', value }
  return action === 'keep' ? { verdict: 'pass', value } : { verdict: 'warn', value: `${value}; needs ${action}` }
}

async function cronJobState({ world, signal }: PhaseContext, name: string): Promise<Finding> {
  const job = await world.cluster.cronJob(name, signal)
  if (job === undefined) return { verdict: 'fail', value: 'does not exist' }
  if (job.suspended) return { verdict: 'fail', value: `${job.schedule}, suspended` }
  const last = job.lastSuccessfulTime ?? 'not yet'
  return { verdict: 'pass', value: `${job.schedule}, last success ${last}` }
}

/** The endpoint is enabled, the service takes signed events and refuses others, and Stripe has nothing left to deliver. */
export async function webhookState(context: PhaseContext, since: Date): Promise<Finding> {
  const { signal } = context
  const endpoint = await endpointState(context)
  if (endpoint.verdict === 'fail') return endpoint
  const answer = await probe(context, signal)
  const waiting = await undeliveredForLong(context, since)
  const value = `${endpoint.value}; signed probe ${answer.status} in ${answer.milliseconds} ms; ${waiting} undelivered`
  return { verdict: waiting === 0 ? endpoint.verdict : 'warn', value }
}

/** Stripe tries again after a failed delivery: only events that stay undelivered this long count. */
const deliveryPatienceMs = 15_000
const deliveryLookMs = 1_000

/** Events on their way right now are no trouble: how many of those seen first are still waiting at the last look. */
async function undeliveredForLong({ world, signal }: PhaseContext, since: Date): Promise<number> {
  let waiting = (await world.stripe.undelivered(since, signal)).map((event) => event.id)
  const deadline = Date.now() + deliveryPatienceMs
  while (waiting.length > 0 && Date.now() < deadline) {
    await pause(deliveryLookMs, undefined, { signal })
    const still = new Set((await world.stripe.undelivered(since, signal)).map((event) => event.id))
    waiting = waiting.filter((id) => still.has(id))
  }
  return waiting.length
}

interface Limits {
  readonly atMost?: number
  readonly atLeast?: number
}

/** Without limits a number is only shown. */
export function withinLimits(value: number | undefined, { atMost, atLeast }: Limits): Verdict {
  if (value === undefined || Number.isNaN(value)) return 'unknown'
  if (atMost !== undefined && value > atMost) return 'fail'
  if (atLeast !== undefined && value < atLeast) return 'fail'
  return 'pass'
}

export function limitsOf({ atMost, atLeast }: Limits | VerifyQueryConfig): string {
  const parts = [...(atLeast === undefined ? [] : [`≥ ${atLeast}`]), ...(atMost === undefined ? [] : [`≤ ${atMost}`])]
  return parts.length === 0 ? 'any' : parts.join(', ')
}

/** Sum of the column `count`, or of the first column that holds numbers; no rows are 0. Undefined: not a number. */
export function totalOf({ columns, rows }: QueryAnswer): number | undefined {
  if (rows.length === 0) return 0
  const holdsNumbers = (column: number) => rows.every((row) => isNumber(row[column]))
  const named = columns.indexOf('count')
  const column = named >= 0 ? named : columns.findIndex((_, index) => holdsNumbers(index))
  if (column < 0 || !holdsNumbers(column)) return undefined
  return rows.reduce((sum, row) => sum + Number(row[column]), 0)
}

/** One row of one column: the value. Grouped rows: "12 (processed t), 1 (processed f)". */
function rowsInWords({ columns, rows }: QueryAnswer): string {
  if (rows.length === 0) return '0'
  const count = Math.max(0, columns.indexOf('count'))
  return rows
    .slice(0, 10)
    .map((row) => {
      const others = columns.flatMap((column, index) => (index === count ? [] : [`${column} ${inWords(row[index])}`]))
      return others.length === 0 ? String(row[count]) : `${row[count]} (${others.join(', ')})`
    })
    .join(', ')
}

/** As people say it: psql's `t` and `f` are true and false. */
function inWords(value: string | null | undefined): string {
  if (value === 't') return 'true'
  return value === 'f' ? 'false' : (value ?? 'null')
}

function isNumber(text: string | null | undefined): boolean {
  return text !== null && text !== undefined && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)
}

function shortImage(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…')
}
