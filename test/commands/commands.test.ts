import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { approve, cancel, confirmReject, leave, openRejectDialog, retry } from '../../src/commands/decide.ts'
import type { Caller, CommandContext } from '../../src/commands/command-context.ts'
import { history } from '../../src/commands/history.ts'
import { status } from '../../src/commands/status.ts'
import { CommandRefused } from '../../src/commands/guards.ts'
import { knownSecret, openStores, type TestStores } from '../store/stores.ts'
import {
  alex,
  approves,
  commandContexts,
  configWith,
  dana,
  deploys,
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

describe('a deploy', () => {
  it('begins by planning, silently: the board tells', async () => {
    const context = openContext()
    expect(await deploys(dana, 'v1.2.0', context)).toBe('')
    const [run] = await stores.runs.list({})
    expect(run).toMatchObject({
      status: 'planning',
      version: 'v1.2.0',
      environment: 'production',
      requestedBy: 'UDANA',
    })
    expect(run?.phases.map((phase) => phase.budgetMinutes)).toEqual([2, 5, 5, 10, 5, 5, 10, 30])
    expect(context.enqueued).toEqual([`#${run?.number} plan`])
  })

  it('may be asked for by a member of a group', async () => {
    expect(await deploys({ ...sam, user: 'UOLA' }, 'v1.2.0 staging', openContext())).toBe('')
    expect(await stores.runs.list({ environment: 'staging' })).toHaveLength(1)
  })

  it.each<[string, Caller, string]>([
    ['Sam', sam, "You can't start or change runs in production. Ask <@UDANA>"],
    ['Dana in another channel', { ...dana, channel: 'CRANDOM' }, 'Use <#CDEPLOYS>'],
  ])('by %s is refused, changes nothing and is in the audit', async (_, caller, text) => {
    const context = openContext()
    const audit = await changesNothing(async () => expect(await deploys(caller, 'v1.2.0', context)).toContain(text))
    expect(audit).toEqual([expect.stringContaining(`${caller.user} refused /billing test: `)])
    expect(context.enqueued).toEqual([])
  })
})

describe('an approval', () => {
  it('by another person starts the run, and the thread says who it was', async () => {
    const context = openContext()
    const run = await stores.waiting()
    expect(await approves(alex, run, context)).toBe('')
    expect(context.enqueued).toEqual([`#${run.number} preflight`])
    expect((await stores.boards.waiting(run.number)).at(-1)?.post).toMatchObject({ kind: 'decision', user: 'UALEX' })
  })

  it.each<[string, Caller, Partial<{ plan: string }>, string]>([
    ['the person who asked', dana, {}, "You can't approve your own run. Ask <@UALEX>"],
    ['somebody without the right', sam, {}, "You can't approve runs in production."],
    ['somebody in another channel', { ...alex, channel: 'CRANDOM' }, {}, "This channel doesn't take commands"],
    [
      'a button of a former plan',
      alex,
      { plan: 'f'.repeat(64) },
      'the plan has changed. Review the new one. Nothing changed.',
    ],
  ])('by %s is refused, changes nothing and is in the audit', async (_, caller, ticket, text) => {
    const run = await stores.waiting()
    const context = openContext()
    const audit = await changesNothing(async () => {
      const answer = await said(context, caller, () => approve(caller, { ...ticketOf(run), ...ticket }, context))
      expect(answer.toLowerCase()).toContain(text.toLowerCase())
    })
    expect(audit).toEqual([expect.stringContaining(`${caller.user} refused /billing test: `)])
    expect(context.enqueued).toEqual([])
  })

  it('of two at once is one approval and one clear answer', async () => {
    const context = openContext({ config: configWith({ approvers: ['UALEX', 'UBO'] }) })
    const run = await stores.waiting()
    const answers = await Promise.all([approves(alex, run, context), approves({ ...alex, user: 'UBO' }, run, context)])
    expect(answers.sort()).toEqual(['', expect.stringContaining('is running. Nothing changed.')])
    expect(context.enqueued).toHaveLength(1)
  })

  it('counts by the policy as it is now: two, where the plan was made for one', async () => {
    const people = { approvers: ['UALEX', 'UBO'], approvals: 2 }
    const context = openContext({ config: configWith(people) })
    const run = await stores.waiting()
    expect(await approves(alex, run, context)).toBe('')
    expect(await stores.runs.get(run.number)).toMatchObject({ status: 'awaiting_approval', approvalsNeeded: 2 })
    expect((await stores.boards.waiting(run.number)).at(-1)?.post).toMatchObject({
      approvals: { given: 1, needed: 2, lapsed: [] },
    })
    expect(await approves({ ...alex, user: 'UBO' }, run, context)).toBe('')
    expect((await stores.runs.get(run.number)).status).toBe('executing')
  })

  it('is not lowered: a plan that was made for two needs two', async () => {
    const run = await stores.waiting({ approvalsNeeded: 2 })
    await approves(alex, run, openContext())
    expect((await stores.runs.get(run.number)).status).toBe('awaiting_approval')
  })

  it('of somebody who may no longer approve counts no more, and that is told and in the audit', async () => {
    const run = await stores.waiting({ approvalsNeeded: 2 })
    const before = openContext({ config: configWith({ approvers: ['UALEX', 'UBO', 'UCY'], approvals: 2 }) })
    expect(await approves({ ...alex, user: 'UBO' }, run, before)).toBe('')
    const after = openContext({ config: configWith({ approvers: ['UALEX', 'UCY'], approvals: 2 }) })
    expect(await approves(alex, run, after)).toBe('')
    const now = await stores.runs.get(run.number)
    expect(now.status).toBe('awaiting_approval')
    expect(now.approvals.map(({ user, decision }) => `${user} ${decision}`)).toEqual(['UBO lapsed', 'UALEX approved'])
    expect((await stores.boards.waiting(run.number)).at(-1)?.post).toMatchObject({
      approvals: { given: 1, needed: 2, lapsed: ['UBO'] },
    })
    expect((await stores.runs.events(run.number)).map(({ kind }) => kind)).toContain('approval_lapsed')
    expect(await approves({ ...alex, user: 'UCY' }, run, after)).toBe('')
    expect((await stores.runs.get(run.number)).status).toBe('executing')
  })

  it('while another deploy executes is refused and names it', async () => {
    const running = await stores.under('migrate')
    const run = await stores.waiting()
    const answer = await approves(alex, run, openContext())
    expect(answer).toContain(`Run #${running.run} is already changing production`)
    expect(answer).toContain(`/billing cancel #${running.run}`)
  })
})

describe('other decisions', () => {
  it('the person who asked may take a run back, a stranger may not reject it', async () => {
    const context = openContext()
    const run = await stores.waiting()
    expect(await said(context, sam, () => openRejectDialog(sam, ticketOf(run), context))).toContain("You can't approve")
    const { private_metadata: metadata = '' } = await filled(await openRejectDialog(dana, ticketOf(run), context))
    const as = (user: string, reason?: string) =>
      said(context, { user, channel: 'CDEPLOYS' }, () =>
        confirmReject({ user, metadata, value: () => reason }, context),
      )
    expect(await as('USAM')).toContain("You can't approve")
    expect(await as('UDANA', ' not on a Friday ')).toBe('')
    const rejected = await stores.runs.get(run.number)
    expect(rejected).toMatchObject({
      status: 'rejected',
      reason: undefined,
      approvals: [{ user: 'UDANA', decision: 'rejected', reason: 'not on a Friday' }],
    })
    expect((await stores.boards.waiting(run.number)).at(-2)?.post).toMatchObject({
      kind: 'decision',
      decision: 'rejected',
      reason: 'not on a Friday',
    })
    // A second press, and a dialog that was still open, change nothing.
    expect(await as('UDANA', 'again')).not.toBe('')
    expect(await said(context, dana, () => openRejectDialog(dana, ticketOf(run), context))).toContain('rejected')
    expect((await stores.runs.get(run.number)).approvals).toHaveLength(1)
  })

  it('a rejection needs no reason', async () => {
    const context = openContext()
    const run = await stores.waiting()
    const { private_metadata: metadata = '' } = await filled(await openRejectDialog(alex, ticketOf(run), context))
    await said(context, alex, () => confirmReject({ user: 'UALEX', metadata, value: () => undefined }, context))
    const [rejection] = (await stores.runs.get(run.number)).approvals
    expect(rejection).toMatchObject({ decision: 'rejected', reason: undefined })
  })

  it('a retry without number takes the newest failed run; Sam may not', async () => {
    const context = openContext()
    const run = await stores.failedAt('e2e')
    const refused = await changesNothing(() => said(context, sam, () => retry(sam, undefined, context)))
    expect(refused).toHaveLength(1)
    expect(await said(context, dana, () => retry(dana, undefined, context))).toBe('')
    expect(context.enqueued).toEqual([`#${run.number} e2e`])
  })

  it('a retry without number passes over a failed look around and a run that was rolled back', async () => {
    const context = openContext()
    const wanted = await stores.failedAt('e2e', { environment: 'staging' })
    const undone = await stores.failedAt('rollout')
    await rolledBack(undone, context)
    const { run: look } = await stores.create({ kind: 'verify', approvalsNeeded: 0 })
    const claim = await stores.claim(look.number, 'verify')
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'verify' }, {})
    context.enqueued.length = 0
    expect(await said(context, dana, () => retry(dana, undefined, context))).toBe('')
    expect(context.enqueued).toEqual([`#${wanted.number} e2e`])
  })

  it('a run of which something was taken back is not retried, also when its rollback failed half way', async () => {
    const context = openContext()
    const run = await failedWithEffects()
    const rollback = await rollbackOf(run, context)
    const [effect] = await stores.runs.effects(run.number)
    const claim = await stores.claim(rollback, 'undo')
    await stores.phases.settleEffect(claim, effect?.id ?? 0, 'undone')
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'undo' }, {})
    const answer = await said(context, dana, () => retry(dana, run.number, context))
    expect(answer).toContain('was rolled back, at least in part')
    expect((await stores.runs.get(run.number)).status).toBe('failed')
  })

  it('a cancel without number ends the deploy, not a look around beside it', async () => {
    const context = openContext()
    const deploying = await stores.under('migrate')
    const { run: look } = await stores.create({ kind: 'verify', approvalsNeeded: 0 })
    expect(await said(context, dana, () => cancel(dana, undefined, context))).toBe('')
    expect((await stores.runs.get(deploying.run)).status).toBe('cancelling')
    expect((await stores.runs.get(look.number)).status).toBe('executing')
  })

  it('what has ended is not cancelled, and nothing to cancel is said so', async () => {
    const context = openContext()
    expect(await said(context, dana, () => cancel(dana, undefined, context))).toContain(
      'Nothing running or waiting in production or staging.',
    )
    const run = await stores.succeeded()
    const audit = await changesNothing(async () =>
      expect(await said(context, dana, () => cancel(dana, run.number, context))).toContain('already ended'),
    )
    expect(audit).toHaveLength(1)
  })

  it('a failed run can be left as it is', async () => {
    const context = openContext()
    const run = await stores.failedAt('monitor')
    expect(await said(context, dana, () => leave(dana, ticketOf(run), context))).toBe('')
    expect((await stores.runs.get(run.number)).status).toBe('left')
  })
})

