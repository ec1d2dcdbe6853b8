import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { confirmDeploy, openDeployDialog } from '../../src/commands/deploy.ts'
import { submitted } from '../../src/commands/dialogs/submitted.ts'
import { retry } from '../../src/commands/decide.ts'
import { status } from '../../src/commands/status.ts'
import { parseCommand } from '../../src/commands/grammar.ts'
import type { PolicyConfig } from '../../src/config/environment-schema.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { alex, approves, commandContexts, configWith, dana, deploys, filled, said, typed } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing, failedWithEffects } = commandContexts(() => stores)
const minute = 60_000
const local = (at: number) => new Date(at).toISOString().slice(0, 16)
/** A freeze from an hour ago until in an hour; or one that begins in an hour. */
const freezes = (beginsIn = -60): PolicyConfig['freezes'] => [
  { name: 'Month end', from: local(Date.now() + beginsIn * minute), to: local(Date.now() + (beginsIn + 120) * minute) },
]
const frozen = (more: Partial<PolicyConfig> = {}) =>
  openContext({ config: configWith({ freezes: freezes(), ...more }) })
const open = () => openContext({ config: configWith({ freezes: freezes(60) }) })

describe('in a freeze', () => {
  it('no deploy begins; the answer names it, its end, and the way past it', async () => {
    await changesNothing(async () => {
      expect(await deploys(dana, 'v1.2.0', frozen())).toMatch(
        /^\*production\* is frozen until <!date\^\d+\^.*>: Month end\.\nIf it can't wait: `\/billing deploy VERSION --override-freeze REASON`/,
      )
    })
  })

  it('a dry run, a look and a rollback go on', async () => {
    expect(await deploys(dana, 'v1.2.0 --dry-run', frozen())).toBe('')
    const run = await failedWithEffects()
    const context = frozen()
    const view = await filled(await typed(`rollback #${run.number}`).act(dana, context))
    expect(view.submit).toBeDefined()
  })

  it('a deploy with a reason begins, needs one approval more, and is told and recorded as such', async () => {
    const context = frozen({ approvers: ['UALEX', 'UDANA', 'UOLA'] })
    expect(await deploys(dana, 'v1.2.0 --override-freeze the fix for   double charges', context)).toBe('')
    const [run] = await stores.runs.list({})
    expect(run).toMatchObject({ freezeOverride: 'Month end', reason: 'the fix for double charges', approvalsNeeded: 2 })
    expect((await stores.runs.events(run?.number ?? 0)).map(({ text }) => text)).toContain(
      'deploy v1.2.0 in production in spite of the freeze “Month end”: the fix for double charges',
    )
  })

  it.each([
    ['v1.2.0 --override-freeze', /Give a reason after --override-freeze/],
    ['v1.2.0 --override-freeze x', /Give a reason after --override-freeze/],
    ['--override-freeze why not', /needs a version/],
  ])('%s is answered by what is missing', (text, words) => {
    const read = parseCommand(`deploy ${text}`, ['production'])
    expect(!read.ok && read.kind === 'wrong' ? read.text : '').toMatch(words)
  })

  it('the approval of a plan from before it does not count; nothing is approved', async () => {
    const run = await stores.waiting()
    const context = frozen()
    expect(await approves(alex, run, context)).toMatch(/is frozen until .*Not approved\. If it can't wait/s)
    expect((await stores.runs.get(run.number)).status).toBe('awaiting_approval')
    expect((await stores.runs.get(run.number)).approvals).toEqual([])
  })

  it('a failed deploy is not retried; the answer says that a rollback is free', async () => {
    const run = await failedWithEffects()
    await changesNothing(async () => {
      expect(await said(frozen(), dana, (noting) => retry(dana, run.number, noting))).toMatch(
        /is frozen until .*Not retried.*Rollbacks, restores, fixes and dry runs aren't frozen/s,
      )
    })
    expect(await said(open(), dana, (noting) => retry(dana, run.number, noting))).toBe('')
  })

  it('a deploy that was asked for in spite of it is retried', async () => {
    const run = await stores.failedAt('e2e', { freezeOverride: 'Month end', reason: 'urgent' })
    expect(await said(frozen(), dana, (noting) => retry(dana, run.number, noting))).toBe('')
  })

  it('an override that nobody could approve is refused at once', async () => {
    await changesNothing(async () => {
      expect(await deploys(dana, 'v1.2.0 --override-freeze urgent fix', frozen())).toMatch(
        /needs 2 approvals, and only 1 can approve.*Add an approver/s,
      )
    })
    expect(await deploys(dana, 'v1.2.0 --override-freeze urgent fix', frozen({ approvers: ['UALEX', 'SOPS'] }))).toBe(
      '',
    )
  })

  it('two approve what was asked for in spite of it', async () => {
    const context = frozen({ approvers: ['UALEX', 'UDANA', 'UOLA'] })
    const run = await stores.waiting({ freezeOverride: 'Month end', reason: 'urgent', approvalsNeeded: 1 })
    expect(await approves(alex, run, context)).toBe('')
    expect((await stores.runs.get(run.number)).status).toBe('awaiting_approval')
    expect(await approves({ ...alex, user: 'UOLA' }, run, context)).toBe('')
    expect((await stores.runs.get(run.number)).status).toBe('executing')
  })

  it('the status says so', async () => {
    const context = frozen()
    expect(await said(context, dana, () => status(dana, undefined, context))).toMatch(
      /:snowflake: \*production\* is frozen until/,
    )
  })

  it('the dialog asks why, and takes no deploy without a reason', async () => {
    const context = frozen({ approvers: ['UALEX', 'UDANA', 'UOLA'] })
    const view = await filled(await openDeployDialog(dana, { dryRun: false }, context))
    expect(JSON.stringify(view.blocks)).toContain('Why override the freeze?')
    const confirm = (why: string | undefined) =>
      said(context, dana, () =>
        confirmDeploy(
          submitted('UDANA', view.private_metadata ?? '', {
            version: { version: { selected_option: { value: 'v1.2.0' } } },
            ...(why === undefined ? {} : { override_freeze: { override_freeze: { value: why } } }),
          }),
          context,
        ),
      )
    expect(await confirm(undefined)).toMatch(/is frozen until/)
    expect(await confirm('because it is urgent')).toBe('')
    expect((await stores.runs.list({}))[0]).toMatchObject({ freezeOverride: 'Month end', approvalsNeeded: 2 })
  })
})

describe('outside of a freeze', () => {
  it('deploys begin and are approved as ever, and the dialog asks for no reason', async () => {
    expect(await deploys(dana, 'v1.2.0', open())).toBe('')
    const view = await filled(await openDeployDialog(dana, { dryRun: false }, open()))
    expect(JSON.stringify(view.blocks)).not.toContain('freeze')
    const run = await stores.waiting()
    expect(await approves(alex, run, open())).toBe('')
  })

  it('a reason for overriding one is refused: there is none', async () => {
    await changesNothing(async () => {
      expect(await deploys(dana, 'v1.2.0 --override-freeze just in case', open())).toMatch(
        /^Production isn't frozen now.*Deploy without --override-freeze/s,
      )
    })
  })
})
