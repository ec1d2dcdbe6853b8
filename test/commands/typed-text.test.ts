import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { teamId } from '../../sandbox/slack/workspace.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, dana, member } from './command-context.ts'
import { openFrontDoor, types } from './front-door.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext } = commandContexts(() => stores)

function knowingDana() {
  const base = openContext()
  const workspace = async () => ({ team: teamId, enterprise: undefined })
  return { ...base, directory: { ...base.directory, workspace, person: async () => ({ ...member, teams: [teamId] }) } }
}

describe('what somebody types in Slack', () => {
  it.each(['deploy “V1.2.0”.', '`deploy v1.2.0`', 'deploy\u00a0<http://v1.2.0|v1.2.0>', 'Deploy ｖ１.２.０\u200b'])(
    'begins a deploy of v1.2.0: %j',
    async (text) => {
      const door = await openFrontDoor(knowingDana())
      await door.does(types({ user: dana.user }, dana.channel, text))
      expect(await stores.runs.list({})).toMatchObject([
        { kind: 'deploy', version: 'v1.2.0', environment: 'production' },
      ])
      await door.close()
    },
  )

  it('is answered with the word that is one too many', async () => {
    const door = await openFrontDoor(knowingDana())
    const answers = await door.does(types({ user: dana.user }, dana.channel, 'deploy v1.2.0 to staging'))
    expect(JSON.stringify(answers)).toContain("Didn't expect to.")
    expect(await stores.runs.list({})).toEqual([])
    await door.close()
  })
})
