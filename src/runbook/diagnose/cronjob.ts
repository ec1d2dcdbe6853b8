import type { CronJobExamination, JobExamination } from '../../adapters/kubernetes/cron-jobs/port.ts'
import { excerpt } from '../../outside-text/excerpt.ts'
import type { Cause, Finding, Remedy } from '../../model/diagnosis.ts'
import { type CronJobFacts, newestFailure, tellingLine } from './cronjob-facts.ts'
import { judged, known, readable } from './seen.ts'
import { counted, roughly } from '../../text.ts'

/** The controller looks every 10 s, and a Job takes a moment to be made. */
const startGraceSeconds = 120

/**
 * States what each look at "CronJob Not Running" found. `named` puts the name into the titles, for several CronJobs.
 * Pure.
 */
export function cronJobFindings(facts: CronJobFacts, named: boolean): readonly Finding[] {
  const title = (text: string) => (named ? `${facts.name}: ${text}` : text)
  const look = (
    name: string,
    text: string,
    judge: (found: CronJobExamination) => ReturnType<Parameters<typeof judged>[3]>,
  ) =>
    judged(`${facts.name}-${name}`, title(text), facts.found, (found) =>
      found === undefined ? { verdict: 'fail', seen: `no CronJob ${facts.name}` } : judge(found),
    )
  const described = look('describe', 'CronJob', (found) => ({
    ...restLook(facts, found),
    seen: [
      restLook(facts, found).seen,
      `last scheduled start ${readable(found.lastScheduleTime)}`,
      `last success ${readable(found.lastSuccessfulTime)}`,
      `concurrency ${found.concurrencyPolicy}`,
      ...(found.startingDeadlineSeconds === undefined
        ? []
        : [`starts at most ${found.startingDeadlineSeconds} s late`]),
    ].join(', '),
  }))
  // One line is enough where there is nothing to look at.
  if (!facts.found.ok || facts.found.value === undefined) return [described]
  return [
    described,
    look('schedule', 'Schedule', (found) => scheduleLook(facts, found)),
    look('jobs', 'Jobs', jobsLook),
    look('pods', 'Pods of its Jobs', podsLook),
    judged(`${facts.name}-log`, title('Log of the newest failed pod'), facts.log, (lines) => ({
      verdict: lines.length === 0 ? 'pass' : 'fail',
      seen: lines.length === 0 ? 'none has failed' : (tellingLine(lines) ?? lines.at(-1) ?? ''),
      evidence: lines,
    })),
    judged(`${facts.name}-image`, title('Image'), facts.releaseImage, (release) => {
      const { image = '' } = known(facts.found) ?? {}
      if (release === undefined)
        return { verdict: 'unknown', seen: `${short(image)}, and no Deployment to compare with` }
      return image === release
        ? { verdict: 'pass', seen: `${short(image)}, as the deployment's` }
        : { verdict: 'warn', seen: `${short(image)}, but the deployment runs ${short(release)}` }
    }),
    look('warnings', 'Warnings of the cluster', ({ warnings }) => ({
      // The cluster lists past trouble for an hour, so the start that had it may be over: it only warns.
      verdict: warnings.length === 0 ? 'pass' : 'warn',
      seen: warnings.length === 0 ? 'none' : (warnings[0] ?? ''),
      evidence: warnings,
    })),
  ]
}

/** Whether it rests or runs, as its manifest wants it. */
function restLook({ wantedRest }: CronJobFacts, { suspended }: CronJobExamination) {
  const wanted = known(wantedRest)
  const rests = wanted?.known === true ? wanted.suspended : undefined
  if (suspended && rests === true) return { verdict: 'pass' as const, seen: 'suspended by its manifest' }
  if (suspended) return { verdict: 'fail' as const, seen: 'suspended' }
  return rests === true
    ? { verdict: 'warn' as const, seen: 'active, but its manifest suspends it' }
    : { verdict: 'pass' as const, seen: 'active' }
}

function scheduleLook({ schedule, now }: CronJobFacts, found: CronJobExamination) {
  const zone = found.timeZone ?? 'UTC'
  if (schedule === undefined)
    return { verdict: 'unknown' as const, seen: `${found.schedule}: its times cannot be told beforehand` }
  if (schedule.kind === 'invalid')
    return { verdict: 'fail' as const, seen: `${found.schedule} (${zone}) isn't a schedule: ${schedule.why}` }
  if (schedule.kind === 'never')
    return { verdict: 'fail' as const, seen: `${found.schedule} (${zone}): no such time ever comes` }
  const missed = missedStart(found, schedule, now)
  const next = `next at ${readable(schedule.next)}`
  const seen = `${found.schedule} (${zone}), ${next}`
  return missed === undefined
    ? { verdict: 'pass' as const, seen }
    : { verdict: 'fail' as const, seen: `${seen}. Nothing started at ${readable(missed)}` }
}

