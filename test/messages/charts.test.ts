import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chartBlocks, type ChartedMetric, drawn } from '../../src/messages/blocks/charts.ts'
import { expectSlackTakes, shown } from './slack-takes.ts'
import { watched } from './example-runs.ts'
import { withGaps } from './example-states.ts'

const start = Date.UTC(2026, 0, 5, 14)
const metric = (name: string, more: Partial<ChartedMetric> = {}): ChartedMetric => ({
  name,
  title: name,
  compare: 'value',
  ...more,
})
const sample = (name: string, seconds: number, value: number) => ({
  metric: name,
  at: new Date(start + seconds * 1_000),
  value,
})

describe('the charts of a watch', () => {
  it('are one for values and one for growth, which begins at zero', () => {
    const samples = [sample('a', 0, 4), sample('a', 15, 9), sample('g', 0, 70), sample('g', 15, 73)]
    const { blocks, lines } = chartBlocks(samples, [
      metric('a', { unit: 'per minute' }),
      metric('g', { compare: 'growth' }),
    ])
    expect(blocks.map((block) => block.title)).toEqual(['Metrics while monitoring', 'Change since start'])
    expect(blocks[0]?.chart.axis_config).toMatchObject({ categories: ['0:00', '0:10'], y_label: 'per minute' })
    expect(blocks.map((block) => block.chart.series[0]?.data.map(({ value }) => value))).toEqual([
      [4, 9],
      [0, 3],
    ])
    expect(lines[0]).toBe('a: from 4 to 9, between 4 and 9 (per minute)')
  })

  it('keep the peak of a bucket and repeat the last value over a gap', () => {
    const samples = Array.from({ length: 121 }, (_, at) => sample('a', at * 15, at === 61 ? 99 : 1)).filter(
      (_, at) => at < 70 || at > 90,
    )
    const [block] = chartBlocks(samples, [metric('a')]).blocks
    const values = block?.chart.series[0]?.data.map(({ value }) => value) ?? []
    expect(values).toHaveLength(16)
    expect(values.filter((value) => value === 99)).toHaveLength(1)
    expect(values.every((value) => value === 1 || value === 99)).toBe(true)
    expect(block?.chart.axis_config.categories[1]).toBe('2:00')
  })

  it('are left out when there is nothing to draw, or one moment only', () => {
    expect(chartBlocks([], [metric('a')])).toEqual({ blocks: [], lines: [], gaps: [] })
    const one = chartBlocks([sample('a', 0, 3)], [metric('a')])
    expect(one.blocks).toEqual([])
    expect(one.lines).toEqual(['a: 3 all the time'])
  })

  it('label the time in which nobody watched, and say it in words', () => {
    const samples = [0, 15, 30, 180, 195, 210].map((seconds) => sample('a', seconds, 4))
    const { blocks, lines, gaps } = chartBlocks(samples, [metric('a')])
    const categories = blocks[0]?.chart.axis_config.categories ?? []
    expect(categories.filter((it) => it.endsWith('no data')).length).toBeGreaterThan(0)
    expect(categories.at(0)).toBe('0:00')
    expect(lines[0]).toBe('No samples from 0:30 to 3:00')
    expect(shown(drawn({ blocks, lines, gaps }))).toContain('No samples from 0:30 to 3:00')
  })

  it('mark what was not seen while other metrics were, in both charts', () => {
    const { blocks } = chartBlocks(withGaps.samples, withGaps.metrics)
    expect(blocks.map((block) => block.chart.series.map((series) => series.name))).toEqual([
      ['Webhooks pro… (gaps)', 'Errors per minute', 'Restarts', 'Pods not ready', 'Undelivered events'],
      ['New grace pe… (gaps)', 'Audit log en… (gaps)', 'Dead letters (gaps)'],
    ])
  })

  it('pass Slack whatever is measured, and name at most six series each', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    const samples = fc.array(
      fc.record({
        metric: fc.constantFrom(...names),
        at: fc.integer({ min: 0, max: 7_200_000 }).map((ms) => new Date(start + ms)),
        value: fc.double({ noDefaultInfinity: true }),
      }),
      { maxLength: 300 },
    )
    const metrics = fc.tuple(
      ...names.map((name) =>
        fc.record({
          name: fc.constant(name),
          title: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
          compare: fc.constantFrom('value' as const, 'growth' as const),
        }),
      ),
    )
    fc.assert(
      fc.property(samples, metrics, (seen, config) => {
        const { blocks } = chartBlocks(seen, config)
        expectSlackTakes({ text: 'charts', blocks })
        for (const block of blocks) expect(block.chart.series.length).toBeLessThanOrEqual(6)
      }),
    )
  })

  it('of an ordinary deploy fit the runbook: two charts of four metrics', () => {
    const { blocks } = chartBlocks(watched.samples, watched.metrics)
    expect(blocks.map((block) => block.chart.series.map((series) => series.name))).toEqual([
      ['Webhooks processed'],
      ['New grace periods', 'Audit log entries', 'Dead letters'],
    ])
  })
})
