import type { ModalView } from '@slack/types'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { teamId } from '../../sandbox/slack/workspace.ts'
import { viewIds } from '../../src/messages/board/actions.ts'
import { confirmDeploy, openDeployDialog } from '../../src/commands/deploy.ts'
import type { Answer } from '../../src/commands/respond.ts'
import { confirmLock, openLockDialog } from '../../src/commands/lock.ts'
import { submitted } from '../../src/commands/dialogs/submitted.ts'
import { expectSlackTakesView, shown } from '../messages/slack-takes.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, dana, member, said, sam } from './command-context.ts'
import { openFrontDoor, submits } from './front-door.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing } = commandContexts(() => stores)

async function opened(answer: Answer): Promise<ModalView> {
  if (answer.kind !== 'open') throw new Error(`no dialog: ${answer.kind}`)
  expectSlackTakesView(answer.view)
  const view = (await answer.fill?.()) ?? answer.view
  expectSlackTakesView(view)
  return view
}

const option = (value: string) => ({ selected_option: { value } })
const nothing = { environment: undefined, dryRun: false }

describe('a deploy without a version', () => {
  it('opens a dialog at once, and fills in the tags that are versions, newest first, with dates', async () => {
    const context = openContext({ now: () => new Date('2026-01-05T14:00:00Z') })
    const answer = await openDeployDialog(dana, nothing, context)
    expect(answer.kind === 'open' && shown(answer.view.blocks)).toContain('Reading the version tags')
    const seen = shown((await opened(answer)).blocks)
    expect(seen.indexOf('v1.2.0')).toBeLessThan(seen.indexOf('v1.1.0'))
    expect(seen).toContain('2026-01-05, 4h ago')
    expect(seen).not.toContain('nightly')
    expect(seen.indexOf('production')).toBeLessThan(seen.indexOf('staging'))
  })

  it('runs the same command once it is confirmed', async () => {
    const context = openContext()
    const { private_metadata: metadata = '' } = await opened(await openDeployDialog(dana, nothing, context))
    const values = {
      version: { version: option('v1.1.0') },
      environment: { environment: option('staging') },
      options: { options: { selected_options: [{ value: 'dry_run' }] } },
    }
    expect(await said(context, dana, () => confirmDeploy(submitted('UDANA', metadata, values), context))).toBe('')
    const [run] = await stores.runs.list({})
    expect(run).toMatchObject({ version: 'v1.1.0', environment: 'staging', dryRun: true, channel: 'CDEPLOYS' })
  })

  it('is refused to whoever may not deploy, before and after the dialog', async () => {
    const context = openContext()
    const { private_metadata: metadata = '' } = await opened(await openDeployDialog(dana, nothing, context))
    const dialog = submitted('USAM', metadata, { version: { version: option('v1.1.0') } })
    await changesNothing(async () => {
      expect(await said(context, sam, () => openDeployDialog(sam, nothing, context))).toContain(
        "You can't start or change runs",
      )
      expect(await said(context, sam, () => confirmDeploy(dialog, context))).toContain("You can't start or change runs")
    })
  })

  it('says so when the repository has no version', async () => {
    const view = await opened(await openDeployDialog(dana, nothing, openContext({ versions: async () => [] })))
    expect(view.submit).toBeUndefined()
    expect(shown(view.blocks)).toContain('no version tags')
  })

  it('offers a hundred of many tags and says how to take another', async () => {
    const versions = Array.from({ length: 230 }, (_, at) => ({ name: `v1.${230 - at}.0`, createdAt: 'unknown' }))
    const view = await opened(await openDeployDialog(dana, nothing, openContext({ versions: async () => versions })))
    expect(shown(view.blocks)).toContain('The newest 100 of 230 tags. For any other, type `/billing deploy VERSION`.')
  })
})

describe('a lock without a reason', () => {
  it('asks for it, and locks the environment that was chosen', async () => {
    const context = openContext()
    const view = await opened(await openLockDialog(dana, undefined, context))
    const values = { reason: { reason: { value: 'audit week' } }, environment: { environment: option('staging') } }
    const dialog = submitted('UDANA', view.private_metadata ?? '', values)
    expect(await said(context, dana, () => confirmLock(dialog, context))).toBe('')
    expect(context.announced[0]).toContain('locked staging*: audit week')
    expect(await stores.locks.find('staging')).toMatchObject({ reason: 'audit week', lockedBy: 'UDANA' })
    expect(await stores.locks.find('production')).toBeUndefined()
  })

  it('is refused to whoever may not deploy', async () => {
    const context = openContext()
    const dialog = submitted('USAM', JSON.stringify({ channel: 'CDEPLOYS', environment: 'production' }), {
      reason: { reason: { value: 'because' } },
    })
    await changesNothing(async () => {
      expect(await said(context, sam, () => openLockDialog(sam, undefined, context))).toContain(
        "You can't start or change runs",
      )
      expect(await said(context, sam, () => confirmLock(dialog, context))).toContain("You can't start or change runs")
    })
  })
})

describe('what is wrong in a dialog', () => {
  const directory = () => ({
    ...openContext().directory,
    workspace: async () => ({ team: teamId, enterprise: undefined }),
    person: async () => ({ ...member, teams: [teamId] }),
  })
  const place = { channel: 'CDEPLOYS', environment: 'production' }
  const text = (value: string) => ({ value })

  it.each([
    [viewIds.lock, { reason: text('x') }, { reason: 'Give a reason (3–300 characters). Everyone sees it.' }],
    [
      viewIds.lock,
      { reason: text('audit week'), lock_ends: text('2h') },
      { lock_ends: 'Begin with “until” or “for”, as in “for 2h”.' },
    ],
    [viewIds.deploy, { version: option('latest') }, { version: 'Choose one of the tags.' }],
  ])('is told below its field, and the dialog %s stays open', async (view, values, errors) => {
    const door = await openFrontDoor(openContext({ directory: directory() }))
    await changesNothing(async () => {
      expect(await door.does(submits({ user: 'UDANA' }, view, place, values))).toEqual([JSON.stringify(errors)])
    })
    await door.close()
  })
})
