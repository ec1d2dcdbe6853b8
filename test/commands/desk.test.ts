import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { approve, cancel, leave, reject, retry } from '../../src/commands/decide.ts'
import { deploy } from '../../src/commands/deploy.ts'
import type { Answer, Ask, Desk } from '../../src/commands/desk.ts'
import { answering } from '../../src/commands/desk.ts'
import { lock, unlock } from '../../src/commands/lock.ts'
import { history, status, verify } from '../../src/commands/look.ts'
import type { Command } from '../../src/commands/parse.ts'
import { parseCommand } from '../../src/commands/parse.ts'
import { askRollback, confirmRollback } from '../../src/commands/rollback.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import type { PhaseName, Run } from '../../src/runs/model.ts'
import type { Truth } from '../runs/truth.ts'
import { openTruth } from '../runs/truth.ts'

const dana: Ask = { user: 'UDANA', channel: 'CDEPLOYS' }
const alex: Ask = { user: 'UALEX', channel: 'CDEPLOYS' }
const sam: Ask = { user: 'USAM', channel: 'CDEPLOYS' }

let truth: Truth
beforeAll(async () => {
  truth = await openTruth()
})
beforeEach(() => truth.reset())
afterAll(() => truth.close())

const yaml = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
const production = yaml.environments['production'] as (typeof yaml.environments)[string]
const policy = {
  ...production.policy,
  deployers: ['UDANA', 'SOPS'],
  approvers: ['UALEX', 'UDANA'],
  channels: ['CDEPLOYS'],
}
const environments = { production: { ...production, policy }, staging: { ...production, policy } }

/** A desk at which people ask; keeps what was enqueued. */
function openDesk(more: Partial<Desk> = {}): Desk & { readonly enqueued: string[] } {
  const enqueued: string[] = []
  return {
    runs: truth.runs,
    locks: truth.locks,
    config: { ...yaml, environments },
    jobs: {
      enqueue: async (run: Run, phase: PhaseName) => void enqueued.push(`#${run.number} ${phase}`),
      publish: async () => undefined,
    },
    membersOf: async (group) => (group === 'SOPS' ? ['UOLA'] : []),
    now: () => new Date(),
    log: pino({ level: 'silent' }),
    enqueued,
    ...more,
  }
}

/** What the person reads; empty when the board tells. */
async function said(desk: Desk, ask: Ask, act: () => Promise<Answer>): Promise<string> {
  const answer = await answering(desk, ask, '/billing test', act)
  if (answer.kind === 'open') return JSON.stringify(answer.view)
  return answer.kind === 'tell' ? answer.message.text : ''
}

function command<N extends Command['name']>(text: string): Extract<Command, { name: N }> {
  const parsed = parseCommand(text, Object.keys(environments))
  if (!parsed.ok) throw new Error(`${text} is not understood`)
  return parsed.command as Extract<Command, { name: N }>
}

const deploys = (ask: Ask, text: string, desk: Desk) =>
  said(desk, ask, () => deploy(ask, command<'deploy'>(`deploy ${text}`), desk))
const ticketOf = (run: Run) => ({ run: run.number, plan: run.planHash })
const approves = (ask: Ask, run: Run, desk: Desk) => said(desk, ask, () => approve(ask, ticketOf(run), desk))

/** Runs `act` and sees that nothing was changed by it; what the audit says of it. */
async function changesNothing(act: () => Promise<unknown>): Promise<readonly string[]> {
  const { audit_events: known = [], ...before } = await truth.everything()
  await act()
  const { audit_events: now = [], ...after } = await truth.everything()
  expect(after).toEqual(before)
  const { rows } = await truth.pool.query<{ line: string }>(
    `select actor || ' ' || kind || ' ' || text as line from purser.audit_events order by id offset $1`,
    [known.length],
  )
  expect(rows).toHaveLength(now.length - known.length)
  return rows.map((row) => row.line)
}

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
    const desk = openDesk({
      config: {
        ...yaml,
        environments: { production: { ...production, policy: { ...policy, approvers: ['UALEX', 'UBO'] } } },
      },
    })
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
  const careful = () => {
    const strict = { ...production, policy: { ...policy, rollbackApprovals: 1 } }
    return openDesk({ config: { ...yaml, environments: { production: strict } } })
  }

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
      for (const answer of answers) expect(answer).toMatch(/^Production is locked: audit week\..*\n.*\/billing unlock/)
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
    expect(await said(desk, dana, () => lock(dana, 'audit week', desk))).toContain('production is locked: audit week')
    expect(await said(desk, dana, () => lock(dana, 'other', desk))).toContain('locked already: audit week')
    expect(await said(desk, dana, () => unlock(dana, undefined, desk))).toContain('production is unlocked.')
    expect(await said(desk, dana, () => unlock(dana, undefined, desk))).toContain('was not locked')
    expect(await deploys(dana, 'v1.2.0', desk)).toBe('')
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

/** A deploy that changed the image and a CronJob, and then failed. */
async function failedWithEffects(): Promise<Run> {
  const claim = await truth.under('rollout')
  const image = { image: 'valuecanvas/api:v1.1.0', replicaSet: null, templateHash: 'a', version: 'v1.1.0' }
  await truth.phases.beginEffect(claim, 'image', 'valuecanvas-api', async () => image)
  await truth.phases.beginEffect(claim, 'cronjob', 'webhook-retry', async () => ({ manifest: null }))
  await truth.phases.finish(claim, { type: 'phase_failed', phase: 'rollout' }, {})
  return truth.runs.get(claim.run)
}

/** What the dialog carries from its opening to its confirmation. */
async function dialogOf(run: Run, desk: Desk): Promise<string> {
  const answer = await askRollback(dana, run.number, desk)
  if (answer.kind !== 'open') throw new Error('no dialog was opened')
  return answer.view.private_metadata ?? ''
}

async function rollbackOf(run: Run, desk: Desk): Promise<number> {
  const metadata = await dialogOf(run, desk)
  expect(await said(desk, dana, () => confirmRollback('UDANA', metadata, 'broken', desk))).toBe('')
  return (await truth.runs.list({ kinds: ['rollback'] }))[0]?.number ?? 0
}

async function rolledBack(run: Run, desk: Desk): Promise<void> {
  if ((await truth.runs.effects(run.number)).length === 0)
    await truth.pool.query(
      `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, 'rollout', 'image', 'a', '{"image":"v1"}', 'applied')`,
      [run.number],
    )
  const number = await rollbackOf(run, desk)
  const undo = await truth.claim(number, 'undo')
  for (const effect of await truth.runs.effects(run.number)) await truth.phases.settleEffect(undo, effect.id, 'undone')
  await truth.phases.finish(undo, { type: 'phase_succeeded', phase: 'undo' }, {})
  await truth.phases.finish(await truth.claim(number, 'check'), { type: 'phase_succeeded', phase: 'check' }, {})
}
