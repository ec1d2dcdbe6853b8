import { setTimeout as pause } from 'node:timers/promises'
import type { Check, RunWatch } from '../../model/run.ts'
import { baselineOf } from './baseline.ts'
import type { Phase, PhaseContext, PhaseResult } from '../phase.ts'
import { successCriteria } from '../verify/criteria.ts'
import { CheckFailed } from '../errors.ts'
import { tellPutBack } from '../owners/put-back.ts'
import { LogWatch } from './log-watch.ts'
import { chartOf, judge, type Judgement, type Rule, rulesOf, seenEnough, type Watch } from './monitor-rules.ts'
import { sample } from './monitor-sample.ts'
import type { Beginning } from './sources.ts'
import { breachEvidence, errorLines, progressLine } from './monitor-words.ts'
import { lookAround } from '../verify/verify.ts'
import { roughly } from '../../text.ts'
import { type WatchClock, watchClock } from './watch-clock.ts'

/** How a watch ended: by its time or by somebody's decision. */
interface Ended {
  readonly watch: Watch
  readonly state: RunWatch | undefined
}

/**
 * Chapter 6, Monitor: samples what is watched and follows every pod's log for the configured time, then judges the
 * seven success criteria. A rule that is broken often enough in a row asks people once what to do; the watch goes on
 * meanwhile. Samples, counts and decisions are in the state database, so a restart goes on with the same watch.
 */
export const monitor: Phase = async (context) => {
  const clock = watchClock(await context.records.watch.time())
  const beginning = await context.step('begin the watch', () => begin(context, clock))
  const ends = new Date(new Date(beginning.at).getTime() + context.service.monitor.minutes * 60_000)
  await context.records.watch.begin(new Date(beginning.at), ends)

  const { watch, state } = await watching(context, beginning, (watched, logs) =>
    watchUntil(watched, { beginning, ends, logs, clock }),
  )
  await throwIfStopped(context, watch, state)
  return conclude(context, watch, state)
}

async function throwIfStopped(context: PhaseContext, watch: Watch, state: RunWatch | undefined): Promise<void> {
  const decision = state?.decision?.kind
  if (state !== undefined && (decision === 'roll_back' || decision === 'stop'))
    throw await stopped(context, watch, state)
}

async function begin({ world, service, signal }: PhaseContext, clock: WatchClock): Promise<Beginning> {
  const restarts = await world.cluster.restarts(service.deployment, service.container, signal)
  return { at: new Date(clock.now()).toISOString(), restarts }
}

/** Follows the logs while `work` runs. Each ends with the other, and an error that is not temporary ends both. */
async function watching<T>(
  context: PhaseContext,
  beginning: Beginning,
  work: (context: PhaseContext, logs: LogWatch) => Promise<T>,
): Promise<T> {
  const logs = await LogWatch.open(context)
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const following = logs.follow(beginning.at, signal)
  const working = work({ ...context, signal }, logs)
  try {
    return await Promise.race([working, following.then(() => new Promise<never>(() => undefined))])
  } finally {
    stop.abort()
    await Promise.allSettled([working, following])
  }
}

interface Course {
  readonly beginning: Beginning
  readonly ends: Date
  readonly logs: LogWatch
  readonly clock: WatchClock
}

