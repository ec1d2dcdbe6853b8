import type { MonitorConfig } from '../../config/service-schema.ts'
import { builtIn, builtInMetrics } from '../../config/watch-schema.ts'
import type { MetricSample } from '../../model/run.ts'
import { sources } from './sources.ts'

/** A metric that is watched, configured or one that every release has, and what it may be. */
export interface Rule {
  readonly name: string
  readonly title: string
  readonly unit?: string
  readonly compare: 'value' | 'growth'
  readonly atMost?: number
  readonly atLeast?: number
  readonly atMostTimesBaseline?: number
  readonly atLeastTimesBaseline?: number
  /** As much as there was before the rollout is no breach either, where that is more than `atMost`. */
  readonly atMostOrBaseline?: true
  /** People are told and decide: the policy rolls nothing back for a breach of this rule alone. */
  readonly peopleDecide?: true
  readonly noData: 'inconclusive' | 'breach' | 'ignore'
  readonly breaches: number
}

/** Everything seen since monitoring began. */
export interface Watch {
  readonly samples: readonly MetricSample[]
  /** How many samples of each metric a watch without gaps has. */
  readonly planned: number
  readonly baseline: ReadonlyMap<string, Baseline>
}

export interface Baseline {
  readonly value: number
  /** The run that sampled it, when it was an earlier one. */
  readonly run: number | undefined
}

export interface Judgement {
  readonly rule: Rule
  readonly verdict: 'pass' | 'warn' | 'fail' | 'inconclusive'
  /** How many of the last samples broke the rule, in a row. */
  readonly streak: number
  readonly text: string
}

/** Lists all rules, those of purser.yaml first. */
export function rulesOf(config: MonitorConfig): readonly Rule[] {
  const { breaches } = config
  return [
    ...config.metrics.map((metric) => ({ breaches, ...metric })),
    ...builtInMetrics.map((name): Rule => {
      const { title, unit, limits, rule } = sources[name]
      const about = unit === undefined ? { title } : { title, unit }
      return { name, ...about, compare: 'value', noData: 'inconclusive', breaches, ...limits(config), ...rule }
    }),
  ]
}

/** Lists what a chart shows; of the errors it is their rate, for the sum of them only ever rises. */
export function chartedRules(config: MonitorConfig): readonly Rule[] {
  return rulesOf(config).filter(({ name }) => name !== builtIn.errors)
}

/** Returns the metric whose chart shows what a rule is about: error lines are drawn as their rate. */
export function chartOf({ name }: Rule): string {
  return name === builtIn.errors ? builtIn.errorRate : name
}

/**
 * Judges each rule. What can only be said at the end (too little seen, too little grown) is said when it is `over`.
 * Pure.
 */
export function judge(rules: readonly Rule[], watch: Watch, { over } = { over: false }): readonly Judgement[] {
  const ticks = [...new Set(watch.samples.map(({ at }) => at.getTime()))].sort((a, b) => a - b)
  return rules.map((rule) => {
    const mine = watch.samples
      .filter((sample) => sample.metric === rule.name)
      .sort((a, b) => a.at.getTime() - b.at.getTime())
    return judgeOne(rule, mine, ticks, watch, over)
  })
}

function judgeOne(
  rule: Rule,
  mine: readonly MetricSample[],
  ticks: readonly number[],
  watch: Watch,
  over: boolean,
): Judgement {
  const told = (verdict: Judgement['verdict'], streak: number, text: string): Judgement => ({
    rule,
    verdict,
    streak,
    text: `${rule.title}${text}`,
  })
  const baseline = watch.baseline.get(rule.name)
  const broken = readings(rule, mine, ticks, baseline)
  const streak = broken.length - 1 - broken.lastIndexOf(false)
  const [first, last] = [mine[0], mine.at(-1)]
  const now = first === undefined || last === undefined ? ': no data' : seenWords(rule, first, last)
  const limit = limitWords(rule, baseline)
  if (streak >= rule.breaches) return told('fail', streak, `${now} (${limit}), ${streak} samples in a row`)
  if (!over) return told('pass', streak, now)
  if (missedGrowth(rule, first, last)) return told('fail', streak, `${now} (${limit})`)
  if (!seenEnough(rule, mine.length, watch.planned) && rule.noData !== 'ignore')
    return told('inconclusive', streak, `${now}: only ${mine.length} of ${watch.planned} samples`)
  if (streak > 0) return told('inconclusive', streak, `${now} (${limit}), in the last ${streak} only`)
  if (longestRun(broken) >= rule.breaches) return told('warn', 0, `${now}. For a while it wasn't (${limit})`)
  // Data that may be lacking was not seen to be good either.
  if (mine.length === 0) return told('warn', 0, now)
  if (unjudged(rule, baseline)) return told('warn', 0, `${now}: no baseline to compare with`)
  return told('pass', 0, now)
}

