import { describe, expect, it } from 'vitest'
import { boardMessage } from '../../src/messages/board/board.ts'
import type { StateView } from '../../src/messages/board/state.ts'
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
    expect(seen).toContain('*Planning.* Comparing migrations. Nothing changes before approval.')
    expect(text).toContain('Nothing changes before approval')
  })

  it('shows risks before what changes, and who has to approve until when', () => {
    const { seen, text } = board(example.waiting)
    expect(seen.indexOf('ACCESS EXCLUSIVE lock: writers wait')).toBeLessThan(seen.indexOf('*v1.1.0*'))
    expect(seen).toContain('*v1.1.0* (`sha256:abababababab`) → *v1.2.0* (`d4e5f6a`, `sha256:4f4f4f4f4f4f`)')
    expect(seen).toContain('Migrations: 3 pending')
    expect(seen).toContain('will be created with 38 events')
    expect(seen).toContain('webhook-retry (*/5 * * * *) is new')
    expect(seen).toContain('35 min + 30 min of monitoring')
    expect(text).toContain('1 approval needed from <!subteam^S01APPROVERS>')
    expect(text).toContain('2026-01-05 15:20 UTC')
  })

  it('says for as long as it stands who overrode a freeze, and why', () => {
    for (const run of [example.planning, example.waiting, example.executing]) {
      const { seen } = board({ ...run, freezeOverride: 'Month end', reason: 'double charges' })
      expect(seen).toContain('overrides the freeze “Month end”: double charges')
      expect(seen).not.toContain('*Why:*')
    }
  })

  it('shows what is done with its time, what runs against its budget with one line, and what is to come', () => {
    const { seen } = board(example.executing)
    expect(seen).toMatch(
      /\*Done \(2 of 7\):\* Pre-flight checks and backup [\dms ]+ · Apply database migrations [\dms ]+/,
    )
    expect(seen).toContain('*Deploy application code:* running, 1m 12s of 10 min: 2 of 3 pods updated')
    expect(seen).toContain('*To come:* ')
    expect(board(example.waiting).seen).not.toContain('Done')
    expect(board(example.executing).text).toContain('phase 3 of 7: Deploy application code')
  })

  it('tells when it will be done, from past runs where there are some', () => {
    expect(board(example.executing).text).toContain('About 49 min to go, by the budgets: done around <!date^')
    const pace = { rollout: 90_000, stripe: 5_000, cronjobs: 5_000, e2e: 20_000, monitor: 300_000 }
    const { text } = board(example.executing, { pace })
    expect(text).toContain('About 6 min to go, as in past runs: done around')
    expect(board(example.rollback, { pace }).text).toContain('to go, by the budgets: done around')
  })

  it('says in words that a phase is over its budget, or slower than usual', () => {
    const late = (minutes: number) => {
      const phases = example.executing.phases.map((it) =>
        it.status === 'running' ? { ...it, startedAt: example.minutesAgo(minutes) } : it,
      )
      return board({ ...example.executing, phases }, { pace: { rollout: 120_000 } })
    }
    expect(late(12).text).toContain('phase 3 of 7: Deploy application code, 2m over its budget.')
    expect(late(5).seen).toContain('running, 5m of 10 min, longer than usual (2m)')
    expect(late(2).seen).not.toContain('longer than usual')
  })

  it('says who decided', () => {
    const decided = (kind: 'cancel' | 'leave' | 'retry') => ({ decisions: [{ kind, by: example.alex, at: now }] })
    const of = (name: string, kind: 'cancel' | 'leave' | 'retry') =>
      board(example.examples[name] as Run, decided(kind)).seen
    expect(of('cancelled', 'cancel')).toContain('*Cancelled* by <@U02ALEX00>.')
    expect(of('cancelling', 'cancel')).toContain('*Being cancelled* by <@U02ALEX00>.')
    expect(of('left', 'leave')).toContain('*Failed and left as it is* by <@U02ALEX00>.')
    expect(of('executing', 'retry')).toContain('<@U02ALEX00> had the failed phase run again at')
  })

  it('names those on call without calling them: the thread has called them already', () => {
    expect(JSON.stringify(board(example.failed).message)).not.toContain('S01ONCALL')
    expect(board(example.failed, { onCall: '+49 30 1234' }).seen).toContain('On call: +49 30 1234.')
  })

  it('names the failed chapter, its reason, what stands and what people can do', () => {
    const { seen, text } = board(example.failed)
    for (const told of [seen, text]) {
      expect(told).toContain('Failed at Deploy application code')
      expect(told).toContain('0 of 3 pods became ready')
      expect(told).toContain('What was changed so far stands')
      expect(told).toContain('retry the phase, roll back or leave it')
    }
    expect(seen).toContain('The evidence is in the thread')
  })

  it('does not claim that nothing was changed once migrations have run', () => {
    expect(board({ ...example.failed, hasEffects: false }).seen).toContain('Apart from migrations, nothing outside')
    const early = { ...example.failed, hasEffects: false, phases: [example.phase('preflight', { status: 'failed' })] }
    expect(board(early).seen).toContain('Nothing outside was changed')
  })

  it('says of a restore that failed what serves now, and offers its rollback only where something is left to put back', () => {
    const phases = [example.phase('prepare', { status: 'succeeded' }), example.phase('swap', { status: 'failed' })]
    const failed = { ...example.restore, status: 'failed', startedAt: example.now, phases } as const
    const { seen } = board({ ...failed, hasEffects: false })
    expect(seen).toContain(
      'What was stopped runs again, on the database from before. Someone has to decide: retry the phase or leave it',
    )
    expect(board({ ...failed, hasEffects: true }).seen).toContain('retry the phase, roll back or leave it')
  })

  it('reads as a report when the run has succeeded', () => {
    const { seen } = board(example.succeeded)
    expect(seen).toContain('*Succeeded* in 11m (estimate 35 min + 30 min of monitoring)')
    expect(seen).toContain('7 of 7 success criteria are met')
    expect(seen).toContain('✓ passed – E2E tests passing: 14 of 14')
    expect(seen).toContain('Dead letter queue')
    expect(seen).toContain('approved by <@U02ALEX00> (1 of 1)')
  })

  it('shows a verification that found trouble as one, worst first', () => {
    const { seen, text } = board(example.verify)
    expect(text).toContain('2 passed, 1 failed')
    expect(seen).toContain(':x: *Checked*')
    expect(seen.indexOf('Dead letter queue')).toBeLessThan(seen.indexOf('Webhook events'))
  })

  it('asks for a decision when a rule of the watch is broken, until somebody has decided', () => {
    const { seen } = board(state.breached, { watched: state.growing })
    expect(seen).toContain(':warning: *Running* phase 7 of 7: Monitor.')
    expect(seen).toContain('Dead letters grew by 6 (at most 0 allowed), 3 samples in a row.')
    expect(seen).toContain('roll back, keep watching or stop watching')
    expect(board(state.keptWatching).seen).toContain(':hourglass_flowing_sand: *Running*')
  })

  it('names the phases of a restore as what they do', () => {
    expect(board(example.restore).seen).toContain('Restore into a new database')
    const { seen } = board(state.restoreInPlace)
    expect(seen).toContain('Verify the backup once more')
    expect(seen).not.toContain('Restore into a new database')
  })

  it('says of an image that Purser builds that it does', () => {
    expect(board(state.withBuild).seen).toContain('*v1.2.0* (`d4e5f6a`, Purser builds the image)')
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
    [undefined, 'No risks noted; not everything was read'],
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

  it('keeps the budget when everything is as long as it can be', () => {
    for (const status of ['awaiting_approval', 'executing', 'failed', 'succeeded'] as const) {
      expectSlackTakes(board({ ...example.largest, status }).message)
      expectSlackTakes(board({ ...example.largest, status, kind: 'verify' }).message)
      expectSlackTakes(board({ ...example.largest, status, kind: 'rollback', plan: example.largestUndo }).message)
    }
  })
})
