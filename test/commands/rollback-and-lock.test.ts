import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRejectDialog, retry } from '../../src/commands/decide.ts'
import { lock, unlock } from '../../src/commands/lock.ts'
import { verify } from '../../src/commands/verify.ts'
import { confirmRollback, openRollbackDialog } from '../../src/commands/rollback.ts'
import { restorePlan } from '../messages/example-runs.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import {
  alex,
  approves,
  commandContexts,
  configWith,
  dana,
  deploys,
  dialogOf,
  filled,
  said,
  sam,
  ticketOf,
} from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing, failedWithEffects, rollbackOf, rolledBack } = commandContexts(() => stores)

describe('a rollback', () => {
  it('shows what would be undone and changes nothing before it is confirmed', async () => {
    const context = openContext()
    const run = await failedWithEffects()
    const audit = await changesNothing(async () => {
      const view = await said(context, dana, () => openRollbackDialog(dana, undefined, context))
      expect(view).toContain('Deployment valuecanvas-api: back to v1.1.0')
    })
    expect(audit).toEqual([])
    const number = await rollbackOf(run, context)
    expect(context.enqueued).toEqual([`#${number} undo`])
    expect(await stores.runs.get(number)).toMatchObject({ kind: 'rollback', parent: run.number, status: 'executing' })
  })

  it('says what the restore of its own backup took back, and not that it stays applied', async () => {
    const context = openContext()
    const claim = await stores.under('migrate')
    const file = '20260101091000_billing_audit_log.sql'
    const { id } = await stores.phases.beginEffect(claim, 'migration', file, async () => ({ applied: false }))
    await stores.phases.settleEffect(claim, id, 'applied', { outcome: 'applied', milliseconds: 1 })
    await stores.phases.beginEffect(claim, 'cronjob', 'webhook-retry', async () => ({ manifest: null }))
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'migrate' }, {})
    const shown = () => said(context, dana, () => openRollbackDialog(dana, claim.run, context))
    expect(await shown()).toContain(`The schema is not rolled back: ${file} stays applied.`)

    const later = await stores.under('migrate')
    const names = { live: 'valuecanvas', restored: 'r', kept: 'k', backup: 'b' }
    const swap = await stores.phases.beginEffect(later, 'database', 'valuecanvas', async () => names)
    await stores.phases.settleEffect(later, swap.id, 'applied', { milliseconds: 1 })
    await stores.phases.finish(later, { type: 'phase_failed', phase: 'migrate' }, {})
    const plan = { ...restorePlan, backup: { ...restorePlan.backup, run: claim.run }, migrationsLost: [file] }
    await stores.pool.query(
      `update purser.runs set kind = 'restore', status = 'succeeded', plan = $2 where number = $1`,
      [later.run, JSON.stringify(plan)],
    )
    const after = await shown()
    expect(after).toContain(`The restore #${later.run} took ${file} back already`)
    expect(after).not.toContain('stays applied')
  })

  it('is refused to Sam, with and without the dialog', async () => {
    const context = openContext()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, context)
    const audit = await changesNothing(async () => {
      expect(await said(context, sam, () => openRollbackDialog(sam, run.number, context))).toContain("You can't start")
      expect(await said(context, sam, () => confirmRollback('USAM', metadata, undefined, context))).toContain(
        "You can't start",
      )
    })
    expect(audit).toHaveLength(2)
  })

  it('of a list that is no longer true is refused', async () => {
    const context = openContext()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, context)
    await stores.pool.query(`update purser.effects set status = 'undone' where kind = 'cronjob'`)
    await changesNothing(async () =>
      expect(await said(context, dana, () => confirmRollback('UDANA', metadata, undefined, context))).toContain(
        'has changed since you opened the dialog',
      ),
    )
  })

  it('is confirmed once, however often the button is pressed', async () => {
    const context = openContext()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, context)
    const presses = [1, 2, 3].map(() =>
      said(context, dana, () => confirmRollback('UDANA', metadata, undefined, context)),
    )
    expect((await Promise.all(presses)).filter((answer) => answer === '')).toHaveLength(1)
    expect(await stores.runs.list({ kinds: ['rollback'] })).toHaveLength(1)
  })

  it('of a deploy on which another one stands is refused: the newest goes first', async () => {
    const context = openContext()
    const older = await failedWithEffects()
    const newer = await failedWithEffects()
    const refused = `Run #${newer.number} has changed production since`
    expect(await said(context, dana, () => openRollbackDialog(dana, older.number, context))).toContain(refused)
    await rolledBack(newer, context)
    expect(await said(context, dana, () => openRollbackDialog(dana, older.number, context))).toContain('back to v1.1.0')
  })

  it('of a run that is not at rest is refused', async () => {
    const context = openContext()
    const running = await stores.under('migrate')
    expect(await said(context, dana, () => openRollbackDialog(dana, running.run, context))).toContain('Cancel it first')
    const planning = await stores.waiting({ environment: 'staging' })
    expect(await said(context, dana, () => openRollbackDialog(dana, planning.number, context))).toContain(
      'Cancel it first',
    )
  })

  it('is no longer offered when the time for it has passed', async () => {
    const run = await failedWithEffects()
    await stores.pool.query(`update purser.runs set status = 'succeeded' where number = $1`, [run.number])
    const context = openContext({ now: () => new Date(Date.now() + 25 * 3_600_000) })
    expect(await said(context, dana, () => openRollbackDialog(dana, run.number, context))).toContain(
      'more than 24 h ago',
    )
  })
})

