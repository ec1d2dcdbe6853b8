import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { teamId } from '../../sandbox/slack/workspace.ts'
import { SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { Asked } from '../../src/commands/asked.ts'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { takeUp } from '../../src/commands/front-door.ts'
import { answerInterrupted } from '../../src/commands/interrupted.ts'
import { actionIds } from '../../src/messages/board/actions.ts'
import { homeActionIds } from '../../src/messages/home/home.ts'
import { RequestStore } from '../../src/store/requests.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { alex, commandContexts, member, ticketOf } from './command-context.ts'
import { presses, pressesInHome, types } from './front-door.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext } = commandContexts(() => stores)

/** A process of Purser that carries out what people ask. */
function openProcess(more: Partial<CommandContext> = {}) {
  const requests = new RequestStore(stores.db)
  const base = openContext({
    requests: {
      isFirst: requests.first.bind(requests),
      keep: requests.keep.bind(requests),
      done: requests.done.bind(requests),
    },
  })
  const directory = {
    ...base.directory,
    workspace: async () => ({ team: teamId, enterprise: undefined }),
    person: async () => ({ ...member, teams: [teamId] }),
  }
  return { requests, context: { ...base, directory, ...more }, told: base.told }
}

const command = (text: string): [object, Asked] => [
  types({ user: 'UDANA' }, 'CDEPLOYS', text).body,
  { kind: 'command', command: '/billing', text },
]

/** Gives a request to a process that ends as soon as it has told Slack that the request came. */
async function acknowledgedOnly([body, asked]: readonly [object, Asked], { context }: { context: CommandContext }) {
  await new Promise<void>((resolve, reject) => {
    const never = new Promise<never>(() => undefined)
    const listener = {
      ack: async () => {
        resolve()
        return never
      },
      deliver: async () => undefined,
    }
    void takeUp({ body, signature: undefined }, asked, listener, context).catch(reject)
  })
}

/** What is there after another process has looked for what was left. */
async function takenOverBy({ requests, context }: ReturnType<typeof openProcess>): Promise<number> {
  await stores.pool.query('update purser.kept_requests set held_until = now()')
  const left = await requests.takeOver()
  for (const one of left) await answerInterrupted(one, context)
  return left.length
}

const kept = async () => (await stores.pool.query('select 1 from purser.kept_requests')).rowCount

describe('what was acknowledged by a process that ended then', () => {
  it('is carried out by another one, once', async () => {
    await acknowledgedOnly(command('deploy v1.2.0'), openProcess())
    expect(await stores.runs.list({})).toEqual([])
    const [second, third] = [openProcess(), openProcess()]
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toMatchObject([{ kind: 'deploy', version: 'v1.2.0', requestedBy: 'UDANA' }])
    expect(await kept()).toBe(0)
    expect(await takenOverBy(third)).toBe(0)
  })

  it('is answered where only the answer tells', async () => {
    const second = openProcess()
    await acknowledgedOnly(command('statsu'), openProcess())
    expect(await takenOverBy(second)).toBe(1)
    expect(second.told).toEqual([
      expect.stringMatching(
        /^UDANA CDEPLOYS .*statsu.*\n.*restarted after you typed `\/billing statsu`, which was taken up only now/s,
      ),
    ])
  })

  it('is not carried out for somebody who may not, also then', async () => {
    const directory = {
      ...openProcess().context.directory,
      person: async () => ({ ...member, teams: ['TELSEWHERE'], isStranger: true }),
    }
    const second = openProcess({ directory })
    await acknowledgedOnly(command('deploy v1.2.0'), openProcess())
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toEqual([])
    expect(second.told).toHaveLength(1)
  })

  it('is an approval as well, which counts once', async () => {
    const run = await stores.waiting()
    const value = JSON.stringify(ticketOf(run))
    const body = presses({ user: alex.user }, 'CDEPLOYS', actionIds.approve, value).body
    await acknowledgedOnly([body, { kind: 'press', actionId: actionIds.approve, value }], openProcess())
    const second = openProcess()
    expect(await takenOverBy(second)).toBe(1)
    expect((await stores.runs.get(run.number)).approvals).toMatchObject([{ user: alex.user, decision: 'approved' }])
    expect(second.told.join()).toContain('restarted after you pressed a button, which was taken up only now')
  })

  it('is not done any more after five minutes, and whoever typed it is told so', async () => {
    await acknowledgedOnly(command('deploy v1.2.0'), openProcess())
    await stores.pool.query(`update purser.kept_requests set at = now() - interval '6 minutes'`)
    const second = openProcess()
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toEqual([])
    expect(second.told.join()).toContain('which is not carried out any more')
    expect(await kept()).toBe(0)
  })

  it('is given up when it has ended three processes', async () => {
    await acknowledgedOnly(command('deploy v1.2.0'), openProcess())
    await stores.pool.query('update purser.kept_requests set taken_over = 3')
    const second = openProcess()
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toEqual([])
    expect(second.told.join()).toContain('which is not carried out any more')
  })
})

describe('a process that was only slow', () => {
  it('makes no second run, nor does the one that took its request over', async () => {
    const first = openProcess()
    const [body, asked] = command('deploy v1.2.0')
    const tagNames = async () => {
      expect(await takenOverBy(openProcess())).toBe(1)
      return ['v1.2.0']
    }
    const answers: string[] = []
    const listener = {
      ack: async () => undefined,
      deliver: async (answer: object) => void answers.push(JSON.stringify(answer)),
    }
    await takeUp({ body, signature: undefined }, asked, listener, { ...first.context, tagNames })
    expect(answers.join()).toContain('nother process of Purser has carried this out')
    expect(await stores.runs.list({})).toHaveLength(1)
  })
})

describe('a request that cannot be answered now', () => {
  it('is given back, as often as Slack does not tell who asked, and carried out when it does', async () => {
    await acknowledgedOnly(command('deploy v1.2.0'), openProcess())
    const second = openProcess()
    const away = new SlackTrouble('slack_unreachable', 'asking who UDANA is: no answer', { transient: true })
    const person = async () => Promise.reject(away)
    const directory = { ...second.context.directory, person }
    for (const _ of Array.from({ length: 5 })) {
      await stores.pool.query('update purser.kept_requests set held_until = now()')
      const [left] = await second.requests.takeOver()
      if (left === undefined) throw new Error('nothing was taken over')
      await expect(answerInterrupted(left, { ...second.context, directory })).rejects.toBe(away)
      await second.requests.release(left.id)
    }
    expect(await stores.runs.list({})).toEqual([])
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toHaveLength(1)
  })

  it('of App Home is told in the channel of its environment', async () => {
    const body = pressesInHome({ user: 'UDANA' }, homeActionIds.verify, 'production').body
    await acknowledgedOnly(
      [body, { kind: 'press', actionId: homeActionIds.verify, value: 'production' }],
      openProcess(),
    )
    const second = openProcess()
    expect(await takenOverBy(second)).toBe(1)
    expect(await stores.runs.list({})).toMatchObject([{ kind: 'verify' }])
    expect(second.told).toEqual([expect.stringMatching(/^UDANA CDEPLOYS .*taken up only now/s)])
  })
})

describe('what a process carries out', () => {
  it('is held by it for as long as that takes', async () => {
    const first = openProcess()
    await acknowledgedOnly(command('deploy v1.2.0'), first)
    await stores.pool.query('update purser.kept_requests set held_until = now()')
    await first.requests.hold()
    expect(await openProcess().requests.takeOver()).toEqual([])
  })

  it('is not kept once its run is stored', async () => {
    const first = openProcess()
    const enqueue = async () => {
      expect(await kept()).toBe(0)
      expect(await stores.runs.list({})).toHaveLength(1)
    }
    const [body, asked] = command('deploy v1.2.0')
    const context = { ...first.context, jobs: { ...first.context.jobs, enqueue } }
    const answers: string[] = []
    const listener = {
      ack: async () => undefined,
      deliver: async ({ kind }: { kind: string }) => void answers.push(kind),
    }
    await takeUp({ body, signature: undefined }, asked, listener, context)
    expect(answers).toEqual(['board'])
  })

  it('is carried out though Slack does not take the acknowledgement', async () => {
    const [body, asked] = command('deploy v1.2.0')
    const listener = { ack: async () => Promise.reject(new Error('cut')), deliver: async () => undefined }
    await takeUp({ body, signature: undefined }, asked, listener, openProcess().context)
    expect(await stores.runs.list({})).toHaveLength(1)
    expect(await kept()).toBe(0)
  })

  it('is done, and noted so later when the database was away at its end', async () => {
    const first = openProcess()
    await acknowledgedOnly(command('status'), first)
    const { rows } = await stores.pool.query<{ id: string }>('select id from purser.kept_requests')
    await stores.pool.query('alter table purser.kept_requests rename to elsewhere')
    await first.requests.done(rows[0]?.id ?? '')
    await stores.pool.query('alter table purser.elsewhere rename to kept_requests')
    expect(await kept()).toBe(1)
    await first.requests.hold()
    expect(await kept()).toBe(0)
  })

  it('is left to others by a process that ends in good order, at once', async () => {
    const first = openProcess()
    await acknowledgedOnly(command('deploy v1.2.0'), first)
    await first.requests.release()
    expect(await openProcess().requests.takeOver()).toHaveLength(1)
  })
})