/** Tells for each look whether it broke the rule; a look without an answer counts only where the rule says so. */
function readings(
  rule: Rule,
  mine: readonly MetricSample[],
  ticks: readonly number[],
  baseline: Baseline | undefined,
): readonly boolean[] {
  const first = mine[0]
  const byTime = new Map(mine.map((sample) => [sample.at.getTime(), sample]))
  return ticks.flatMap((tick) => {
    const sample = byTime.get(tick)
    if (sample === undefined || first === undefined) return rule.noData === 'breach' ? [true] : []
    return [breaks(rule, first, sample, baseline)]
  })
}

function breaks(rule: Rule, first: MetricSample, sample: MetricSample, baseline: Baseline | undefined): boolean {
  const seen = rule.compare === 'growth' ? sample.value - first.value : sample.value
  const forgiven = rule.atMostOrBaseline === true ? (baseline?.value ?? 0) : 0
  if (rule.atMost !== undefined && seen > Math.max(rule.atMost, forgiven)) return true
  // A metric that has to grow may still do so: its minimum is judged at the end.
  if (rule.compare === 'value' && rule.atLeast !== undefined && seen < rule.atLeast) return true
  const compared = rule.compare === 'growth' ? perMinute(first, sample) : sample.value
  if (baseline === undefined || compared === undefined) return false
  const { atMostTimesBaseline: most, atLeastTimesBaseline: least } = rule
  // A multiple of 0 says nothing, so a baseline of 0 sets no upper limit.
  if (most !== undefined && baseline.value > 0 && compared > most * baseline.value) return true
  return least !== undefined && compared < least * baseline.value
}

/**
 * Returns the speed of a growth, which is compared with the baseline's. Undefined within the first minute: it says
 * nothing yet.
 */
export function perMinute(
  first: Pick<MetricSample, 'at' | 'value'>,
  last: Pick<MetricSample, 'at' | 'value'>,
): number | undefined {
  const minutes = (last.at.getTime() - first.at.getTime()) / 60_000
  return minutes < 1 ? undefined : (last.value - first.value) / minutes
}

function missedGrowth(rule: Rule, first: MetricSample | undefined, last: MetricSample | undefined): boolean {
  if (rule.compare !== 'growth' || rule.atLeast === undefined || first === undefined || last === undefined) return false
  return last.value - first.value < rule.atLeast
}

/** Asks for half of the planned samples, and for as many as a verdict needs. */
export function seenEnough(rule: Pick<Rule, 'breaches'>, seen: number, planned: number): boolean {
  return seen >= Math.min(planned, Math.max(rule.breaches, Math.ceil(planned / 2)))
}

function longestRun(broken: readonly boolean[]): number {
  let [longest, run] = [0, 0]
  for (const isBroken of broken) {
    run = isBroken ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  return longest
}

function unjudged(
  { atMost, atLeast, atMostTimesBaseline, atLeastTimesBaseline }: Rule,
  baseline: Baseline | undefined,
) {
  const relative = atMostTimesBaseline !== undefined || atLeastTimesBaseline !== undefined
  return relative && baseline === undefined && atMost === undefined && atLeast === undefined
}

function seenWords(rule: Rule, first: MetricSample, last: MetricSample): string {
  return rule.compare === 'growth' ? ` grew by ${short(last.value - first.value)}` : `: ${short(last.value)}`
}

/** Words what is allowed: "at most 10 allowed, at most 2 × the baseline, 3.5". */
export function limitWords(rule: Rule, baseline: Baseline | undefined): string {
  const { atMost, atLeast, atMostTimesBaseline: most, atLeastTimesBaseline: least } = rule
  const speed = rule.compare === 'growth' ? ' per minute' : ''
  const from = baseline?.run === undefined ? '' : ` of run #${baseline.run}`
  const base = baseline === undefined ? 'an unknown baseline' : `the baseline${from}, ${short(baseline.value)}${speed}`
  const parts = [
    ...(atMost === undefined ? [] : [`at most ${short(atMost)} allowed`]),
    ...(rule.atMostOrBaseline === true && baseline !== undefined && baseline.value > (atMost ?? 0)
      ? [`or as before, ${short(baseline.value)}`]
      : []),
    ...(atLeast === undefined ? [] : [`at least ${short(atLeast)} expected`]),
    ...(most === undefined ? [] : [`at most ${most} × ${base}`]),
    ...(least === undefined ? [] : [`at least ${least} × ${base}`]),
  ]
  return parts.length === 0 ? 'any' : parts.join(', ')
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100)
}
