import { excerpt } from '../../outside-text/excerpt.ts'
import { type Check, isDeployPlan } from '../../model/run.ts'
import { check, type CheckResult } from './checks.ts'
import type { PhaseContext } from '../phase.ts'
import { cronHealth } from '../cronjobs/cron-health.ts'
import { wantedRest } from '../cronjobs/wanted-rest.ts'
import { releasedImage } from '../rollout/image.ts'
import { errorLine } from '../log-records/error-records.ts'
import { ErrorCounter } from '../monitor/error-counter.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { probe } from '../stripe/probe.ts'
import { decideEndpoint } from '../stripe/webhook-endpoint.ts'

/** Checks rollout, health, endpoint, webhook, CronJobs and logs, as they are now, side by side. */
export async function state(context: PhaseContext): Promise<readonly Check[]> {
  const { service, signal } = context
  const { deployment, cronJobs, monitor } = service
  const perMinute = `≤ ${monitor.logs.maxErrorsPerMinute} per minute`
  return Promise.all([
    check({ name: 'rollout', title: 'Deployment', threshold: `all pods of ${deployment} ready` }, signal, async () =>
      rolloutState(context, await expectedImage(context)),
    ),
    check({ name: 'health', title: 'Health URL', threshold: '200' }, signal, () => healthState(context)),
    check({ name: 'endpoint', title: 'Stripe endpoint', threshold: 'enabled, none undelivered' }, signal, () =>
      endpointState(context),
    ),
    check({ name: 'webhook', title: 'Webhook URL', threshold: 'signed 2xx, unsigned 400' }, signal, () =>
      webhookState(context),
    ),
    ...cronJobs.map(({ name }) =>
      check({ name: `cronjob-${name}`, title: `CronJob ${name}`, threshold: 'success within 2 periods' }, signal, () =>
        cronJobState(context, name),
      ),
    ),
    check({ name: 'logs', title: 'Error lines in the logs', threshold: perMinute }, signal, () => logState(context)),
  ])
}

/** Returns the image that a deploy has rolled out; a verification by itself takes whatever runs. */
async function expectedImage(context: PhaseContext): Promise<string | undefined> {
  return isDeployPlan(context.run.plan) ? (await releasedImage(context)).reference : undefined
}

export async function rolloutState(context: PhaseContext, image?: string): Promise<CheckResult> {
  const { world, service, signal } = context
  const deployment = await world.cluster.deployment(service.deployment, service.container, signal)
  if (deployment === undefined) return { verdict: 'fail', value: `no deployment ${service.deployment}` }
  const { availableReplicas, replicas, updatedReplicas } = deployment
  const value = `${availableReplicas} of ${replicas} pods ready on ${shortImage(deployment.image)}`
  const whole = replicas > 0 && availableReplicas === replicas && updatedReplicas === replicas
  const right = image === undefined || image === deployment.image
  return { verdict: whole && right ? 'pass' : 'fail', value, number: availableReplicas }
}

export async function healthState({ world, environment, signal }: PhaseContext): Promise<CheckResult> {
  const answer = await world.health.get(environment.healthUrl, signal)
  const sent = answer.location === undefined ? '' : `, sends to ${answer.location}, which was not followed`
  const value = `${answer.status} in ${Math.round(answer.milliseconds)} ms${sent}`
  return { verdict: answer.status === 200 ? 'pass' : 'fail', value }
}

/** Stripe tries again after a failed delivery: an event younger than this is on its way, not undelivered. */
const deliveryPatienceMs = 60_000
const hourMs = 3_600_000