describe('a rollback that must be approved', () => {
  const careful = () => openContext({ config: configWith({ rollbackApprovals: 1 }) })

  it('calls those who may, and starts with their approval', async () => {
    const context = careful()
    const rollback = await stores.runs.get(await rollbackOf(await failedWithEffects(), context))
    expect(rollback.status).toBe('awaiting_approval')
    expect((await stores.boards.waiting(rollback.number))[0]?.post.kind).toBe('approval_request')
    expect(await approves(dana, rollback, context)).toContain("You can't approve your own run")
    expect(await approves(alex, rollback, context)).toBe('')
    expect((await stores.runs.get(rollback.number)).status).toBe('executing')
  })

  it('is refused when another one has undone it meanwhile', async () => {
    const context = careful()
    const run = await failedWithEffects()
    const late = await stores.runs.get(await rollbackOf(run, context))
    await rolledBack(run, openContext())
    await changesNothing(async () =>
      expect(await approves(alex, late, context)).toContain('already has a rollback: run #'),
    )
  })

  it('is refused when another deploy stands on top meanwhile', async () => {
    const context = careful()
    const late = await stores.runs.get(await rollbackOf(await failedWithEffects(), context))
    const newer = await failedWithEffects()
    await changesNothing(async () =>
      expect(await approves(alex, late, context)).toContain(`Run #${newer.number} has changed production since`),
    )
  })
})

describe('a locked environment', () => {
  it('stays locked when Slack does not take the announcement, and its author is told', async () => {
    const context = openContext({ announce: () => Promise.reject(new Error('channel_not_found')) })
    expect(await said(context, dana, () => lock(dana, 'audit week', context))).toMatch(
      /locked production: audit week.*\nSlack didn't post this in every channel/s,
    )
    expect(await stores.locks.find('production')).toMatchObject({ reason: 'audit week' })
  })

  it('takes no deploy, approval or retry, and says why and what to do', async () => {
    const context = openContext()
    const failed = await failedWithEffects()
    const waiting = await stores.waiting()
    await said(context, dana, () => lock(dana, 'audit week', context))
    const audit = await changesNothing(async () => {
      const answers = [
        await deploys(dana, 'v1.2.0', context),
        await approves(alex, waiting, context),
        await said(context, dana, () => retry(dana, failed.number, context)),
      ]
      for (const answer of answers)
        expect(answer).toMatch(
          /^\*production\* is locked by <@UDANA> since <!date.*: audit week\n.*Rollbacks still work\..*`\/billing unlock production`/,
        )
    })
    expect(audit).toHaveLength(3)
  })

  it('takes a rollback, its approval and its retry: the lock stands on top of its dialog', async () => {
    const context = openContext({ config: configWith({ rollbackApprovals: 1 }) })
    const failed = await failedWithEffects()
    await said(context, dana, () => lock(dana, 'audit week', context))
    const view = await filled(await openRollbackDialog(dana, failed.number, context))
    expect(JSON.stringify(view.blocks[0])).toMatch(/is locked by .*UDANA.*: audit week/)
    const rollback = await stores.runs.get(await rollbackOf(failed, context))
    expect(await approves(alex, rollback, context)).toBe('')
    const undo = await stores.claim(rollback.number, 'undo')
    await stores.phases.finish(undo, { type: 'phase_failed', phase: 'undo' }, {})
    expect(await said(context, dana, () => retry(dana, rollback.number, context))).toBe('')
    expect(await stores.runs.get(rollback.number)).toMatchObject({ status: 'executing' })
    expect(await stores.locks.find('production')).toMatchObject({ reason: 'audit week' })
  })

  it('still takes looks, plans, rejections and other environments', async () => {
    const context = openContext()
    const waiting = await stores.waiting()
    await said(context, dana, () => lock(dana, 'audit week', context))
    expect(await deploys(dana, 'v1.2.0 --dry-run', context)).toBe('')
    expect(await deploys(dana, 'v1.2.0 staging', context)).toBe('')
    expect(await said(context, sam, () => verify(sam, undefined, context))).toBe('')
    expect(await said(context, alex, () => openRejectDialog(alex, ticketOf(waiting), context))).toContain(
      'reject_dialog',
    )
  })

  it('is locked once, by those who may, and opened again', async () => {
    const context = openContext()
    expect(await said(context, sam, () => lock(sam, 'because', context))).toContain("You can't start or change runs")
    expect(await said(context, dana, () => lock(dana, 'audit week', context))).toBe('')
    expect(context.announced).toEqual([
      expect.stringMatching(/^CDEPLOYS :lock: <@UDANA> \*locked production\*: audit week\n/),
    ])
    expect(await said(context, alex, () => lock({ ...alex, user: 'UOLA' }, 'other', context))).toMatch(
      /^\*production\* is locked by <@UDANA> since .*: audit week/,
    )
    expect(await said(context, dana, () => unlock({ ...dana, user: 'UOLA' }, undefined, context))).toBe(
      'production was locked by a different person. Ask <@UDANA> or <@UALEX> to unlock it.',
    )
    expect(await said(context, alex, () => unlock(alex, undefined, context))).toBe('')
    expect(context.announced[1]).toMatch(
      /<@UALEX> \*unlocked production\*\. It was locked by <@UDANA> since .*: audit week/,
    )
    expect(await said(context, dana, () => unlock(dana, undefined, context))).toContain("wasn't locked")
    expect(context.announced).toHaveLength(2)
    expect(await deploys(dana, 'v1.2.0', context)).toBe('')
  })
})
