import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { approve, cancel, leave, reject, retry } from '../../src/commands/decide.ts'
import type { Ask, Desk } from '../../src/commands/command-context.ts'
import { history, status } from '../../src/commands/look.ts'
import { openTruth, type Truth } from '../runs/truth.ts'
import { alex, approves, configWith, dana, deploys, frontDesk, said, sam, ticketOf } from './front-desk.ts'

let truth: Truth
beforeAll(async () => {
  truth = await openTruth()
})
beforeEach(() => truth.reset())
afterAll(() => truth.close())

const { openDesk, changesNothing, failedWithEffects, rollbackOf, rolledBack } = frontDesk(() => truth)

describe('a deploy', () => {
  it('begins by planning, silently: the board tells', async () => {
    const desk = openDesk()
    expect(await deploys(dana, 'v1.2.0', desk)).toBe('')
    const [run] = await truth.runs.list({})
    expect(run).toMatchObject({
      status: 'planning',
      version: 'v1.2.0',
      environment: 'production',
      requestedBy: 'UDANA',
    })
    expect(run?.phases.map((phase) => phase.budgetMinutes)).toEqual([2, 5, 5, 10, 5, 5, 10, 30])
    expect(desk.enqueued).toEqual([`#${run?.number} plan`])
  })

  it('may be asked for by a member of a group', async () => {
    expect(await deploys({ ...sam, user: 'UOLA' }, 'v1.2.0 staging', openDesk())).toBe('')
    expect(await truth.runs.list({ environment: 'staging' })).toHaveLength(1)
  })

  it.each<[string, Ask, string]>([
    ['Sam', sam, 'You may not start or change runs in production. Ask <@UDANA>'],
    ['Dana in another channel', { ...dana, channel: 'CRANDOM' }, 'Type it in <#CDEPLOYS>'],
  ])('by %s is refused, changes nothing and is in the audit', async (_, ask, text) => {
    const desk = openDesk()
    const audit = await changesNothing(async () => expect(await deploys(ask, 'v1.2.0', desk)).toContain(text))
    expect(audit).toEqual([expect.stringContaining(`${ask.user} refused /billing test: `)])
    expect(desk.enqueued).toEqual([])
  })
})

describe('an approval', () => {
  it('by another person starts the run, and the thread says who it was', async () => {
    const desk = openDesk()
    const run = await truth.waiting()
    expect(await approves(alex, run, desk)).toBe('')
    expect(desk.enqueued).toEqual([`#${run.number} preflight`])
    expect((await truth.boards.waiting(run.number)).at(-1)?.post).toMatchObject({ kind: 'decision', user: 'UALEX' })
  })

  it.each<[string, Ask, Partial<{ plan: string }>, string]>([
    ['the person who asked', dana, {}, 'Someone else has to approve a run that you asked for. Ask <@UALEX>'],
    ['somebody without the right', sam, {}, 'You may not approve runs in production.'],
    ['somebody in another channel', { ...alex, channel: 'CRANDOM' }, {}, 'not taken in this channel'],
    ['a button of a former plan', alex, { plan: 'f'.repeat(64) }, 'The plan has changed since this button was shown'],
  ])('by %s is refused, changes nothing and is in the audit', async (_, ask, ticket, text) => {
    const run = await truth.waiting()
    const desk = openDesk()
    const audit = await changesNothing(async () => {
      const answer = await said(desk, ask, () => approve(ask, { ...ticketOf(run), ...ticket }, desk))
      expect(answer.toLowerCase()).toContain(text.toLowerCase())
      expect(answer).toContain('Nothing was changed.')
    })
    expect(audit).toEqual([expect.stringContaining(`${ask.user} refused /billing test: `)])
    expect(desk.enqueued).toEqual([])
  })

  it('of two at once is one approval and one clear answer', async () => {
    const desk = openDesk({ config: configWith({ approvers: ['UALEX', 'UBO'] }) })
    const run = await truth.waiting()
    const answers = await Promise.all([approves(alex, run, desk), approves({ ...alex, user: 'UBO' }, run, desk)])
    expect(answers.sort()).toEqual(['', expect.stringContaining('the run is running. Nothing was changed.')])
    expect(desk.enqueued).toHaveLength(1)
  })

  it('while another deploy executes is refused and names it', async () => {
    const running = await truth.under('migrate')
    const run = await truth.waiting()
    const answer = await approves(alex, run, openDesk())
    expect(answer).toContain(`Run #${running.run} is running in production`)
    expect(answer).toContain(`/billing cancel #${running.run}`)
  })
})