/** Checks that the endpoint is as the plan wants it, is enabled, and that Stripe has delivered what it had for it. */
async function endpointState(context: PhaseContext): Promise<CheckResult> {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const events = expandedEvents(context)
  const [endpoints, secret, undelivered] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
    undeliveredEvents(context, new Date(Date.now() - hourMs)),
  ])
  const { endpoint, action } = decideEndpoint({ url: environment.webhookUrl, events, endpoints, secret })
  if (endpoint === undefined) return { verdict: 'fail', value: `none for ${environment.webhookUrl}` }
  const stands = `${endpoint.id} ${endpoint.status}, ${endpoint.enabledEvents.length} events`
  const needs = action === 'keep' ? '' : `; needs ${action}`
  const odd = secret.strays.length === 0 ? '' : `; in Secret ${name} ${secret.strays.join(', ')}`
  const value = `${stands}, ${undelivered === 0 ? 'none undelivered' : `${undelivered} undelivered`} in the last hour${needs}${odd}`
  if (endpoint.status === 'disabled') return { verdict: 'fail', value, number: undelivered }
  const asWanted = action === 'keep' && secret.strays.length === 0
  return { verdict: asWanted && undelivered === 0 ? 'pass' : 'warn', value, number: undelivered }
}

/** Counts the events since then that Stripe could not deliver for a minute or longer. */
export async function undeliveredEvents({ world, signal }: PhaseContext, since: Date): Promise<number> {
  const young = new Date(Date.now() - deliveryPatienceMs)
  const [all, fresh] = await Promise.all([
    world.stripe.undelivered(since, signal),
    world.stripe.undelivered(young, signal),
  ])
  const onTheirWay = new Set(fresh.map((event) => event.id))
  return all.filter((event) => !onTheirWay.has(event.id)).length
}

/** Checks that the service takes signed events and refuses unsigned ones; raises CheckFailed otherwise. */
async function webhookState(context: PhaseContext): Promise<CheckResult> {
  const answer = await probe(context, context.signal)
  return {
    verdict: 'pass',
    value: `signed probe ${answer.status} in ${answer.milliseconds} ms, unsigned one refused`,
  }
}

async function cronJobState(context: PhaseContext, name: string): Promise<CheckResult> {
  const [job, wanted] = await Promise.all([
    context.world.cluster.cronJob(name, context.signal),
    wantedRest(context, name),
  ])
  return job === undefined ? { verdict: 'fail', value: 'does not exist' } : cronHealth(job, new Date(), wanted)
}

/** The number of lines that are read of each pod; beyond it the rate is a lower bound, and said to be one. */
const mostLogLines = 20_000

/** Counts the errors of the last minutes over all pods, per minute, and shows the most frequent one. */
async function logState(context: PhaseContext): Promise<CheckResult> {
  const { world, service, signal } = context
  const { logs } = service.monitor
  const counter = new ErrorCounter(errorLine(service.monitor), [], [])
  const since = new Date(Date.now() - logs.windowMinutes * 60_000).toISOString()
  const { deployment, container } = service
  const read = { deployment, container, since, mostLines: mostLogLines }
  const { pods, cut, unreadable } = await world.cluster.recentLogs(read, (line) => counter.take(line), signal)
  if (pods.length === 0) return { verdict: 'unknown', value: 'no pods with readable logs' }
  const { groups } = counter.drain({ all: true })
  const errors = groups.reduce((sum, { count }) => sum + count, 0)
  const rate = Math.round((errors / logs.windowMinutes) * 10) / 10
  const atLeast = cut.length + unreadable.length > 0 ? 'at least ' : ''
  const span = `${atLeast}${rate} per minute over ${logs.windowMinutes} min in ${pods.length} pods`
  const [worst] = groups.toSorted((a, b) => b.count - a.count)
  const told = worst === undefined ? span : `${span}. ${worst.count} × ${excerpt(worst.example, 200)}`
  const value = [told, ...unreadable.map((what) => `not read: ${what}`)].join('; ')
  if (rate > logs.maxErrorsPerMinute) return { verdict: 'fail', value, number: rate }
  return { verdict: unreadable.length > 0 ? 'unknown' : 'pass', value, number: rate }
}

function shortImage(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…')
}
