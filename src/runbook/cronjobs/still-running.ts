import { setTimeout as pause } from 'node:timers/promises'
import type { RunningJob } from '../../adapters/kubernetes/cron-jobs/port.ts'
import { ago } from '../../text.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'

/*
 * Suspending a CronJob ends nothing that it started, and its controller does not count the Jobs that people start. So
 * whoever starts a Job of it looks first, by the CronJob's own concurrencyPolicy: with Forbid one waits for what runs.
 * With Replace the controller would end it; Purser waits all the same, because it may end no Job of others. Only Allow
 * lets two run side by side.
 */

const limitMs = 5 * 60_000
const lookMs = 1_000

interface Starting {
  readonly name: string
  readonly policy: string
  /** What is about to happen, as in "running it by hand". */
  readonly doing: string
  /** Which of the Jobs that run are in the way. */
  readonly concerns: (job: RunningJob) => boolean
}

/**
 * Returns when no Job is in the way any more; where the policy allows two at once it only says which ones run on. Raises
 * `jobs_running` when one does not end in time.
 */
export async function waitForRunning(context: PhaseContext, starting: Starting, signal: AbortSignal): Promise<void> {
  const { name, policy, doing, concerns } = starting
  const deadline = Date.now() + limitMs
  for (;;) {
    const all = await context.world.cluster.stillRunning(name, signal)
    const running = all.filter(concerns)
    if (running.length === 0) return
    if (policy === 'Allow') return tellRunning(context, name, `its policy allows a second one`, running)
    if (Date.now() > deadline)
      throw new CheckFailed('jobs_running', `${doing}: ${listed(running)} of ${name} does not end`, {
        evidence: running.map(describe),
        hint: `Its policy is ${policy}, so nothing was started beside it. Wait until it ends, or kubectl delete job ${running[0]?.name ?? ''}. Then retry the phase.`,
      })
    await context.report(`waiting for ${listed(running)} of ${name}, which still runs (policy ${policy})`)
    await pause(lookMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

/** Says in the thread which Jobs go on although their CronJob is another one now, or is gone. */
export async function tellRunning(
  context: PhaseContext,
  name: string,
  why: string,
  running: readonly RunningJob[],
): Promise<void> {
  if (running.length === 0) return
  const one = running.length === 1 ? 'runs' : 'run'
  const text = `${listed(running)} of CronJob ${name} still ${one}: ${why}.`
  await context.tell({ kind: 'note', text }, `running-${name}-${running.map((job) => job.name).join('-')}`)
}

function listed(running: readonly RunningJob[]): string {
  return running.map((job) => `Job ${job.name}`).join(', ')
}

function describe({ name, createdAt, byHand }: RunningJob): string {
  const since = createdAt === undefined ? '' : `, made ${ago(new Date(createdAt), new Date())}`
  return `${name}${since}${byHand ? ', started by hand' : ''}`
}
