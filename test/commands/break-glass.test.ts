import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { confirmRollback } from '../../src/commands/rollback.ts'
import type { Run } from '../../src/model/run.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, configWith, dana, filled, said, typed } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing, failedWithEffects } = commandContexts(() => stores)
/** Each rollback needs an approval, and Dana may break the glass. */
const strict = (breakGlass: readonly string[] = ['UDANA']) =>
  openContext({ config: configWith({ rollbackApprovals: 1, breakGlass: [...breakGlass] }) })

const types = (run: Run, context: CommandContext) =>
  said(context, dana, async (noting) => typed(`rollback #${run.number} --break-glass`).act(dana, noting))

async function dialogOf(run: Run, context: CommandContext) {
  return filled(await typed(`rollback #${run.number} --break-glass`).act(dana, context))
}

describe('a rollback by break-glass', () => {
  it('is for nobody but those whom the policy names, and changes nothing for the others', async () => {
    const run = await failedWithEffects()
    const context = strict([])
    const audit = await changesNothing(async () => {
      expect(await types(run, context)).toBe("You can't roll back production without approval.")
    })
    expect(audit).toEqual([expect.stringContaining('UDANA refused ')])
  })

  it('says in its dialog that nobody is asked, and wants a reason', async () => {
    const run = await failedWithEffects()
    const view = await dialogOf(run, strict())
    expect(JSON.stringify(view.blocks)).toContain('Break-glass: no approval.')
    expect(view.blocks.find((block) => block.block_id === 'reason')).toMatchObject({ optional: false })
    const context = strict()
    await changesNothing(async () => {
      for (const reason of [undefined, '  ', 'x'])
        expect(
          await said(context, dana, (noting) => confirmRollback('UDANA', view.private_metadata ?? '', reason, noting)),
        ).not.toBe('')
    })
  })

  it('begins at once, is told in every channel with the reason, and is a deed of its own in the audit', async () => {
    const run = await failedWithEffects()
    const context = strict()
    const { private_metadata: metadata = '' } = await dialogOf(run, context)
    expect(await said(context, dana, (noting) => confirmRollback('UDANA', metadata, 'payments fail', noting))).toBe('')
    const [rollback] = await stores.runs.list({ kinds: ['rollback'] })
    expect(rollback).toMatchObject({
      status: 'executing',
      approvalsNeeded: 0,
      breakGlass: true,
      reason: 'payments fail',
    })
    expect(context.enqueued).toEqual([`#${rollback?.number} undo`])
    expect(context.announced).toEqual([
      expect.stringMatching(
        /^CDEPLOYS :warning: \*Break-glass:\* <@UDANA> is rolling back run \*#\d+\* in \*production\* without approval \(run \*#\d+\*\): payments fail/,
      ),
    ])
    const events = await stores.runs.events(rollback?.number ?? 0)
    expect(events[0]).toMatchObject({
      kind: 'break_glass',
      actor: 'UDANA',
      text: expect.stringContaining('payments fail'),
    })
  })

  it('is confirmed by those who may still do so: the right is asked again', async () => {
    const run = await failedWithEffects()
    const { private_metadata: metadata = '' } = await dialogOf(run, strict())
    const later = strict([])
    await changesNothing(async () => {
      expect(
        await said(later, dana, (noting) => confirmRollback('UDANA', metadata, 'payments fail', noting)),
      ).toContain("You can't roll back production without approval.")
    })
  })

  it('without the option needs the approval that the policy wants', async () => {
    const run = await failedWithEffects()
    const context = strict()
    const { private_metadata: metadata = '' } = await filled(await typed(`rollback #${run.number}`).act(dana, context))
    await said(context, dana, (noting) => confirmRollback('UDANA', metadata, 'payments fail', noting))
    const [rollback] = await stores.runs.list({ kinds: ['rollback'] })
    expect(rollback).toMatchObject({ status: 'awaiting_approval', breakGlass: false })
    expect(context.announced).toEqual([])
  })
})