async function watchUntil(context: PhaseContext, course: Course): Promise<Ended> {
  const { beginning, ends, logs, clock } = course
  const { service, records, run } = context
  const rules = rulesOf(service.monitor)
  const baseline = baselineOf(rules, await records.watch.samplesBefore(), run.number)
  const everyMs = service.monitor.everySeconds * 1_000
  const planned = Math.floor((service.monitor.minutes * 60_000) / everyMs) + 1
  const latest = new Date(ends.getTime() + patienceMs(service.monitor.minutes, everyMs))
  for (;;) {
    const began = clock.now()
    await sample(context, beginning, logs, { at: new Date(began), last: began >= ends.getTime() })
    const watch = { samples: await records.samples(new Date(beginning.at)), planned, baseline }
    const judged = judge(rules, watch)
    await tellNewErrors(context)
    await tellPutBack(context)
    await alertOnce(context, judged, new Date(clock.now()))
    const until = openEnd(rules, judged, watch) ? latest : ends
    if (clock.now() >= until.getTime()) return { watch, state: await records.watch.state() }
    await context.report(progressLine(judged, watch, { now: clock.now(), ends, until }))
    const state = await untilDecided(context, clock, Math.min(began + everyMs, until.getTime()))
    if (state?.decision !== undefined && state.decision.kind !== 'keep') return { watch, state }
  }
}

/**
 * Tells whether a watch goes on for a while after its end: a rule has just been broken, or gaps left too little to
 * judge.
 */
function openEnd(rules: readonly Rule[], judged: readonly Judgement[], watch: Watch): boolean {
  const inBetween = judged.some(({ verdict, streak }) => verdict !== 'fail' && streak > 0)
  const seen = (name: string) => watch.samples.filter((sample) => sample.metric === name).length
  return (
    inBetween || rules.some((rule) => rule.noData !== 'ignore' && !seenEnough(rule, seen(rule.name), watch.planned))
  )
}

/**
 * Returns for how long a watch may go on after its end: half its length, or twelve samples if they take longer, within
 * what the time limit of the phase leaves.
 */
function patienceMs(minutes: number, everyMs: number): number {
  return Math.min(Math.max((minutes * 60_000) / 2, 12 * everyMs), Math.max(minutes * 0.9, 4) * 60_000)
}

const lookMs = 1_000

/** Waits, and notices within a second what people decide. */
async function untilDecided(
  { records, signal }: PhaseContext,
  clock: WatchClock,
  until: number,
): Promise<RunWatch | undefined> {
  const known = (await records.watch.state())?.decision?.kind
  for (;;) {
    const left = until - clock.now()
    if (left > 0) await pause(Math.min(left, lookMs), undefined, { signal })
    const state = await records.watch.state()
    const news = state?.decision?.kind
    if ((news !== undefined && (news !== known || news !== 'keep')) || clock.now() >= until) return state
  }
}

/**
 * Tells a breach once; then people decide, or the policy has done so. A breach for which the policy rolls nothing back is followed by one
 * for which it does, unless somebody has decided meanwhile.
 */
async function alertOnce(context: PhaseContext, judged: readonly Judgement[], at: Date): Promise<void> {
  const broken = judged.filter((one) => one.verdict === 'fail')
  if (broken.length === 0) return
  const { watch } = context.records
  const { policy, contacts } = context.environment
  const automatic = policy.autoRollback && broken.some(({ rule }) => rule.peopleDecide !== true)
  const known = await watch.state()
  if (known?.breach !== undefined && (!automatic || known.decision !== undefined)) return
  const text = broken.map((one) => one.text).join('; ')
  const evidence = await breachEvidence(context, broken)
  await watch.breach(
    { at: at.toISOString(), text, metrics: broken.map(({ rule }) => chartOf(rule)) },
    { kind: 'breach', text, evidence, onCall: contacts.onCall, automatic },
    automatic ? `automatic rollback: ${text}` : undefined,
  )
}

const mostToldErrors = 10

/** Tells the first example of each new kind of error, once; a restart tells none again. */
async function tellNewErrors(context: PhaseContext): Promise<void> {
  const { run, records } = context
  const fresh = (await records.watch.logGroups()).filter((group) => !group.known)
  const attempt = run.phases.find((phase) => phase.name === 'monitor')?.attempt ?? 1
  for (const group of fresh.toSorted((a, b) => a.firstAt.localeCompare(b.firstAt)).slice(0, mostToldErrors))
    await context.tell(
      { kind: 'output', title: 'New errors in the logs', lines: errorLines([group]) },
      `error-${attempt}-${group.fingerprint}`,
    )
}

