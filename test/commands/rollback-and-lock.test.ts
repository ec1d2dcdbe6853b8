import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { reject, retry } from '../../src/commands/decide.ts'
import { lock, unlock } from '../../src/commands/lock.ts'
import { verify } from '../../src/commands/look.ts'
import { askRollback, confirmRollback } from '../../src/commands/rollback.ts'
import { openTruth, type Truth } from '../runs/truth.ts'
import { alex, approves, configWith, dana, deploys, dialogOf, frontDesk, said, sam, ticketOf } from './front-desk.ts'

let truth: Truth
beforeAll(async () => {
  truth = await openTruth()
})
beforeEach(() => truth.reset())
afterAll(() => truth.close())

const { openDesk, changesNothing, failedWithEffects, rollbackOf, rolledBack } = frontDesk(() => truth)

describe('a rollback', () => {
  it('shows what would be undone and changes nothing before it is confirmed', async () => {
    const desk = openDesk()
    const run = await failedWithEffects()
    const audit = await changesNothing(async () => {
      const view = await said(desk, dana, () => askRollback(dana, undefined, desk))
      expect(view).toContain('Deployment valuecanvas-api: back to v1.1.0')
    })
    expect(audit).toEqual([])
    const number = await rollbackOf(run, desk)
    expect(desk.enqueued).toEqual([`#${number} undo`])
    expect(await truth.runs.get(number)).toMatchObject({ kind: 'rollback', parent: run.number, status: 'executing' })
  })

  it('is refused to Sam, with and without the dialog', async () => {
    const desk = openDesk()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, desk)
    const audit = await changesNothing(async () => {
      expect(await said(desk, sam, () => askRollback(sam, run.number, desk))).toContain('You may not start')
      expect(await said(desk, sam, () => confirmRollback('USAM', metadata, undefined, desk))).toContain(
        'You may not start',
      )
    })
    expect(audit).toHaveLength(2)
  })

  it('of a list that is no longer true is refused', async () => {
    const desk = openDesk()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, desk)
    await truth.pool.query(`update purser.effects set status = 'undone' where kind = 'cronjob'`)
    await changesNothing(async () =>
      expect(await said(desk, dana, () => confirmRollback('UDANA', metadata, undefined, desk))).toContain(
        'has changed since the dialog was opened',
      ),
    )
  })

  it('is confirmed once, however often the button is pressed', async () => {
    const desk = openDesk()
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, desk)
    const presses = [1, 2, 3].map(() => said(desk, dana, () => confirmRollback('UDANA', metadata, undefined, desk)))
    expect((await Promise.all(presses)).filter((answer) => answer === '')).toHaveLength(1)
    expect(await truth.runs.list({ kinds: ['rollback'] })).toHaveLength(1)
  })

  it('of a deploy on which another one stands is refused: the newest goes first', async () => {
    const desk = openDesk()
    const older = await failedWithEffects()
    const newer = await failedWithEffects()
    const refused = `Run #${newer.number} has changed production since`
    expect(await said(desk, dana, () => askRollback(dana, older.number, desk))).toContain(refused)
    await rolledBack(newer, desk)
    expect(await said(desk, dana, () => askRollback(dana, older.number, desk))).toContain('back to v1.1.0')
  })

  it('of a run that is not at rest is refused', async () => {
    const desk = openDesk()
    const running = await truth.under('migrate')
    expect(await said(desk, dana, () => askRollback(dana, running.run, desk))).toContain('Cancel it first')
    const planning = await truth.waiting({ environment: 'staging' })
    expect(await said(desk, dana, () => askRollback(dana, planning.number, desk))).toContain('Cancel it first')
  })

  it('is no longer offered when the time for it has passed', async () => {
    const run = await failedWithEffects()
    await truth.pool.query(`update purser.runs set status = 'succeeded' where number = $1`, [run.number])
    const desk = openDesk({ now: () => new Date(Date.now() + 25 * 3_600_000) })
    expect(await said(desk, dana, () => askRollback(dana, run.number, desk))).toContain('more than 24 h ago')
  })
})

