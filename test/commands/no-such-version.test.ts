import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { teamId } from '../../sandbox/slack/workspace.ts'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { deployNearestId } from '../../src/messages/answers/no-such-version.ts'
import { inputs, rotateOption } from '../../src/messages/dialogs/ask-dialogs.ts'
import { viewIds } from '../../src/messages/board/actions.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, member } from './command-context.ts'
import { openFrontDoor, presses, submits, types } from './front-door.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing } = commandContexts(() => stores)
const dana = { user: 'UDANA' }
const tags = ['nightly', 'v1.0.9', 'v1.1.0', 'v1.2.0']

async function withDoor<T>(
  more: Partial<CommandContext>,
  act: (door: Awaited<ReturnType<typeof openFrontDoor>>) => Promise<T>,
): Promise<T> {
  const directory = {
    ...openContext().directory,
    workspace: async () => ({ team: teamId, enterprise: undefined }),
    person: async () => ({ ...member, teams: [teamId] }),
  }
  const door = await openFrontDoor(openContext({ directory, tagNames: async () => tags, ...more }))
  try {
    return await act(door)
  } finally {
    await door.close()
  }
}

/** The value of the button in an answer. */
function valueIn(answer: string | undefined): string {
  const quoted = /"value":("(?:[^"\\]|\\.)*")/.exec(answer ?? '')?.[1]
  if (quoted === undefined) throw new Error(`no button in ${answer}`)
  return String(JSON.parse(quoted))
}

const deploysTyped = (text: string) => types(dana, 'CDEPLOYS', text)

describe('a version that the repository does not have', () => {
  it('is answered to its typist alone, with the closest tags, and makes no run', async () => {
    await withDoor({}, async (door) => {
      const audit = await changesNothing(async () => {
        const [answer = '', ...more] = await door.does(deploysTyped('deploy v1.2.9'))
        expect(answer).toContain('"response_type":"ephemeral"')
        expect(answer).toContain("There's no tag `v1.2.9`. Closest: `v1.2.0`, `v1.0.9`, `v1.1.0`.")
        expect(answer).toContain('"text":"Deploy v1.2.0"')
        expect(more).toEqual([])
      })
      expect(audit).toEqual([expect.stringContaining("UDANA refused /billing deploy v1.2.9: There's no tag v1.2.9.")])
    })
  })

  it('is deployed by one press with the closest tag in its place, and whatever else was asked for', async () => {
    await withDoor({}, async (door) => {
      const [answer] = await door.does(deploysTyped('deploy v1.2.9 staging --rotate-secret'))
      const told = await door.does(presses(dana, 'CDEPLOYS', deployNearestId, valueIn(answer)))
      // A second press would be a second run.
      expect(told).toEqual(['{"delete_original":true}'])
      const made = await stores.runs.list({})
      expect(made).toHaveLength(1)
      expect(made[0]).toMatchObject({ version: 'v1.2.0', environment: 'staging', rotateSecret: true, dryRun: false })
    })
  })

  it('is planned, not deployed, by the press when a plan was asked for', async () => {
    await withDoor({}, async (door) => {
      const [answer] = await door.does(deploysTyped('plan v1.2.9'))
      expect(answer).toContain('"text":"Plan v1.2.0"')
      await door.does(presses(dana, 'CDEPLOYS', deployNearestId, valueIn(answer)))
      expect((await stores.runs.list({}))[0]).toMatchObject({ version: 'v1.2.0', dryRun: true })
    })
  })

  it('is told below the field of the dialog, which stays open', async () => {
    await withDoor({}, async (door) => {
      const values = {
        [inputs.version]: { selected_option: { value: 'v1.2.9' } },
        [inputs.options]: { selected_options: [{ value: rotateOption }] },
      }
      const place = { channel: 'CDEPLOYS', environment: 'production' }
      await changesNothing(async () => {
        expect(await door.does(submits(dana, viewIds.deploy, place, values))).toEqual([
          JSON.stringify({ version: "There's no tag v1.2.9. Closest: v1.2.0, v1.0.9, v1.1.0." }),
        ])
      })
    })
  })

  it('is told without a button when the repository has no version at all', async () => {
    await withDoor({ tagNames: async () => ['nightly'] }, async (door) => {
      const [answer = ''] = await door.does(deploysTyped('deploy v1.2.9'))
      expect(answer).toContain("There's no tag `v1.2.9`. The repository has no versions.")
      expect(answer).not.toContain('"type":"button"')
    })
  })

  it('is not looked for on behalf of people who cannot deploy', async () => {
    let asked = 0
    const tagNames = async () => [...tags, String((asked += 1))]
    await withDoor({ tagNames }, async (door) => {
      await door.does(types({ user: 'USAM' }, 'CDEPLOYS', 'deploy v1.2.9'))
      expect(asked).toBe(0)
    })
  })
})

it('a repository that does not answer in time keeps nobody from deploying: the plan looks for the tag', async () => {
  const tagNames = (withinMs: number): Promise<never> => {
    expect(withinMs).toBeLessThanOrEqual(2_000)
    return Promise.reject(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  }
  await withDoor({ tagNames }, async (door) => {
    expect(await door.does(deploysTyped('deploy v1.2.9'))).toEqual([])
    expect((await stores.runs.list({}))[0]).toMatchObject({ version: 'v1.2.9', status: 'planning' })
  })
})