function jobsLook({ jobs }: CronJobExamination) {
  const [newest] = jobs
  if (newest === undefined) return { verdict: 'pass' as const, seen: 'none yet' }
  const failed = jobs.filter((job) => job.outcome === 'failed')
  const verdict =
    newest.outcome === 'failed' ? ('fail' as const) : failed.length > 0 ? ('warn' as const) : ('pass' as const)
  return {
    verdict,
    seen: `${counted(jobs.length, 'Job')} kept, ${failed.length} failed. Latest, ${newest.name}: ${newest.outcome}`,
    evidence: jobs
      .slice(0, 5)
      .map(
        (job) =>
          `${job.name} ${readable(job.createdAt)} ${job.outcome}${job.reason === undefined ? '' : ` (${job.reason})`}`,
      ),
  }
}

function podsLook({ jobs }: CronJobExamination) {
  const waiting = jobs.flatMap((job) => job.pods).filter((pod) => pod.waiting !== undefined)
  if (waiting.length === 0) return { verdict: 'pass' as const, seen: 'none waits' }
  return {
    verdict: 'fail' as const,
    seen: `${counted(waiting.length, 'pod')} cannot start: ${waiting[0]?.waiting?.split(':')[0] ?? ''}`,
    evidence: waiting.map((pod) => `${pod.name}: ${pod.waiting ?? ''}`),
  }
}

/** Lists every cause that the facts of one CronJob show, the most likely first. Pure. */
export function cronJobCauses(facts: CronJobFacts): readonly Cause[] {
  const { found, name } = facts
  if (!found.ok) return []
  if (found.value === undefined)
    return [
      {
        code: 'cronjob_missing',
        sentence: `CronJob ${name} doesn't exist in the cluster.`,
        next: 'Redeploy the current version: it applies the CronJob.',
        remedies: [{ kind: 'deploy', target: '' }],
      },
    ]
  const examined = found.value
  return [
    suspended(facts, examined),
    noTime(facts, examined),
    cannotStart(name, examined),
    failing(facts, examined),
    neverEnds(facts, examined),
    notStarted(facts, examined),
  ].flatMap((cause) => cause ?? [])
}

function suspended({ name, wantedRest }: CronJobFacts, found: CronJobExamination): Cause | undefined {
  const wanted = known(wantedRest)
  if (!found.suspended || (wanted?.known === true && wanted.suspended)) return undefined
  const why = wanted?.known === false ? wanted.why : wantedRest.ok ? undefined : wantedRest.why
  return {
    code: 'cronjob_suspended',
    sentence: `CronJob ${name} is suspended, so it starts nothing.`,
    next:
      why === undefined
        ? 'Find out who suspended it and why, then resume it: its manifest does not suspend it.'
        : `Find out who suspended it and why, then resume it. Whether its manifest suspends it is unknown (${why}).`,
    remedies: [{ kind: 'resume_cronjob', target: name }, runNow(name)],
  }
}

function noTime({ name, schedule }: CronJobFacts, found: CronJobExamination): Cause | undefined {
  if (schedule === undefined || schedule.kind === 'times') return undefined
  const why = schedule.kind === 'never' ? 'is a time that never comes' : `isn't a schedule (${schedule.why})`
  return {
    code: 'schedule_never',
    sentence: `The schedule of CronJob ${name}, ${found.schedule} in ${found.timeZone ?? 'UTC'}, ${why}.`,
    next: 'Redeploy the current version: it restores the manifest. Run the job by hand meanwhile.',
    remedies: [{ kind: 'deploy', target: '' }, runNow(name)],
  }
}

