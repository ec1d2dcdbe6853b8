import type { Block, KnownBlock } from '@slack/types'
import type { MetricSample } from '../../model/run.ts'
import { clip } from '../../outside-text/cut.ts'
import { context } from './message.ts'
import { oneLine } from '../../text.ts'

/** The block that @slack/types 3.2 lacks: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block */
interface DataVisualizationBlock extends Block {
  readonly type: 'data_visualization'
  readonly title: string
  readonly chart: {
    readonly type: 'line'
    readonly series: readonly Series[]
    readonly axis_config: {
      readonly categories: readonly string[]
      readonly x_label: string
      readonly y_label?: string
    }
  }
}

interface Series {
  readonly name: string
  readonly data: readonly { readonly label: string; readonly value: number }[]
}

/** A monitored number as a chart needs it; `MetricConfig` of purser.yaml fits. */
export interface ChartedMetric {
  readonly name: string
  readonly title: string
  readonly unit?: string
  readonly compare: 'value' | 'growth'
}

/** The numbers that were watched while monitoring. */
export interface Watched {
  readonly samples: readonly MetricSample[]
  readonly metrics: readonly ChartedMetric[]
}

export interface Charts {
  /** The charts, at most two, as many as a message takes. */
  readonly blocks: readonly DataVisualizationBlock[]
  /** The same in words, one metric a line: for notifications, screen readers, and workspaces without charts. */
  readonly lines: readonly string[]
  /** The times, one line each, in which nobody watched: a chart draws a line over them. */
  readonly gaps: readonly string[]
}

const mostPoints = 20
/** The number of lines in a chart. Slack takes twelve, but some of its clients draw only six. */
const mostSeries = 6
const longestName = 20

/**
 * Draws one chart of the metrics that count by their value and one of those that count by their growth since the start.
 */
export function chartBlocks(samples: readonly MetricSample[], metrics: readonly ChartedMetric[]): Charts {
  const known = metrics.flatMap((metric) => {
    const mine = samples
      .filter((sample) => sample.metric === metric.name && Number.isFinite(sample.value))
      .sort((a, b) => a.at.getTime() - b.at.getTime())
    return mine.length === 0 ? [] : [{ metric, samples: mine }]
  })
  const times = known.flatMap((one) => one.samples.map(({ at }) => at.getTime()))
  const axis = axisOf(times)
  const chart = (title: string, compare: ChartedMetric['compare']) => {
    const shown = known.filter((one) => one.metric.compare === compare).slice(0, mostSeries)
    return shown.length === 0 || axis.labels.length < 2 ? [] : [lineChart(title, shown, axis, known)]
  }
  const gaps = gapsOf(times).map(gapWords)
  return {
    gaps,
    blocks: [...chart('Metrics while monitoring', 'value'), ...chart('Change since start', 'growth')],
    lines: [...gaps, ...known.map((one) => inWords(one, known))],
  }
}

/** Once a rule is broken only its metric is drawn; the report has the others. */
export function onlyBroken(
  names: readonly string[] | undefined,
  metrics: readonly ChartedMetric[],
): readonly ChartedMetric[] {
  const found = metrics.filter(({ name }) => names?.includes(name) === true)
  return found.length === 0 ? metrics : found
}

interface Gap {
  /** Milliseconds since the start. */
  readonly from: number
  readonly to: number
}

/** Finds the times without any sample that are much longer than the usual one between two: nobody was watching then. */
export function gapsOf(times: readonly number[]): readonly Gap[] {
  const moments = [...new Set(times)].sort((a, b) => a - b)
  const pauses = moments.slice(1).map((time, index) => time - (moments[index] ?? time))
  const usual = [...pauses].sort((a, b) => a - b)[Math.floor((pauses.length - 1) / 2)] ?? 0
  const start = moments[0] ?? 0
  return pauses.flatMap((pause, index) => {
    const from = (moments[index] ?? 0) - start
    return pause > Math.max(2.5 * usual, 1_000) ? [{ from, to: from + pause }] : []
  })
}

/** Words a gap: "No samples from 1:30 to 4:15". */
export function gapWords({ from, to }: Gap): string {
  return `No samples from ${clock(from)} to ${clock(to)}`
}

interface Seen {
  readonly metric: ChartedMetric
  /** The samples, the oldest first, at least one. */
  readonly samples: readonly MetricSample[]
}

interface Axis {
  readonly start: number
  readonly width: number
  readonly labels: readonly string[]
  /** The buckets in which nobody watched. */
  readonly empty: ReadonlySet<string>
}

/** Widths of a bucket, in seconds, that read well on an axis. */
const widths = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400]

