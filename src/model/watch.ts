import type { LogGroup, MetricSample, Run, RunWatch, WatchDecision } from './run.ts'

/** Returns the watch while its phase is under way. */
export function currentWatch(run: Pick<Run, 'status' | 'phases' | 'watch'>): RunWatch | undefined {
  const phase = run.phases.find((phase) => phase.name === 'monitor')
  const underWay = run.status === 'executing' && (phase?.status === 'running' || phase?.status === 'queued')
  return underWay && run.watch?.attempt === phase.attempt ? run.watch : undefined
}

/** Lists what people may decide now, in the order of the buttons. A watch that a decision has ended takes no other. */
export function watchChoices(run: Pick<Run, 'status' | 'phases' | 'watch'>): readonly WatchDecision[] {
  const watch = currentWatch(run)
  if (watch === undefined) return []
  const decided = watch.decision?.kind
  if (watch.breach === undefined) return decided === undefined ? ['finish'] : []
  if (decided === undefined) return ['roll_back', 'keep', 'stop']
  return decided === 'keep' ? ['roll_back', 'stop'] : []
}

/** Why something cannot be decided about a watch now; `src/messages/refusals.ts` words it. */
export type WatchRefusal =
  | { readonly reason: 'not_watched' }
  /** The same was decided before. */
  | { readonly reason: 'same_decision' }
  | { readonly reason: 'other_decision'; readonly decision: WatchDecision }
  /** No rule is broken, so the watch can only be finished. */
  | { readonly reason: 'nothing_broken' }
  /** A rule is broken, so the watch cannot just be finished. */
  | { readonly reason: 'rule_broken' }

/** Tells why this cannot be decided now; undefined when it can. Pure. */
export function whyNotDecide(
  run: Pick<Run, 'status' | 'phases' | 'watch'>,
  decision: WatchDecision,
): WatchRefusal | undefined {
  if (watchChoices(run).includes(decision)) return undefined
  const watch = currentWatch(run)
  if (watch === undefined) return { reason: 'not_watched' }
  if (watch.decision?.kind === decision) return { reason: 'same_decision' }
  if (watch.decision !== undefined) return { reason: 'other_decision', decision: watch.decision.kind }
  return { reason: watch.breach === undefined ? 'nothing_broken' : 'rule_broken' }
}

/** What was counted since the last time. The `stamp` of a pod is that of its newest line that was read. */
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
