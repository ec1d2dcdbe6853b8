import type { RunningJob } from '../../adapters/kubernetes/cron-jobs/port.ts'
import type { EndpointBefore } from '../../model/effects/stripe-endpoint.ts'
import type { Remedy } from '../../model/diagnosis.ts'
import type { Phase, PhaseContext, PhaseResult } from '../phase.ts'
import { endpointBefore } from '../stripe/credentials.ts'
import { jobName } from '../cronjobs/cronjobs.ts'
import { waitForRunning } from '../cronjobs/still-running.ts'
import { CheckFailed } from '../errors.ts'
import { missedHere } from '../stripe/missed/missed-here.ts'
import { resendEvents } from '../stripe/missed/resend-events.ts'
import { probe } from '../stripe/probe/probe.ts'

/**
 * Does the one thing that a diagnosis proposed and an approver pressed. It looks first whether there is still cause.
 */
export const fix: Phase = (context) => {
  const { plan } = context.run
  if (plan?.kind !== 'fix') throw new Error(`run #${context.run.number} does not say what to fix`)
  return act(context, plan.remedy)
}

function act(context: PhaseContext, remedy: Remedy): Promise<PhaseResult> {
  switch (remedy.kind) {
    case 'resume_cronjob':
      return resumeCronJob(context, remedy.target)
    case 'run_cronjob':
      return runCronJob(context, remedy.target)
    case 'enable_endpoint':
      return enableEndpoint(context, remedy.target)
    case 'resend_events':
      return resend(context, remedy)
    case 'deploy':
      throw new Error('a deploy is a run of its own')
  }
}

async function resumeCronJob(context: PhaseContext, name: string): Promise<PhaseResult> {
  const { cluster } = context.world
  const { suspended } = await context.step(`look at ${name}`, async (signal) => {
    const state = await cluster.cronJob(name, signal)
    if (state === undefined) throw gone(`CronJob ${name}`)
    return { suspended: state.suspended }
  })
  if (!suspended) return { line: `CronJob ${name} wasn't suspended any more, nothing changed` }
  await context.report(`resuming ${name}`)
  await context.change(`resume ${name}`, {
    kind: 'schedule',
    target: name,
    before: async () => ({ suspended }),
    act: async (_before, signal) => {
      await cluster.suspendCronJob(name, false, signal)
      return { suspended: false }
    },
  })
  return { line: `CronJob ${name} resumed` }
}

/**
 * Starts the CronJob as `kubectl create job --from` does. The Job's name is made of run and attempt, so a repeat after
 * a crash finds the same Job.
 */
async function runCronJob(context: PhaseContext, name: string): Promise<PhaseResult> {
  const { cluster } = context.world
  const job = jobName(context.run, 'fix', name)
  await context.step(`look what runs of ${name}`, (signal) => lookWhatRuns(context, name, job, signal))
  await context.report(`running ${name} by hand as Job ${job}`)
  const outcome = await context.change(`run ${name} by hand`, {
    kind: 'job',
    target: job,
    before: async (signal) => ({
      lastSuccessfulTime: (await cluster.cronJob(name, signal))?.lastSuccessfulTime ?? null,
    }),
    act: async (_before, signal) => {
      const { succeeded, reason, logs } = await cluster.runCronJobNow(name, job, signal)
      return { succeeded, reason: reason ?? null, logs: logs.slice(-40) }
    },
  })
  if (!outcome.succeeded)
    throw new CheckFailed('cronjob_failed', `running ${name} by hand: ${outcome.reason ?? 'the Job failed'}`, {
      evidence: outcome.logs,
      hint: `Fix the error in its log, then diagnose again: \`/billing diagnose cronjob ${name}\``,
    })
  await context.tell({ kind: 'output', title: `Job ${job}`, lines: outcome.logs.slice(-20) }, `job-${job}`)
  return { line: `Job ${job} succeeded` }
}

/** Waits for what must not run beside it. Its schedule goes on, and its controller does not count a Job made by hand. */
async function lookWhatRuns(context: PhaseContext, name: string, own: string, signal: AbortSignal): Promise<void> {
  const state = await context.world.cluster.cronJob(name, signal)
  if (state === undefined) throw gone(`CronJob ${name}`)
  const { concurrencyPolicy: policy, suspended } = state
  const concerns = (job: RunningJob) => job.name !== own
  await waitForRunning(context, { name, policy, doing: `running ${name} by hand`, concerns }, signal)
  if (policy === 'Allow' || suspended) return
  const text = `The schedule of ${name} continues. Its controller doesn't count Job ${own}, so another may start despite policy ${policy}.`
  await context.tell({ kind: 'note', text }, `beside-${own}`)
}

/** Enables the endpoint, traffic after pods: it stays off while the service would refuse its events. */
async function enableEndpoint(context: PhaseContext, id: string): Promise<PhaseResult> {
  const { stripe } = context.world
  const before = await context.step('look at the endpoint', async (signal): Promise<EndpointBefore> => {
    const endpoint = await stripe.endpoint(id, signal)
    if (endpoint === undefined) throw gone(`Stripe endpoint ${id}`)
    return endpointBefore(endpoint)
  })
  if (before.status === 'enabled') return { line: `endpoint ${id} was already enabled, nothing changed` }
  await context.report('asking the service with a signed, a wrongly signed and an unsigned event')
  await context.step('probe before enabling', (signal) => probe(context, signal))
  await context.report(`enabling ${id}`)
  await context.change('enable the endpoint', {
    kind: 'stripe-endpoint',
    target: context.environment.webhookUrl,
    before: async () => before,
    act: async (_before, signal) => {
      await stripe.updateEndpoint(id, { disabled: false }, signal)
      return { id }
    },
  })
  return { line: `endpoint ${id} enabled` }
}

async function resend(
  context: PhaseContext,
  { since, byStripe }: Extract<Remedy, { kind: 'resend_events' }>,
): Promise<PhaseResult> {
  await context.report('looking for events that the service lacks')
  const { events } = await context.step('find the missed events', async (signal) => {
    const missed = await missedHere({ ...context, signal }, new Date(since))
    return { events: [...missed.events] }
  })
  const resent = await resendEvents(context, events, { byStripe: byStripe === true })
  if (resent.left.length === 0) return { line: resent.line }
  throw new CheckFailed('events_refused', `sending events again: ${resent.line}`, {
    evidence: resent.left.slice(0, 40).map((event) => `${event.id} ${event.type}: ${event.detail}`),
    hint: 'The accepted ones are done. Diagnose again to see what is left.',
  })
}

function gone(what: string): CheckFailed {
  return new CheckFailed('fix_outdated', `looking at ${what}: it is gone`, {
    hint: 'Diagnose again: something has changed since.',
  })
}
