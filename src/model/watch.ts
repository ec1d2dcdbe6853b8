import type { LogGroup, MetricSample, Run, RunWatch, WatchDecision } from './run.ts'

/** The watch that is under way, as long as its phase is. */
export function currentWatch(run: Pick<Run, 'status' | 'phases' | 'watch'>): RunWatch | undefined {
  const phase = run.phases.find((phase) => phase.name === 'monitor')
  const underWay = run.status === 'executing' && (phase?.status === 'running' || phase?.status === 'queued')
  return underWay && run.watch?.attempt === phase.attempt ? run.watch : undefined
}

/** What people may decide now, in the order of its buttons. A watch that was ended by a decision takes no other. */
export function watchChoices(run: Pick<Run, 'status' | 'phases' | 'watch'>): readonly WatchDecision[] {
  const watch = currentWatch(run)
  if (watch === undefined) return []
  const decided = watch.decision?.kind
  if (watch.breach === undefined) return decided === undefined ? ['finish'] : []
  if (decided === undefined) return ['roll_back', 'keep', 'stop']
  return decided === 'keep' ? ['roll_back', 'stop'] : []
}

/** Why this cannot be decided now; undefined when it can. Draws the buttons and refuses the presses. */
export function whyNotDecide(run: Run, decision: WatchDecision): string | undefined {
  if (watchChoices(run).includes(decision)) return undefined
  const watch = currentWatch(run)
  if (watch === undefined) return `Run #${run.number} is not being watched any more.`
  if (watch.decision !== undefined && watch.decision.kind === decision) return `That has been decided already.`
  if (watch.decision !== undefined)
    return `The watch of run #${run.number} is being ended: ${inWords[watch.decision.kind]}.`
  return watch.breach === undefined
    ? `Nothing has gone wrong in run #${run.number} so far; Finish now ends its watch.`
    : `A rule has been broken in run #${run.number}: roll back, keep watching or stop watching.`
}

const inWords: Readonly<Record<WatchDecision, string>> = {
  finish: 'somebody finished it',
  keep: 'it goes on',
  stop: 'somebody stopped it',
  roll_back: 'it is rolled back',
}

/** What was counted since the last time. `stamp`: newest line read of the pod. */
export interface LogCounts {
  readonly groups: readonly Omit<LogGroup, 'known'>[]
  readonly pods: readonly LogPod[]
}

export interface LogPod {
  readonly pod: string
  readonly stamp: string
  readonly errors: number
}

export interface BaselineSample extends MetricSample {
  readonly run: number
}