describe('a rollback that must be approved', () => {
  const careful = () => openDesk({ config: configWith({ rollbackApprovals: 1 }) })

  it('calls those who may, and starts with their approval', async () => {
    const desk = careful()
    const rollback = await truth.runs.get(await rollbackOf(await failedWithEffects(), desk))
    expect(rollback.status).toBe('awaiting_approval')
    expect((await truth.boards.waiting(rollback.number))[0]?.post.kind).toBe('approval_request')
    expect(await approves(dana, rollback, desk)).toContain('Someone else has to approve')
    expect(await approves(alex, rollback, desk)).toBe('')
    expect((await truth.runs.get(rollback.number)).status).toBe('executing')
  })

  it('is refused when another one has undone it meanwhile', async () => {
    const desk = careful()
    const run = await failedWithEffects()
    const late = await truth.runs.get(await rollbackOf(run, desk))
    await rolledBack(run, openDesk())
    await changesNothing(async () => expect(await approves(alex, late, desk)).toContain('already being rolled back'))
  })

  it('is refused when another deploy stands on top meanwhile', async () => {
    const desk = careful()
    const late = await truth.runs.get(await rollbackOf(await failedWithEffects(), desk))
    const newer = await failedWithEffects()
    await changesNothing(async () =>
      expect(await approves(alex, late, desk)).toContain(`Run #${newer.number} has changed production since`),
    )
  })
})

describe('a locked environment', () => {
  it('stays locked when Slack does not take the announcement, and its author is told', async () => {
    const desk = openDesk({ announce: () => Promise.reject(new Error('channel_not_found')) })
    expect(await said(desk, dana, () => lock(dana, 'audit week', desk))).toMatch(
      /locked production: audit week.*\nNot everybody could be told/s,
    )
    expect(await truth.locks.find('production')).toMatchObject({ reason: 'audit week' })
  })

  it('takes no deploy, approval, retry or rollback, and says why and what to do', async () => {
    const desk = openDesk()
    const failed = await failedWithEffects()
    const metadata = await dialogOf(failed, desk)
    const waiting = await truth.waiting()
    await said(desk, dana, () => lock(dana, 'audit week', desk))
    const audit = await changesNothing(async () => {
      const answers = [
        await deploys(dana, 'v1.2.0', desk),
        await approves(alex, waiting, desk),
        await said(desk, dana, () => retry(dana, failed.number, desk)),
        await said(desk, dana, () => confirmRollback('UDANA', metadata, undefined, desk)),
      ]
      for (const answer of answers)
        expect(answer).toMatch(
          /^\*production\* is locked by <@UDANA> since <!date.*: audit week\n.*`\/billing unlock production`/,
        )
    })
    expect(audit).toHaveLength(4)
  })

  it('still takes looks, plans, rejections and other environments', async () => {
    const desk = openDesk()
    const waiting = await truth.waiting()
    await said(desk, dana, () => lock(dana, 'audit week', desk))
    expect(await deploys(dana, 'v1.2.0 --dry-run', desk)).toBe('')
    expect(await deploys(dana, 'v1.2.0 staging', desk)).toBe('')
    expect(await said(desk, sam, () => verify(sam, undefined, desk))).toBe('')
    expect(await said(desk, alex, () => reject(alex, ticketOf(waiting), desk))).toBe('')
  })

  it('is locked once, by those who may, and opened again', async () => {
    const desk = openDesk()
    expect(await said(desk, sam, () => lock(sam, 'because', desk))).toContain('You may not')
    expect(await said(desk, dana, () => lock(dana, 'audit week', desk))).toBe('')
    expect(desk.announced).toEqual([
      expect.stringMatching(/^CDEPLOYS :lock: <@UDANA> \*locked production\*: audit week\n/),
    ])
    expect(await said(desk, alex, () => lock({ ...alex, user: 'UOLA' }, 'other', desk))).toMatch(
      /^\*production\* is locked by <@UDANA> since .*: audit week/,
    )
    expect(await said(desk, dana, () => unlock({ ...dana, user: 'UOLA' }, undefined, desk))).toBe('')
    expect(desk.announced[1]).toMatch(
      /<@UOLA> \*unlocked production\*.*\nIt was locked by <@UDANA> since .*: audit week/,
    )
    expect(await said(desk, dana, () => unlock(dana, undefined, desk))).toContain('was not locked')
    expect(desk.announced).toHaveLength(2)
    expect(await deploys(dana, 'v1.2.0', desk)).toBe('')
  })
})
