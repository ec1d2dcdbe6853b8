import { describe, expect, it } from 'vitest'
import { tellingFirst, tellingLine } from '../../src/messages/thread/evidence.ts'
import { threadMessage } from '../../src/messages/thread/thread.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import type { Run } from '../../src/model/run.ts'
import * as example from './example-runs.ts'
import * as state from './example-states.ts'
import { expectSlackTakes, shown } from './slack-takes.ts'

function post(it: ThreadPost, run = example.waiting) {
  const message = threadMessage(it, run)
  expectSlackTakes(message)
  return { text: message.text, seen: shown(message.blocks) }
}

describe('a post in the thread', () => {
  it('tells the whole plan: every event, every difference, the order of a rollback', () => {
    const { seen } = post({ kind: 'plan' })
    expect(seen).toContain('event_37')
    expect(seen).toContain('+   valuecanvas/api@sha256:4f4f')
    expect(seen).toContain('Disable the Stripe endpoint')
    expect(seen).toContain("the endpoint's signing secret isn't in the cluster yet")
    expect(seen).not.toContain('more under Details')
  })

  it('folds what does not fit with a count and its place', () => {
    const risks = Array.from({ length: 100 }, (_, index) => `risk number ${index} of very many`)
    const { seen } = post({ kind: 'plan' }, { ...example.waiting, plan: { ...example.plan, risks } })
    expect(seen).toMatch(/… and \d+ more under Details on the board/)
  })

  it('asks the approvers by mentioning people and groups', () => {
    const { text, seen } = post({ kind: 'approval_request', approvers: ['S01APPROVERS', 'U02ALEX00'] })
    expect(text).toContain('<!subteam^S01APPROVERS> or <@U02ALEX00>: please review *v1.1.0 → v1.2.0 on production*')
    expect(text).toContain('1 risk.\n20260101091000_billing_audit_log.sql takes an ACCESS EXCLUSIVE lock')
    expect(seen).toContain('(run #42) by 2026-01-05 15:20 UTC. 1 risk.')
  })

  it('tells with the request the whole plan below its buttons', () => {
    const { seen } = post({ kind: 'approval_request', approvers: ['U02ALEX00'], withPlan: true })
    const places = ['please review', 'Approve', 'Reject…', '*Risks*', 'event_37'].map((part) => seen.indexOf(part))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  it('asks for nothing any more once somebody has decided', () => {
    const request = { kind: 'approval_request', approvers: ['U02ALEX00'] } as const
    expect(post(request).seen).toContain('Approve')
    expect(post(request, example.executing).seen).not.toContain('Approve')
  })

  it('tells with the plan and the request who overrides a freeze, and why', () => {
    const run = { ...example.waiting, freezeOverride: 'Month end', reason: 'double *charges*', approvalsNeeded: 2 }
    const line = `<@${run.requestedBy}> overrides the freeze “Month end”: double *charges*`
    for (const it of [{ kind: 'plan' as const }, { kind: 'approval_request' as const, approvers: ['U02ALEX00'] }]) {
      expect(post(it, run).text).toContain(line)
      expect(post(it, run).seen).toContain('overrides the freeze “Month end”')
    }
    expect(post({ kind: 'plan' }).text).not.toContain('freeze')
  })

  it('tells a decision, its reason and what happens next', () => {
    const rejected = { ...example.waiting, status: 'rejected' as const }
    const { text } = post({ kind: 'decision', user: 'U02ALEX00', decision: 'rejected', reason: 'a <b> day' }, rejected)
    expect(text).toBe('*Rejected* by <@U02ALEX00>: “a &lt;b&gt; day” Nothing changed.')
    const open = post({ kind: 'decision', user: 'U02ALEX00', decision: 'approved' }, example.waiting)
    expect(open.text).toContain('1 more approval needed.')
    const going = post({ kind: 'decision', user: 'U02ALEX00', decision: 'approved' }, example.executing)
    expect(going.text).toContain('(1 of 1). Starting.')
  })

  it('keeps the end of long output, where it says what happened', () => {
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index} of the test run`)
    const { text, seen } = post({ kind: 'output', title: 'billing tests', lines })
    expect(text).toBe('billing tests: line 499 of the test run')
    expect(seen).toContain('*billing tests* (500 lines), the last of them')
    expect(seen).toContain('line 499')
    expect(seen).not.toContain('line 12 ')
  })

  it('shows what failed, the evidence, the fix and the buttons, and calls the people on call once', () => {
    const failure = example.failed.phases[3]?.failure
    if (failure === undefined) throw new Error('the example has a failure')
    const { seen, text } = post({ kind: 'failed', phase: 'rollout', failure, onCall: 'S01ONCALL' }, example.failed)
    expect(seen).toContain('v1.2.0 → production (run #42) failed at deploy application code')
    expect(seen).toContain('Error: Cannot find module <./billing>')
    expect(seen).toContain('*Fix:* Add the module to the image')
    expect(seen).toContain('Retry phase')
    expect(seen.split('<!subteam^S01ONCALL>')).toHaveLength(2)
    expect(text).toContain('0 of 3 pods became ready')
  })
})

it('keeps the budget when everything is as long as it can be', () => {
  const { largest } = example
  post({ kind: 'plan' }, largest)
  post({ kind: 'plan' }, { ...largest, kind: 'rollback', plan: example.largestUndo })
  const everybody = Array.from({ length: 99 }, () => 'U01DANA00')
  post({ kind: 'approval_request', approvers: everybody }, largest)
  const asking: Run = { ...largest, status: 'awaiting_approval', freezeOverride: largest.reason ?? '' }
  post({ kind: 'approval_request', approvers: everybody, withPlan: true }, asking)
  const { failure, verification } = largest
  if (failure === undefined || verification === undefined) throw new Error('the largest run has both')
  post({ kind: 'failed', phase: 'rollout', failure, onCall: 'S01ONCALL' }, largest)
  post({ kind: 'verification', verification }, largest)
  post({ kind: 'output', title: failure.message, lines: failure.evidence }, largest)
  post({ kind: 'note', text: failure.evidence.join('\n') }, largest)
})

it('a failure calls those on call once, whatever else is said of it', () => {
  const { failure } = example.failed.phases.find((phase) => phase.failure !== undefined) ?? {}
  if (failure === undefined) throw new Error('the failed run has a failure')
  const message = threadMessage({ kind: 'failed', phase: 'monitor', failure, onCall: 'S01ONCALL' }, example.failed, {
    watched: example.watched,
  })
  expect(JSON.stringify(message.blocks).match(/S01ONCALL/g)).toHaveLength(1)
  expect(message.text.match(/S01ONCALL/g)).toHaveLength(1)
  expect(message.blocks?.filter((block) => block.type === 'data_visualization')).toHaveLength(2)
  expect(shown(message.withoutCharts)).toContain('Dead letters: 0 all the time')
})

it('a breach says its reason once, with what else shows it, and the buttons', () => {
  const { blocks, text } = threadMessage(state.breachPost, state.breached, { watched: state.growing })
  const seen = shown(blocks)
  expect(seen.match(/Dead letters grew by 6/g)).toHaveLength(1)
  expect(seen).toContain('6 × valuecanvas-api-7bdb9c5f4d-x2x9k')
  expect(seen.indexOf('Roll back…')).toBeLessThan(seen.indexOf('Change since start'))
  // Only what broke is drawn.
  expect(seen).not.toContain('Metrics while monitoring')
  expect(text).toContain('Dead letters: from 0 to 6')
  expect(text).not.toContain('Webhooks processed')
})

it('the charts of a watch that came to its end stand once in the thread, with its criteria', () => {
  const charts = (post: ThreadPost) =>
    threadMessage(post, state.unjudged, { watched: state.withGaps }).blocks?.filter(
      (it) => it.type === 'data_visualization',
    )
  expect(charts({ kind: 'verification', verification: state.gapped })).toHaveLength(2)
  expect(charts({ kind: 'failed', phase: 'monitor', failure: state.inconclusive, onCall: undefined })).toEqual([])
})

describe('the line that says what broke', () => {
  it.each([
    [['starting', 'Error: no such plan', 'bye'], 'Error: no such plan'],
    [['api-7bdb-x2: {"level":"error","msg":"plan \\"team\\" has no price"}'], 'plan "team" has no price'],
    [['api-7bdb-x2: FATAL: password denied'], 'FATAL: password denied'],
    [['14 passed, 0 failed', 'not found: invoices'], 'not found: invoices'],
    [['14 passed, 0 failed', 'bye'], undefined],
  ])('of %j is %j', (evidence, line) => {
    expect(tellingLine(evidence)).toBe(line)
  })
})

describe('evidence', () => {
  it('stays as it is when it is short', () => {
    expect(tellingFirst(['starting', 'Error: no', 'bye'])).toEqual(['starting', 'Error: no', 'bye'])
  })

  it('has the lines that name an error first when it is long, and then its end in order', () => {
    const lines = Array.from({ length: 100 }, (_, index) => (index === 3 ? 'FATAL: password denied' : `line ${index}`))
    const told = tellingFirst(lines)
    expect(told[0]).toBe('FATAL: password denied')
    expect(told.at(-1)).toBe('line 99')
    expect(told).toContain('… 60 earlier lines not shown in full')
    expect(told.join('\n').length).toBeLessThanOrEqual(2800)
  })
})