describe('other decisions', () => {
  it('the person who asked may take a run back, a stranger may not reject it', async () => {
    const desk = openDesk()
    const run = await truth.waiting()
    expect(await said(desk, sam, () => reject(sam, ticketOf(run), desk))).toContain('You may not approve')
    expect(await said(desk, dana, () => reject(dana, ticketOf(run), desk))).toBe('')
    expect((await truth.runs.get(run.number)).status).toBe('rejected')
  })

  it('a retry without number takes the newest failed run; Sam may not', async () => {
    const desk = openDesk()
    const run = await truth.failedAt('e2e')
    const refused = await changesNothing(() => said(desk, sam, () => retry(sam, undefined, desk)))
    expect(refused).toHaveLength(1)
    expect(await said(desk, dana, () => retry(dana, undefined, desk))).toBe('')
    expect(desk.enqueued).toEqual([`#${run.number} e2e`])
  })

  it('a retry without number passes over a failed look around and a run that was rolled back', async () => {
    const desk = openDesk()
    const wanted = await truth.failedAt('e2e', { environment: 'staging' })
    const undone = await truth.failedAt('rollout')
    await rolledBack(undone, desk)
    const { run: look } = await truth.create({ kind: 'verify', approvalsNeeded: 0 })
    const claim = await truth.claim(look.number, 'verify')
    await truth.phases.finish(claim, { type: 'phase_failed', phase: 'verify' }, {})
    desk.enqueued.length = 0
    expect(await said(desk, dana, () => retry(dana, undefined, desk))).toBe('')
    expect(desk.enqueued).toEqual([`#${wanted.number} e2e`])
  })

  it('a run of which something was taken back is not retried, also when its rollback failed half way', async () => {
    const desk = openDesk()
    const run = await failedWithEffects()
    const rollback = await rollbackOf(run, desk)
    const [effect] = await truth.runs.effects(run.number)
    const claim = await truth.claim(rollback, 'undo')
    await truth.phases.settleEffect(claim, effect?.id ?? 0, 'undone')
    await truth.phases.finish(claim, { type: 'phase_failed', phase: 'undo' }, {})
    const answer = await said(desk, dana, () => retry(dana, run.number, desk))
    expect(answer).toContain('has been taken back')
    expect((await truth.runs.get(run.number)).status).toBe('failed')
  })

  it('a cancel without number ends the deploy, not a look around beside it', async () => {
    const desk = openDesk()
    const deploying = await truth.under('migrate')
    const { run: look } = await truth.create({ kind: 'verify', approvalsNeeded: 0 })
    expect(await said(desk, dana, () => cancel(dana, undefined, desk))).toBe('')
    expect((await truth.runs.get(deploying.run)).status).toBe('cancelling')
    expect((await truth.runs.get(look.number)).status).toBe('executing')
  })

  it('what has ended is not cancelled, and nothing to cancel is said so', async () => {
    const desk = openDesk()
    expect(await said(desk, dana, () => cancel(dana, undefined, desk))).toContain('Nothing is running or waiting.')
    const run = await truth.succeeded()
    const audit = await changesNothing(async () =>
      expect(await said(desk, dana, () => cancel(dana, run.number, desk))).toContain('the run is finished'),
    )
    expect(audit).toHaveLength(1)
  })

  it('a failed run can be left as it is', async () => {
    const desk = openDesk()
    const run = await truth.failedAt('monitor')
    expect(await said(desk, dana, () => leave(dana, ticketOf(run), desk))).toBe('')
    expect((await truth.runs.get(run.number)).status).toBe('left')
  })
})

describe('looking', () => {
  it('changes nothing, and is for everybody in the channel', async () => {
    const desk = openDesk()
    const run = await truth.waiting()
    const audit = await changesNothing(async () => {
      expect(await said(desk, sam, () => status(sam, undefined, desk))).toContain(`#${run.number}`)
      expect(await said(desk, sam, () => status(sam, run.number, desk))).toContain(`#${run.number}`)
      expect(await said(desk, sam, () => history(sam, undefined, desk))).toContain(`#${run.number}`)
      expect(await said(desk, sam, () => history(sam, run.number, desk))).toContain('v1.2.0')
    })
    expect(audit).toEqual([])
    const elsewhere = { ...sam, channel: 'CRANDOM' }
    expect(await said(desk, elsewhere, () => history(elsewhere, run.number, desk))).toContain(
      'not taken in this channel',
    )
  })

  it('for a run there is not is told so', async () => {
    const desk = openDesk()
    expect(await said(desk, sam, () => status(sam, 99, desk))).toContain('There is no run #99. Nothing was changed.')
  })
})

it('when the database is away there is an answer all the same', async () => {
  const away = { get: () => Promise.reject(new Error('gone')), audit: () => Promise.reject(new Error('gone')) }
  const desk = openDesk({ runs: away as unknown as Desk['runs'] })
  expect(await said(desk, dana, () => status(dana, 1, desk))).toContain('could not do that now')
  expect(await deploys(sam, 'v1.2.0', desk)).toContain('You may not')
})
