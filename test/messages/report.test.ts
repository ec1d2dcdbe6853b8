import { describe, expect, it } from 'vitest'
import { reportMarkdown } from '../../src/messages/report/report.ts'
import { ago, duration, milliseconds, minutes } from '../../src/text.ts'
import * as example from './example-runs.ts'

describe('the report', () => {
  const at = (minute: number) => new Date(example.now.getTime() + minute * 60_000)
  const samples = [
    { metric: 'webhooks', at: at(2), value: 7 },
    { metric: 'webhooks', at: at(0), value: 3 },
    { metric: 'webhooks', at: at(1), value: 12 },
  ]

  it('holds approvals, phases against budgets, criteria, counts, metrics and the plan', () => {
    const report = reportMarkdown(example.succeeded, { samples })
    expect(report).toContain('# Run #42: v1.2.0 → production')
    expect(report).toContain('| U02ALEX00 | approved | 2026-01-05 14:07 UTC | this plan |')
    expect(report).toContain('| Deploy application code | succeeded | 1m | 10 min | 1 |')
    expect(report).toContain('| passed | E2E tests passing | 14 of 14 |')
    expect(report).toContain('| failed | Dead letter queue | 4 | – | 0 | 1.2s |')
    expect(report).toContain('| webhooks | 3 | 7 | 12 | 3 |')
    expect(report).toContain('1. Delete CronJob webhook-retry')
  })

  it('holds all that commands have printed, under one title for each', () => {
    const outputs = [
      { title: 'billing tests', lines: ['ok 1'] },
      { title: 'Backup', lines: ['14 tables'] },
      { title: 'billing tests', lines: ['ok 2'] },
    ]
    expect(reportMarkdown(example.succeeded, { samples, outputs })).toContain(
      '## Logs\n\n### billing tests\n\n```text\nok 1\nok 2\n```\n\n### Backup',
    )
    expect(reportMarkdown(example.succeeded, { samples })).not.toContain('## Logs')
  })

  it('holds the head of the audit when it was written', () => {
    const hash = 'ab'.repeat(32)
    expect(reportMarkdown(example.succeeded, { samples, auditHead: { sequence: 512, hash } })).toContain(
      `- **Audit head when this was written:** 512:${hash}`,
    )
    expect(reportMarkdown(example.succeeded, { samples })).not.toContain('Audit head')
  })

  it('says that details were removed, and makes no table of none', () => {
    const removed = reportMarkdown({ ...example.succeeded, detailsRemovedAt: example.now }, { samples: [] })
    expect(removed).toContain('- **Removed:** samples, log errors and output, 2026-01-05 14:20 UTC')
    expect(removed).not.toContain('## Metrics while monitoring')
    expect(reportMarkdown(example.succeeded, { samples })).not.toContain('Removed')
  })

  it('keeps tables and code fences whole whatever stands in them', () => {
    const failure = { code: 'x', message: 'a | b\nc', evidence: ['```', 'still evidence'] }
    const phases = [example.phase('rollout', { status: 'failed', failure })]
    const report = reportMarkdown({ ...example.failed, phases }, { samples: [] })
    expect(report).toContain('| a \\| b c |')
    expect(report).toContain('````text\n```\nstill evidence\n````')
  })
})

describe('times', () => {
  it.each([
    [0, '0s'],
    [400, 'under 1s'],
    [45_900, '45s'],
    [60_000, '1m'],
    [72_000, '1m 12s'],
    [65 * 60_000, '1h 05m'],
    [51 * 3_600_000, '2d 3h'],
    [-5, '0s'],
  ])('%i ms is told as %s', (ms, told) => {
    expect(duration(ms)).toBe(told)
  })

  it('uses the unit that fits', () => {
    expect([minutes(0.5), minutes(10), minutes(1.25)]).toEqual(['30 s', '10 min', '1.3 min'])
    expect([milliseconds(12.4), milliseconds(1234)]).toEqual(['12 ms', '1.2s'])
    expect(ago(new Date(0), new Date(59_000))).toBe('just now')
    expect(ago(new Date(0), new Date(3 * 3_600_000))).toBe('3h ago')
  })
})