/** Divides the time into at most twenty buckets of whole seconds, so that no two labels are alike. */
function axisOf(times: readonly number[]): Axis {
  const start = times.reduce((a, b) => Math.min(a, b), Infinity)
  const span = times.reduce((a, b) => Math.max(a, b), -Infinity) - start
  const moments = new Set(times.map((time) => Math.floor((time - start) / 1_000))).size
  const points = Math.min(mostPoints, moments)
  const least = (span + 1) / 1_000 / Math.max(1, points)
  const width = (widths.find((seconds) => seconds >= least) ?? Math.ceil(least)) * 1_000
  const count = times.length === 0 ? 0 : Math.floor(span / width) + 1
  const gaps = gapsOf(times)
  const empty = new Set<string>()
  const labels = Array.from({ length: count }, (_, index) => {
    const [from, to] = [index * width, (index + 1) * width]
    if (!gaps.some((gap) => gap.from < from && to <= gap.to)) return clock(from)
    empty.add(`${clock(from)} no data`)
    return `${clock(from)} no data`
  })
  return { start, width, labels, empty }
}

function lineChart(title: string, seen: readonly Seen[], axis: Axis, all: readonly Seen[]): DataVisualizationBlock {
  const units = new Set(seen.map((one) => one.metric.unit))
  const [unit] = units
  const names = namesOf(seen, all)
  return {
    type: 'data_visualization',
    title,
    chart: {
      type: 'line',
      series: seen.map((one, index) => ({ name: names[index] ?? '–', data: points(one, axis) })),
      axis_config: {
        categories: axis.labels,
        x_label: 'minutes since start',
        ...(units.size === 1 && unit !== undefined ? { y_label: clip(oneLine(unit), 50) } : {}),
      },
    },
  }
}

/**
 * Gives each bucket its highest value, so that no peak is lost. Slack wants a number for every bucket: an empty one
 * repeats the one before, and where nobody watched its label says so.
 */
function points({ metric, samples }: Seen, axis: Axis): Series['data'] {
  const first = samples[0]?.value ?? 0
  const base = metric.compare === 'growth' ? first : 0
  let last = first
  return axis.labels.map((label, index) => {
    const from = axis.start + index * axis.width
    const inside = samples.filter(({ at }) => at.getTime() >= from && at.getTime() < from + axis.width)
    if (inside.length > 0) last = inside.reduce((most, { value }) => Math.max(most, value), -Infinity)
    return { label, value: finite(last - base) }
  })
}

/** Makes a number finite, as a chart takes no other: the difference of two may be too large for one. */
function finite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
}

/** Names the lines of a chart shortly, and no two alike: Slack refuses twins. */
function namesOf(seen: readonly Seen[], all: readonly Seen[]): readonly string[] {
  const names: string[] = []
  for (const series of seen) {
    const { metric } = series
    const holes = hasHoles(series, all) ? ' (gaps)' : ''
    const whole = `${clip(oneLine(metric.title), longestName - holes.length) || '–'}${holes}`
    const number = ` ${names.length + 1}`
    names.push(names.includes(whole) ? `${clip(whole, longestName - number.length)}${number}` : whole)
  }
  return names
}

/** Counts the looks that brought others their number and this one none. */
function missing(one: Seen, all: readonly Seen[]): { readonly count: number; readonly of: number } {
  const moments = new Set(all.flatMap((one) => one.samples.map(({ at }) => at.getTime())))
  return { count: moments.size - one.samples.length, of: moments.size }
}

function hasHoles(one: Seen, all: readonly Seen[]): boolean {
  const { count, of } = missing(one, all)
  return count * 10 > of
}

/** Words a metric: "Webhooks processed: from 4 to 6, between 2 and 9 (per minute)". */
function inWords(seen: Seen, all: readonly Seen[]): string {
  const { metric, samples } = seen
  const { count, of } = missing(seen, all)
  const holes = hasHoles(seen, all) ? `, ${count} of ${of} samples missing` : ''
  const values = samples.map(({ value }) => value)
  const least = values.reduce((a, b) => Math.min(a, b))
  const most = values.reduce((a, b) => Math.max(a, b))
  const unit = metric.unit === undefined ? '' : ` (${metric.unit})`
  const [first, last] = [values[0], values.at(-1)]
  if (least === most) return `${metric.title}: ${least} all the time${unit}${holes}`
  return `${metric.title}: from ${first} to ${last}, between ${least} and ${most}${unit}${holes}`
}

/** Writes a time since the start as "1:30". */
function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Lists the charts as they are in a message, and below them when nobody watched. */
export function drawn({ blocks, gaps }: Charts): readonly (KnownBlock | Block)[] {
  return gaps.length === 0 ? blocks : [...blocks, context(gaps.slice(0, 8).join(' · '))]
}