/** Names the cause when the newest unfinished Job holds a pod that cannot begin. */
function cannotStart(name: string, { jobs }: CronJobExamination): Cause | undefined {
  const stuck = jobs.find((job) => job.outcome === 'running' && job.pods.some((pod) => pod.waiting !== undefined))
  const waiting = stuck?.pods.find((pod) => pod.waiting !== undefined)?.waiting
  if (stuck === undefined || waiting === undefined || endedSince(stuck, jobs)) return undefined
  const image = /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull)/.test(waiting)
  const config = waiting.startsWith('CreateContainerConfigError')
  return {
    code: image ? 'image_pull' : config ? 'container_config' : 'pod_waiting',
    sentence: image
      ? `The image of CronJob ${name} can't be pulled, so its pods never start.`
      : config
        ? `A Secret or ConfigMap that CronJob ${name} needs is missing, so its pods never start.`
        : `The pods of CronJob ${name} do not start: ${waiting}.`,
    next: image
      ? 'Deploy a version whose image is in the registry: the deploy sets it here too.'
      : config
        ? 'Create what is missing (see the evidence), then run it by hand.'
        : 'Fix the reason above, then run it by hand.',
    remedies: image ? [{ kind: 'deploy', target: '' }] : [runNow(name)],
  }
}

function endedSince(stuck: JobExamination, jobs: readonly JobExamination[]): boolean {
  return jobs.some((job) => job.outcome === 'complete' && job.createdAt > stuck.createdAt)
}

function failing({ name, log }: CronJobFacts, found: CronJobExamination): Cause | undefined {
  const failed = newestFailure(found)
  if (failed === undefined) return undefined
  const pod = failed.pods.find((pod) => pod.exitCode !== undefined)
  const lines = known(log) ?? []
  const telling = tellingLine(lines)
  const how = pod?.exitCode === undefined ? (failed.reason ?? 'it failed') : `exit code ${pod.exitCode}`
  const said = telling === undefined ? '' : `; it says: ${excerpt(telling, 160)}`
  return {
    code: 'job_failing',
    sentence: `CronJob ${name} starts, but its newest Job ${failed.name} failed (${how})${said}.`,
    next: 'Fix the error in the log, then run the job once to confirm.',
    remedies: [runNow(name)],
  }
}

/** Names the cause when a Job does not end: with `Forbid` it keeps every later one from starting. */
function neverEnds({ name, schedule, now }: CronJobFacts, found: CronJobExamination): Cause | undefined {
  if (found.concurrencyPolicy !== 'Forbid' || schedule?.kind !== 'times') return undefined
  const running = found.jobs.find(
    (job) => job.outcome === 'running' && !job.pods.some((pod) => pod.waiting !== undefined),
  )
  if (running === undefined) return undefined
  const seconds = (Date.parse(now) - Date.parse(running.createdAt)) / 1_000
  if (!(seconds > 2 * schedule.everySeconds + startGraceSeconds)) return undefined
  return {
    code: 'job_never_ends',
    sentence: `Job ${running.name} has been running for ${roughly(seconds * 1_000)}, and CronJob ${name} starts no other beside it.`,
    next: 'Check its log. If the Job hangs, delete it: the next one starts by itself.',
    remedies: [],
  }
}

function notStarted(facts: CronJobFacts, found: CronJobExamination): Cause | undefined {
  const { name, schedule, now } = facts
  if (found.suspended || schedule?.kind !== 'times' || neverEnds(facts, found) !== undefined) return undefined
  const missed = missedStart(found, schedule, now)
  if (missed === undefined) return undefined
  const many = found.warnings.find((line) => line.startsWith('TooManyMissedTimes'))
  return {
    code: 'start_missed',
    sentence:
      many === undefined
        ? `CronJob ${name} should have started at ${readable(missed)} and did not.`
        : `CronJob ${name} has missed so many starts that its controller gave up counting.`,
    next: "Check the cluster's CronJob controller and startingDeadlineSeconds. Meanwhile, run it by hand.",
    remedies: [runNow(name)],
  }
}

/** Returns the time at which a Job was due and did not start; undefined when all is well or none was due yet. */
function missedStart(
  found: CronJobExamination,
  schedule: { readonly previous: string | undefined },
  now: string,
): string | undefined {
  const { previous } = schedule
  if (previous === undefined || found.suspended || found.jobs.some((job) => job.outcome === 'running')) return undefined
  const due = Date.parse(previous)
  if (Date.parse(now) - due < startGraceSeconds * 1_000) return undefined
  if (Date.parse(found.createdAt) > due) return undefined
  const started = Date.parse(found.lastScheduleTime ?? '')
  return started >= due ? undefined : previous
}

function runNow(name: string): Remedy {
  return { kind: 'run_cronjob', target: name }
}

function short(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…')
}