describe('looking', () => {
  it('changes nothing, and is for everybody in the channel', async () => {
    const context = openContext()
    const run = await stores.waiting()
    const audit = await changesNothing(async () => {
      expect(await said(context, sam, () => status(sam, undefined, context))).toContain(`#${run.number}`)
      expect(await said(context, sam, () => status(sam, run.number, context))).toContain(`#${run.number}`)
      expect(await said(context, sam, () => history(sam, undefined, context))).toContain(`#${run.number}`)
      expect(await said(context, sam, () => history(sam, run.number, context))).toContain('v1.2.0')
    })
    expect(audit).toEqual([])
    const elsewhere = { ...sam, channel: 'CRANDOM' }
    expect(await said(context, elsewhere, () => history(elsewhere, run.number, context))).toContain(
      "This channel doesn't take commands",
    )
  })

  it('for a run there is not is told so', async () => {
    const context = openContext()
    expect(await said(context, sam, () => status(sam, 99, context))).toContain("There's no run #99. Nothing changed.")
  })
})

it('when the database is away there is an answer all the same', async () => {
  const away = { get: () => Promise.reject(new Error('gone')), audit: () => Promise.reject(new Error('gone')) }
  const context = openContext({ runs: away as unknown as CommandContext['runs'] })
  expect(await said(context, dana, () => status(dana, 1, context))).toContain('Something went wrong. Nothing changed.')
  // What cannot be recorded is not even refused: nobody would see that it was tried.
  expect(await deploys(sam, 'v1.2.0', context)).toContain('Something went wrong. Nothing changed.')
})

it('an answer that only one person reads shows no secret either', async () => {
  const context = openContext()
  const text = await said(context, dana, () =>
    Promise.reject(new CommandRefused('taken_back', `it holds ${knownSecret}`, { hint: `look at ${knownSecret}` })),
  )
  expect(text).toContain('[masked]')
  expect(text).not.toContain(knownSecret)
})
