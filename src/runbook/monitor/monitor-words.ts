import { builtIn } from '../../config/watch-schema.ts'
import type { LogGroup, MetricSample } from '../../model/run.ts'
import type { PhaseContext } from '../phase.ts'
import { type Judgement, limitWords, type Rule, type Watch } from './monitor-rules.ts'
import { roughly } from '../../text.ts'

/** Words one line of the board: "28 min left · no limit broken". A number is told only when it is off. */
export function progressLine(
  judged: readonly Judgement[],
  watch: Watch,
  times: { readonly now: number; readonly ends: Date; readonly until: Date },
): string {
  const left = times.ends.getTime() - times.now
  const longer = times.until > times.ends ? 'a little longer, to be sure' : 'the last check'
  const off = judged.filter(({ rule, streak }) => streak > 0 || latest(rule, watch.samples) === undefined)
  const shown = off
    .filter(({ rule }) => rule.name !== builtIn.errorRate)
    .map(({ rule }) => `${rule.title} ${latest(rule, watch.samples) ?? 'no data'}`)
  return [left > 0 ? `${roughly(left)} left` : longer, ...(off.length === 0 ? ['no limit broken'] : shown)].join(' · ')
}

function latest({ name }: Rule, samples: readonly MetricSample[]): number | undefined {
  return samples.findLast((sample) => sample.metric === name)?.value
}

/** Words each kind of error by its first example: "12 × in api-1, first at 10:00:04: …". */
export function errorLines(groups: readonly LogGroup[]): readonly string[] {
  return groups.map((group) => `${group.count} × ${group.pod}: ${group.example}`)
}

const mostGroups = 8

/** Lists what a breach rests on: the rules, how they moved, and the logs' most frequent new errors. */
export async function breachEvidence(
  { records }: PhaseContext,
  broken: readonly Judgement[],
): Promise<readonly string[]> {
  const aboutLogs = broken.some(({ rule }) => rule.name === builtIn.errors || rule.name === builtIn.errorRate)
  const [groups, pods] = await Promise.all([records.watch.logGroups(), records.watch.logPods()])
  const noisy = pods.filter(({ errors }) => errors > 0).map(({ pod, errors }) => `${errors} in ${pod}`)
  const fresh = groups.toSorted((a, b) => Number(a.known) - Number(b.known) || b.count - a.count)
  return [
    ...broken.map((one) => one.text),
    ...(aboutLogs && noisy.length > 0 ? [`error lines by pod: ${noisy.join(', ')}`] : []),
    ...errorLines(fresh.slice(0, mostGroups)),
  ]
}

/** Words the last value of each rule, "Webhooks processed 12, Dead letters 0", or what is wrong. */
export function verdictWords(judged: readonly Judgement[]): string {
  const bad = judged.filter((one) => one.verdict !== 'pass')
  return (bad.length > 0 ? bad : judged).map((one) => one.text).join('; ')
}

/** Words what is allowed, by the rules that allow less than everything. */
export function allowedWords(judged: readonly Judgement[], watch: Pick<Watch, 'baseline'>): string {
  const limits = judged.flatMap(({ rule }) => {
    const words = limitWords(rule, watch.baseline.get(rule.name))
    return words === 'any' ? [] : [`${rule.title}: ${words}`]
  })
  return limits.length === 0 ? 'sampled' : limits.join('; ')
}
