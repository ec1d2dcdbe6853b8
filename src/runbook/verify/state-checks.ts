import { excerpt } from '../../outside-text/excerpt.ts'
import type { RefusedProbe } from '../../model/refused-probe.ts'
import { type Check, isDeployPlan } from '../../model/run.ts'
import { CheckFailed } from '../errors.ts'
import { check, type CheckResult } from './checks.ts'
import type { PhaseContext } from '../phase.ts'
import { cronHealth } from '../cronjobs/cron-health.ts'
import { wantedRest } from '../cronjobs/wanted-rest.ts'
import { releasedImage } from '../rollout/image.ts'
import { errorLine } from '../log-records/error-records.ts'
import { ErrorCounter } from '../monitor/error-counter.ts'
import { subscriptionSize } from '../../model/subscription.ts'
import { probe } from '../stripe/probe/probe.ts'
import { refusesSignature } from '../stripe/probe/probe-verdict.ts'
import { undeliveredEvents, undeliveredWords } from '../stripe/undelivered.ts'
import { concerns, endpointNow, lookedAtSince } from './events-window.ts'
import { receivedState } from './received-check.ts'

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
    ...(service.stripe.receivedEvents === undefined
      ? []
      : [
          check({ name: 'received', title: 'Stripe events received', threshold: 'none missing' }, signal, () =>
            receivedState(context),
          ),
        ]),
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

const hourMs = 3_600_000

/**
 * Checks that the endpoint is as the plan wants it, is enabled, and that Stripe has delivered what it had for it. What another endpoint of
 * the account takes too is the service's trouble only when its own table says so.
 */
async function endpointState(context: PhaseContext): Promise<CheckResult> {
  const { service, environment } = context
  const { name } = service.stripe.secret
  const { endpoint, action, endpoints, secret, rolled } = await endpointNow(context)
  if (endpoint === undefined) return { verdict: 'fail', value: `none for ${environment.webhookUrl}` }
  const { since, words } = lookedAtSince(context)
  const found = await undeliveredEvents(context, since, endpoints)
  const undelivered = {
    ...found,
    ours: found.ours.filter(concerns(context)),
    unclear: found.unclear.filter(concerns(context)),
  }
  const stands = `${endpoint.id} ${endpoint.status}, ${subscriptionSize(endpoint.enabledEvents)}`
  const needs = action === 'keep' ? '' : `; needs ${action}`
  const odd = secret.strays.length === 0 ? '' : `; in Secret ${name} ${secret.strays.join(', ')}`
  const other = rolled === undefined ? '' : `; made with a different secret, deliveries arrive with the cluster's`
  const value = `${stands}, ${undeliveredWords(undelivered)} ${words}${needs}${other}${odd}`
  const number = undelivered.ours.length
  if (endpoint.status === 'disabled') return { verdict: 'fail', value, number }
  // A release is not judged by it alone: Stripe tells that somebody did not take an event, and the watch asks people.
  if (number > 0) return { verdict: isDeployPlan(context.run.plan) ? 'warn' : 'fail', value, number }
  if (!undelivered.complete) return { verdict: 'unknown', value, number }
  const asWanted = action === 'keep' && secret.strays.length === 0
  return { verdict: asWanted && undelivered.unclear.length === 0 ? 'pass' : 'warn', value, number }
}

/** For so long it counts that the service refused what it must: services log each refusal, some as an error. */
const refusalCountsMs = 24 * hourMs

/** Checks that the service takes signed events and refuses others. Where Purser is kept out, nobody has seen either. */
async function webhookState(context: PhaseContext): Promise<CheckResult> {
  const known = await knownRefusal(context)
  const answer = await probe(context, context.signal, known === undefined ? {} : { refused: known }).catch(asFailed)
  if (answer instanceof CheckFailed) {
    const { code, message, hint } = answer
    const value = [message, ...(hint === undefined ? [] : [hint])].join('. ')
    return { verdict: code === 'probe_kept_out' ? 'unknown' : 'fail', value }
  }
  const { milliseconds, refused } = answer
  const { at, unsigned, madeUp } = refused ?? { at: '', unsigned: 0, madeUp: 0 }
  const when = known === undefined ? '' : ` at ${at.slice(0, 16).replace('T', ' ')} UTC`
  const clean = [unsigned, madeUp].every((status) => refusesSignature({ status }))
  const how = clean ? 'refused' : `answered with ${unsigned}, one signed with a made-up secret with ${madeUp}`
  return {
    verdict: clean ? 'pass' : 'warn',
    value: `signed probe ${answer.status} in ${milliseconds} ms, unsigned one ${how}${when}`,
    ...(refused !== undefined && known === undefined ? { refused } : {}),
  }
}

/** A refusal counts until a run has seen that the service takes such an event after all. */
async function knownRefusal({ records }: PhaseContext): Promise<RefusedProbe | undefined> {
  const [newest] = await records.refusedProbes(new Date(Date.now() - refusalCountsMs))
  return newest !== undefined && (await records.sawUnchecked(new Date(newest.at))) ? undefined : newest
}

function asFailed(error: unknown): CheckFailed {
  if (error instanceof CheckFailed) return error
  throw error
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
  const from = new Date(Date.now() - logs.windowMinutes * 60_000)
  const counter = new ErrorCounter(errorLine(service.monitor), [], [])
  const since = from.toISOString()
  const { deployment, container } = service
  const read = { deployment, container, since, mostLines: mostLogLines }
  const { pods, cut, unreadable } = await world.cluster.recentLogs(read, (line) => counter.take(line), signal)
  if (pods.length === 0) return { verdict: 'unknown', value: 'no pods with readable logs' }
  const { groups } = counter.drain({ all: true, testEvents: await context.records.testEventsSince(from) })
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
