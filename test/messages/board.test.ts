import { describe, expect, it } from 'vitest'
import { boardMessage } from '../../src/messages/board/board.ts'
import type { StateView } from '../../src/messages/board/state.ts'
import type { Effect } from '../../src/model/effects/effects.ts'
import type { Run } from '../../src/model/run.ts'
import * as example from './example-runs.ts'
import * as state from './example-states.ts'
import { expectSlackTakes, shown } from './slack-takes.ts'

const { now } = example
const tomorrow = new Date(now.getTime() + 24 * 3_600_000)

function board(run: Run, more: Partial<StateView> = {}) {
  const view = { now, rollbackUntil: tomorrow, onCall: 'S01ONCALL', approvers: ['S01APPROVERS'], ...more }
  const message = boardMessage(run, view)
  return { message, text: message.text, seen: shown(message.blocks) }
}

describe('the board', () => {
  it('says within its first line what is planned and where', () => {
    const { seen, text } = board(example.planning)
    expect(seen).toContain('Planning v1.2.0 → production')
    expect(seen).toContain('*Planning:* comparing migrations. Nothing changes before approval.')
    expect(text).toContain('Nothing changes before approval')
  })

  it('asks who has to approve until when, and shows risks, the way back and what changes before the buttons', () => {
    const { seen, text } = board(example.waiting)
    const order = [
      'v1.1.0 → v1.2.0 on production: waiting for approval',
      '<!subteam^S01APPROVERS>: approve by 2026-01-05 15:20 UTC (0 of 1) · requested by <@U01DANA00>',
      '*1 risk*',
      'ACCESS EXCLUSIVE lock: writers wait',
      '*Rollback:* possible, except 3 migrations',
      '*Changes:* 14 commits · 3 migrations · new Stripe endpoint (38 events) · 1 new CronJob',
      'About 35 min, then 30 min of monitoring.',
      'Approve',
      'Reject…',
      'Run #42',
      '“Retry webhooks & keep grace periods” · d4e5f6a',
    ]
    const places = order.map((part) => seen.indexOf(part))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(text).toContain('approve by <!date^')
    expect(text).toContain('2026-01-05 15:20 UTC')
  })

  it('names no version as replaced that is not known, or that is deployed again', () => {
    for (const version of [undefined, 'v1.2.0']) {
      const plan = { ...example.plan, current: { ...example.plan.current, version } }
      expect(board({ ...example.waiting, plan }).seen).toContain('v1.2.0 → production: waiting for approval')
    }
  })

  it('shows whoever approves neither the phases to come nor the commits: the thread and Details have them', () => {
    const { seen } = board(example.waiting)
    expect(seen).not.toContain('To come')
    expect(seen).not.toContain('Keep what Stripe sent in webhook_events')
  })

  it('says to notifications and screen readers what the risks are, without ornaments', () => {
    const { text } = board(example.waiting)
    expect(text).toContain('1 risk.\n20260101091000_billing_audit_log.sql takes an ACCESS EXCLUSIVE lock')
    for (const [name, run] of Object.entries(example.examples))
      expect([name, board(run).text]).toEqual([name, expect.not.stringMatching(/[✓✗]|:[a-z_]+:/)])
  })

  it.each<[string, Partial<typeof example.plan>, string]>([
    ['nothing stays', { migrations: [] }, '*Rollback:* possible\n'],
    [
      'the secret is lost',
      { migrations: [], stripe: { ...example.plan.stripe, action: 'replace', why: 'secret' } },
      'possible, except the new Stripe endpoint',
    ],
    ['nothing changes', { rollback: [] }, 'nothing to roll back'],
    [
      'the old version cannot run on the new schema',
      { closesRollback: 'drops column webhook_events.attempts' },
      "none after this. v1.1.0 can't run on the new schema. The only way back is restoring the backup.",
    ],
  ])('answers whether there is a way back: %s', (_, more, words) => {
    expect(board({ ...example.waiting, plan: { ...example.plan, ...more } }).seen).toContain(words)
  })

  it('says for as long as it stands who overrode a freeze, and why', () => {
    for (const run of [example.planning, example.waiting, example.executing]) {
      const { seen } = board({ ...run, freezeOverride: 'Month end', reason: 'double charges' })
      expect(seen).toContain('overrides the freeze “Month end”: double charges')
      expect(seen).not.toContain('*Why:*')
    }
  })

  it('shows what runs with its time and one line, what is done, and what is to come', () => {
    const { seen, text } = board(example.executing)
    expect(seen).toContain('v1.2.0 → production: running, 3 of 7')
    expect(seen).toContain('*Deploy application code* 1m 12s: 2 of 3 pods updated · done around')
    expect(seen).toMatch(/\*Done \(2 of 7\):\* Preflight [\dms ]+ · Migrations [\dms ]+/)
    expect(seen).toContain('*To come:* Stripe · CronJobs · E2E · Monitoring')
    expect(board(example.waiting).seen).not.toContain('Done')
    expect(text).toContain('running, 3 of 7')
  })

  it('says of the time of its end that it is an estimate, unless past runs tell', () => {
    expect(board(example.executing).text).toMatch(/done around <!date\^[^>]+> \(estimate\)/)
    const pace = { rollout: 90_000, stripe: 5_000, cronjobs: 5_000, e2e: 20_000, monitor: 300_000 }
    const { text } = board(example.executing, { pace })
    expect(text).toContain('done around <!date^')
    expect(text).not.toContain('(estimate)')
    expect(board(example.rollback, { pace }).text).toContain('(estimate)')
  })

  it('says in words that a phase is over its budget, or slower than usual', () => {
    const late = (minutes: number) => {
      const phases = example.executing.phases.map((it) =>
        it.status === 'running' ? { ...it, startedAt: example.minutesAgo(minutes) } : it,
      )
      return board({ ...example.executing, phases }, { pace: { rollout: 120_000 } })
    }
    expect(late(12).text).toContain('*Deploy application code* 12m, 2m over budget: 2 of 3')
    expect(late(5).seen).toContain('*Deploy application code* 5m, longer than usual (2m): 2 of 3')
    expect(late(2).seen).not.toContain('longer than usual')
  })

  it('says who decided', () => {
    const decided = (kind: 'cancel' | 'leave' | 'retry') => ({ decisions: [{ kind, by: example.alex, at: now }] })
    const of = (name: string, kind: 'cancel' | 'leave' | 'retry') =>
      board(example.examples[name] as Run, decided(kind)).seen
    expect(of('cancelled', 'cancel')).toContain('*Cancelled* by <@U02ALEX00>.')
    expect(of('cancelling', 'cancel')).toContain('*Stopping* by <@U02ALEX00>.')
    expect(of('left', 'leave')).toContain('*Left as is* by <@U02ALEX00>.')
    expect(of('executing', 'retry')).toContain('<@U02ALEX00> retried it at')
  })

  it('names those on call without calling them: the thread has called them already', () => {
    expect(JSON.stringify(board(example.failed).message)).not.toContain('S01ONCALL')
    expect(board(example.failed, { onCall: '+49 30 1234' }).seen).toContain('On call: +49 30 1234.')
  })

  it("names where it failed, the service's own error, what is up, what changed and what people can do", () => {
    const { seen, text } = board(example.failed)
    for (const told of [seen, text]) {
      expect(told).toContain('v1.2.0 → production: failed at deploy application code (3 of 7)')
      expect(told).toContain('0 of 3 pods became ready')
      expect(told).toContain('Production is up: v1.1.0, 3 of 3 pods ready')
      expect(told).toContain('Its changes stay.')
      expect(told).toContain('Retry, roll back or leave as is.')
    }
    expect(seen).toContain('*Error: Cannot find module <./billing>*')
    expect(seen.indexOf('Cannot find module')).toBeLessThan(seen.indexOf('0 of 3 pods became ready'))
    expect(seen).toContain('Logs in the thread ↓')
  })

  it.each([
    [{ ready: 0, of: 3, health: 503 }, '*Production is down:* 0 of 3 pods ready'],
    [{ ready: 3, of: 3, health: 503 }, '*Production is unhealthy:* HTTP 503, 3 of 3 pods ready'],
    [{ version: 'v1.1.0', ready: 3, of: 3 }, "Production: v1.1.0, 3 of 3 pods ready. Couldn't check its health."],
  ])('says what is up only as it was seen: %j', (serving, words) => {
    const failure = { code: 'x', message: 'no', evidence: [], serving }
    const phases = [example.phase('rollout', { status: 'failed', failure })]
    expect(board({ ...example.failed, phases }).seen).toContain(words)
  })

  it('says nothing of what is up where nobody looked', () => {
    const phases = [example.phase('rollout', { status: 'failed', failure: { code: 'x', message: 'no', evidence: [] } })]
    expect(board({ ...example.failed, phases }).seen).not.toContain('Production')
  })

  it('counts what was changed so far by what is recorded, without what was put back', () => {
    const effect = { id: 1, run: 42, phase: 'migrate', status: 'applied', at: now } as const
    const migration = { ...effect, kind: 'migration', before: {}, after: {} } as unknown as Effect
    const endpoint = { ...effect, kind: 'stripe-endpoint', target: 'we_1', before: {}, after: {} } as unknown as Effect
    const effects = [
      { ...migration, target: 'a.sql' },
      { ...migration, target: 'b.sql' },
      { ...endpoint, status: 'started' },
      { ...migration, kind: 'cronjob', target: 'x', status: 'undone' },
    ] as readonly Effect[]
    const { seen } = board(example.failed, { effects })
    expect(seen).toContain('Changed so far: 2 migrations · Stripe endpoint (begun).')
    expect(seen).not.toContain('CronJob')
  })

  it('does not claim that nothing changed once migrations have run', () => {
    expect(board({ ...example.failed, hasEffects: false }).seen).toContain('Apart from migrations, nothing changed')
    const early = { ...example.failed, hasEffects: false, phases: [example.phase('preflight', { status: 'failed' })] }
    expect(board(early).seen).toContain('Nothing changed.')
  })

  it('shows why a plan was rejected, and by whom', () => {
    expect(board(example.examples['rejected'] as Run).seen).toContain('*Rejected* by <@U02ALEX00>: “not on a Friday”')
  })

  it('says in the headline of a run that was rolled back that it was, and of a rollback what runs now', () => {
    const undone = { ...example.succeeded, rolledBackBy: 43 }
    expect(board({ ...undone, hasEffects: false }).seen).toContain('v1.2.0 → production: rolled back by #43')
    // The rollback may be under way still.
    expect(board(undone).seen).toContain('v1.2.0 → production: succeeded, rollback is #43')
    const finished = { ...example.rollback, status: 'succeeded' as const, finishedAt: now }
    expect(board(finished).seen).toContain('Roll back v1.2.0 on production: succeeded, v1.1.0 runs now')
  })

  it('says of a restore that failed what serves now, and offers its rollback only where something is left to put back', () => {
    const phases = [example.phase('prepare', { status: 'succeeded' }), example.phase('swap', { status: 'failed' })]
    const failed = { ...example.restore, status: 'failed', startedAt: example.now, phases } as const
    const { seen } = board({ ...failed, hasEffects: false })
    expect(seen).toContain('The service is running again on the previous database.\nRetry or leave as is.')
    expect(board({ ...failed, hasEffects: true }).seen).toContain('Retry, roll back or leave as is.')
  })

  it('reads as a report when the run has succeeded', () => {
    const { seen } = board(example.succeeded)
    expect(seen).toContain('*Succeeded* in 11m. 7 of 7 success criteria are met.')
    expect(seen).toContain('E2E tests passing: 14 of 14')
    expect(seen).toContain('Dead letter queue')
    expect(seen).toContain('approved by <@U02ALEX00> (1 of 1)')
  })

  it('shows a verification that found trouble as one, worst first', () => {
    const { seen, text } = board(example.verify)
    expect(text).toContain('Verify production: 1 of 3 checks failed, 2 passed')
    expect(seen).toContain(':x: *1 of 3 checks failed, 2 passed* in 1m.')
    expect(seen).toContain('*failed* – Dead letter queue: 4 (expected 0)')
    expect(seen.indexOf('Dead letter queue')).toBeLessThan(seen.indexOf('Webhook events'))
  })

  it('shows a verification in which everything passed as one line and a list, and a number without a limit as a count', () => {
    const counts = [
      example.check('dead', 'Dead letter queue', '0', { threshold: '≤ 0' }),
      example.check('open', 'Open grace periods', '41', { threshold: 'any' }),
    ]
    const { seen, message } = board({
      ...example.verify,
      verification: { at: now.toISOString(), counts, state: [], criteria: [] },
    })
    expect(seen).toContain(':white_check_mark: *1 check passed, 1 count* in 1m.')
    expect(seen).toContain('Open grace periods: 41')
    expect(message.blocks?.some(({ type }) => type === 'table')).toBe(false)
  })

  it('names what failed with how it was the last time, and lists what passed and what is only counted', () => {
    const { seen, message } = board(state.trends)
    expect(seen).toContain(
      '*failed* – No event of the last day processed twice: 2: evt_1QzTa8, evt_1QzTb2 (expected no rows) (was 0, 1d ago)',
    )
    expect(seen).toContain("*couldn't check* – CronJob webhook-retry: no answer within 10 s")
    const places = [
      '*failed*',
      '*Passed*',
      'Dead letter queue: 0',
      '*Counts*',
      'Open grace periods: 41 (was 44, 1d ago)',
    ]
    const found = places.map((part) => seen.indexOf(part))
    expect(found).not.toContain(-1)
    expect(found).toEqual(found.toSorted((a, b) => a - b))
    expect(seen).not.toMatch(/\bany\b/)
    expect(message.blocks?.some(({ type }) => type === 'table')).toBe(false)
  })

  it('puts many failures into a table, without time and limits that there are not', () => {
    const failed = (at: number) =>
      example.check(`c${at}`, `Check ${at}`, String(at), { verdict: 'fail', threshold: '0' })
    const counts = [1, 2, 3, 4, 5].map(failed)
    const seen = board({ ...example.verify, verification: { at: now.toISOString(), counts, state: [], criteria: [] } })
    expect(seen.message.blocks?.some(({ type }) => type === 'table')).toBe(true)
    expect(seen.seen).toContain('Check 5')
    expect(seen.seen).not.toContain('Time')
  })

  it('asks for a decision when monitoring found a problem, until somebody has decided', () => {
    const { seen, message } = board(state.breached, { watched: state.growing })
    expect(seen).toContain('v1.2.0 → production: running – Dead letters grew by 6 (at most 0 allowed)')
    expect(seen).toContain(':warning: *3 samples in a row*, found at 2026-01-05 14:19 UTC.')
    expect(seen).toContain('Roll back, keep monitoring or stop. Monitoring continues until 2026-01-05 14:40 UTC.')
    expect(seen).toContain('6 of 7 phases done.')
    expect(message.blocks?.filter(({ type }) => type === 'data_visualization')).toHaveLength(1)
    const kept = board(state.keptWatching).seen
    expect(kept).toContain(':hourglass_flowing_sand: *Monitor*')
    expect(kept).toContain('v1.2.0 → production: running, 7 of 7')
  })

  it('keeps the charts of a deploy that has succeeded', () => {
    const watch = { ...state.watched.watch!, beganAt: example.minutesAgo(30) }
    const { message } = board({ ...example.succeeded, watch }, { watched: state.wholeWell })
    expect(message.blocks?.filter(({ type }) => type === 'data_visualization')).toHaveLength(2)
  })

  it('names the phases of a restore as what they do', () => {
    const running = { status: 'executing', startedAt: now } as const
    expect(board({ ...example.restore, ...running }).seen).toContain('Restore into a new database')
    const { seen } = board({ ...state.restoreInPlace, ...running })
    expect(seen).toContain('Verify the backup once more')
    expect(seen).not.toContain('Restore into a new database')
  })

  it('says of an image that Purser builds that it does', () => {
    expect(board(state.withBuild).seen).toContain('3 migrations · image built by Purser · new Stripe endpoint')
  })

  it('lists what a rollback undoes and says plainly what stays', () => {
    const { seen } = board(example.rollback)
    expect(seen).toContain('CronJob webhook-retry: delete')
    expect(seen).toContain('The schema is not rolled back')
    expect(seen).toContain('*#42*')
  })

  it('counts what it folds and says where the rest is', () => {
    const risks = Array.from({ length: 30 }, (_, index) => `risk number ${index}`)
    const { seen } = board({ ...example.waiting, plan: { ...example.plan, risks } })
    expect(seen).toContain('risk number 7')
    expect(seen).not.toContain('risk number 8')
    expect(seen).toContain('… and 22 more in the thread')
  })

  it.each([
    [{ files: 2, statements: 12 }, 'No risks found (12 statements in 2 files read)'],
    [{ files: 0, statements: 0 }, 'No risks found (no migrations to read)'],
    [undefined, 'No risks found, but not everything was read'],
  ])('says that there is no risk only with what was read: %j', (read, words) => {
    const { read: _, ...plan } = example.plan
    const { seen } = board({
      ...example.waiting,
      plan: { ...plan, risks: [], ...(read === undefined ? {} : { read }) },
    })
    expect(seen).toContain(words)
  })

  it('shows text from outside as it is: it mentions nobody, and its asterisks stay', () => {
    const reason = '<!channel> & <https://evil.example|press here> *loud* _low_ `x` :fire:'
    const { message, seen } = board({ ...example.failed, reason, failure: undefined })
    expect(seen).toContain(reason)
    const read = message.blocks?.filter((block) => !['rich_text', 'plan', 'table'].includes(block.type))
    expect(JSON.stringify(read)).not.toContain('loud')
    expect(message.text).not.toContain('<!channel>')
  })

  it('says that details were removed where the charts would be', () => {
    const told = 'Samples, log errors and output of this run were removed on 2026-01-05.'
    expect(board({ ...example.succeeded, detailsRemovedAt: example.now }).seen).toContain(told)
    expect(board(example.succeeded).seen).not.toContain('removed on')
  })

  it('keeps the budget when everything is as long as it can be', () => {
    for (const status of ['awaiting_approval', 'executing', 'failed', 'succeeded'] as const) {
      expectSlackTakes(board({ ...example.largest, status }).message)
      expectSlackTakes(board({ ...example.largest, status, kind: 'verify' }).message)
      expectSlackTakes(board({ ...example.largest, status, kind: 'rollback', plan: example.largestUndo }).message)
    }
  })
})
