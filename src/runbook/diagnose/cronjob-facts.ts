import { Cron } from 'croner'
import type { CronJobExamination, JobExamination } from '../../adapters/kubernetes/cron-jobs/port.ts'
import { type WantedRest, wantedRest } from '../cronjobs/wanted-rest.ts'
import { known, type Looking, type Seen } from './seen.ts'
import { startsAfter, startsBefore } from '../cronjobs/schedule-times.ts'

export interface CronJobFacts {
  readonly name: string
  /** Undefined when the cluster has no such CronJob. */
  readonly found: Seen<CronJobExamination | undefined>
  readonly schedule: Schedule | undefined
  /** The log of the newest failed Job's newest pod, oldest line first. */
  readonly log: Seen<readonly string[]>
  /** The image that the Deployment runs; undefined when there is no Deployment. */
  readonly releaseImage: Seen<string | undefined>
  /** Whether its manifest wants it to rest. */
  readonly wantedRest: Seen<WantedRest>
  readonly now: string
}

type Schedule =
  | { readonly kind: 'invalid'; readonly why: string }
  /** The schedule is valid, but no such time ever comes. */
  | { readonly kind: 'never' }
  | {
      readonly kind: 'times'
      readonly next: string
      /** The last time before now at which a Job was due; undefined when none is known. */
      readonly previous: string | undefined
      readonly everySeconds: number
    }

const logLines = 30

export async function cronJobFacts(looking: Looking, name: string): Promise<CronJobFacts> {
  const { context, see } = looking
  const { world, service } = context
  const now = new Date()
  const found = see((signal) => world.cluster.examineCronJob(name, signal))
  const releaseImage = see(
    async (signal) => (await world.cluster.deployment(service.deployment, service.container, signal))?.image,
  )
  const rest = see((signal) => wantedRest({ ...context, signal }, name))
  const seen = await found
  const examined = known(seen)
  return {
    name,
    found: seen,
    schedule: examined === undefined ? undefined : scheduleOf(examined.schedule, examined.timeZone, now),
    log: await see(async (signal) => {
      const pod =
        examined === undefined ? undefined : newestFailure(examined)?.pods.find((pod) => pod.exitCode !== undefined)
      if (pod === undefined) return []
      const part = { pod: pod.name, from: 'end', lines: logLines } as const
      const lines = await world.cluster.readLog(part, signal)
      // A container that was started again said why before it ended: its former log tells more.
      const former = pod.restarts === 0 ? [] : await world.cluster.readLog({ ...part, previous: true }, signal)
      return [...former, ...lines].map(({ text }) => text).slice(-logLines)
    }),
    releaseImage: await releaseImage,
    wantedRest: await rest,
    now: now.toISOString(),
  }
}

/** Returns the newest finished Job if it failed. */
export function newestFailure({ jobs }: CronJobExamination): JobExamination | undefined {
  const newest = jobs.find((job) => job.outcome !== 'running')
  return newest?.outcome === 'failed' ? newest : undefined
}

/** Picks the line that says what went wrong: the first error, because what follows is its consequence. */
export function tellingLine(lines: readonly string[]): string | undefined {
  const said = [
    /\b\w*(Error|Exception):/,
    /"level":\s*"(error|fatal)"|\b(fatal|panic|error)\b/i,
    /refused|denied|not found/i,
  ]
  return said.flatMap((pattern) => lines.find((line) => pattern.test(line)) ?? [])[0]?.trim()
}

/**
 * Reads a schedule as the CronJob controller does: five fields or a nickname, in the CronJob's own zone or UTC. Returns
 * undefined for `@every 5m`: the controller takes it, but its times depend on when it looked last.
 */
export function scheduleOf(text: string, timeZone: string | undefined, now: Date): Schedule | undefined {
  if (text.startsWith('@every ')) return undefined
  try {
    // The controller takes a question mark for a star; croner would put the present moment there.
    const cron = new Cron(text.replaceAll('?', '*'), { paused: true, timezone: timeZone ?? 'UTC', mode: '5-part' })
    const [next, second] = startsAfter(cron, 2, now)
    if (next === undefined) return { kind: 'never' }
    const [previous] = startsBefore(cron, 1, now)
    const everySeconds = second === undefined ? Number.POSITIVE_INFINITY : (second.getTime() - next.getTime()) / 1_000
    return { kind: 'times', next: next.toISOString(), previous: previous?.toISOString(), everySeconds }
  } catch (error) {
    return { kind: 'invalid', why: (error instanceof Error ? error.message : String(error)).split('. ')[0] ?? '' }
  }
}