/** Words the failure when somebody, or the policy, has ended the watch because of a breach. */
async function stopped(context: PhaseContext, watch: Watch, state: RunWatch): Promise<CheckFailed> {
  const rollBack = state.decision?.kind === 'roll_back'
  const broken = judge(rulesOf(context.service.monitor), watch, { over: true }).filter((one) => one.verdict === 'fail')
  const why = rollBack ? 'ended to roll back' : 'stopped by a decision'
  return new CheckFailed('monitor_breach', `while monitoring: ${state.breach?.text ?? 'a rule was broken'}, ${why}`, {
    evidence: await breachEvidence(context, broken),
    hint: rollBack
      ? 'The rollback starts by itself as its own run.'
      : 'Roll back. Or check the lines above and retry the phase to monitor again.',
  })
}

/** Judges the criteria when the watch is over, by the rules, whatever was decided meanwhile. */
async function conclude(context: PhaseContext, watch: Watch, state: RunWatch | undefined): Promise<PhaseResult> {
  const { service, run } = context
  await context.report('judging the success criteria')
  const judged = judge(rulesOf(service.monitor), watch, { over: true })
  const seen = await lookAround(context)
  const verification = { ...seen, criteria: await successCriteria(context, seen, judged, watch) }
  const early = state?.decision?.kind === 'finish'
  const missed = verification.criteria.filter((one) => one.verdict === 'fail')
  // Whoever finishes early has decided that this was enough to see.
  const open = early ? [] : verification.criteria.filter((one) => one.verdict === 'inconclusive')
  if (missed.length + open.length > 0) {
    await context.step('tell the criteria', () => context.tell({ kind: 'verification', verification }))
    throw await notMet(context, { missed, open, judged, alerted: state?.breach !== undefined })
  }
  // The buttons are there until the phase ends, so what was decided while the criteria were judged counts too.
  await throwIfStopped(context, watch, await context.records.watch.state())
  const fileName = `run-${run.number}-${run.version}.md`
  await context.step('send the report', () => context.tell({ kind: 'report', fileName, verification }))
  const met = verification.criteria.filter((one) => one.verdict === 'pass').length
  const whole = roughly(service.monitor.minutes * 60_000)
  const time = early ? `after ${watchedFor(state)} of ${whole}: finished early` : `in ${whole}`
  return { line: `${met} of ${verification.criteria.length} success criteria met ${time}`, verification }
}

function watchedFor({ beganAt, decision }: RunWatch): string {
  return roughly((decision?.at ?? beganAt).getTime() - beganAt.getTime())
}

async function notMet(
  context: PhaseContext,
  {
    missed,
    open,
    judged,
    alerted,
  }: { missed: readonly Check[]; open: readonly Check[]; judged: readonly Judgement[]; alerted: boolean },
): Promise<CheckFailed> {
  const watched = judged.filter((one) => one.verdict === 'fail')
  const line = ({ title, value, threshold }: Check) => `${title}: ${value} (expected ${threshold})`
  if (missed.length === 0)
    return new CheckFailed(
      'monitor_inconclusive',
      `not enough data to judge: ${open.map((one) => one.title).join('; ')}`,
      {
        evidence: open.map(line),
        hint: "Retry the phase to monitor again. Without data this isn't a pass.",
      },
    )
  const what = watched.length > 0 ? watched.map((one) => one.text) : missed.map((one) => one.title)
  // Whoever was alerted to the breach is not called once more for the same.
  return new CheckFailed(
    alerted ? 'monitor_breach' : 'criteria_missed',
    `success criteria not met: ${what.join('; ')}`,
    {
      evidence: [...missed.map(line), ...(watched.length > 0 ? await breachEvidence(context, watched) : [])],
      hint: 'Roll back. Or fix the cause and retry the phase.',
    },
  )
}
