import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { teamId } from '../../sandbox/slack/workspace.ts'
import { SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { Remembered, SlackPerson, SlackWorkspace } from '../../src/adapters/slack/port.ts'
import { admit, claimOf } from '../../src/commands/caller.ts'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { approve } from '../../src/commands/decide.ts'
import { openDeployDialog } from '../../src/commands/deploy.ts'
import { lock } from '../../src/commands/lock.ts'
import { PersonRate, TooManyDeploys, TooManyLooks } from '../../src/commands/person-rate.ts'
import { openRollbackDialog } from '../../src/commands/rollback.ts'
import { status } from '../../src/commands/status.ts'
import { verify } from '../../src/commands/verify.ts'
import { RequestStore } from '../../src/store/requests.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import {
  alex,
  commandContexts,
  configWith,
  dana,
  deploys,
  member,
  readNow,
  said,
  sam,
  ticketOf,
  typed,
} from './command-context.ts'
import { openFrontDoor, presses, types } from './front-door.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing, failedWithEffects } = commandContexts(() => stores)

const away = new SlackTrouble('missing_scope', 'reading the members of group SOPS: Slack says missing_scope')
const own: SlackWorkspace = { team: teamId, enterprise: undefined }

function contextWith(more: Partial<CommandContext['directory']>, rest: Partial<CommandContext> = {}) {
  const base = openContext(rest)
  const person = async () => ({ ...member, teams: [teamId] })
  return { ...base, directory: { ...base.directory, workspace: async () => own, person, ...more } }
}

describe('who a payload says acts', () => {
  const interaction = { user: { id: 'UDANA', team_id: 'T1' }, team: { id: 'T1' }, enterprise: null }
  it.each<[string, object, object]>([
    ['a command', { user_id: 'UDANA', channel_id: 'C1', team_id: 'T1' }, { channel: 'C1', workspace: 'T1' }],
    [
      'a command in Enterprise Grid',
      { user_id: 'UDANA', channel_id: 'C1', team_id: 'T1', enterprise_id: 'E1' },
      { workspace: 'T1', enterprise: 'E1' },
    ],
    [
      'a press',
      { ...interaction, channel: { id: 'C1' } },
      { channel: 'C1', workspace: 'T1', workspaces: ['T1', 'T1'] },
    ],
    ['a press in App Home', interaction, { channel: '', workspace: 'T1' }],
    [
      'a dialog of another installation',
      { ...interaction, view: { app_installed_team_id: 'T2' } },
      { workspaces: ['T1', 'T1', 'T2'] },
    ],
    ['a press in an organization', { ...interaction, team: null, enterprise: { id: 'E1' } }, { workspace: undefined }],
    [
      'an event',
      { team_id: 'T1', event: { type: 'app_home_opened', user: 'UDANA' } },
      { channel: '', workspace: 'T1' },
    ],
  ])('%s', (_, body, expected) => {
    expect({ workspace: undefined, enterprise: undefined, ...claimOf(body) }).toMatchObject({
      user: 'UDANA',
      ...expected,
    })
  })

  const grid: SlackWorkspace = { team: 'T1', enterprise: 'E1' }
  const command = { user_id: 'UDANA', channel_id: 'C1', team_id: 'T1' }
  it.each<[string, object, SlackWorkspace, Partial<SlackPerson>, string]>([
    ['is let in in their own workspace', command, { ...grid, enterprise: undefined }, { teams: ['T1'] }, 'ok'],
    ['of another workspace is not', command, { team: 'T2', enterprise: undefined }, { teams: ['T1'] }, 'workspace'],
    ['of no workspace is not', { ...command, team_id: undefined }, grid, { teams: ['T1'] }, 'workspace'],
    ['of another organization is not', { ...command, enterprise_id: 'E2' }, grid, { teams: ['T1'] }, 'workspace'],
    [
      'of an organization, where there is none, is not',
      { ...command, enterprise_id: 'E2' },
      { ...grid, enterprise: undefined },
      {},
      'workspace',
    ],
    [
      'of the same organization is let in as a member',
      { ...command, enterprise_id: 'E1' },
      grid,
      { teams: ['T9', 'T1'] },
      'ok',
    ],
    ['of the same organization, who is no member here, is not', command, grid, { teams: ['T9'] }, 'stranger'],
    ['whom Slack says nothing of is not', command, grid, { teams: [] }, 'stranger'],
  ])('somebody %s', async (_, body, workspace, person, outcome) => {
    const context = contextWith({ workspace: async () => workspace, person: async () => ({ ...member, ...person }) })
    const admitted = await admit(claimOf(body), context).then(
      () => 'ok',
      (error: unknown) => (error instanceof Error && 'denial' in error ? JSON.stringify(error.denial) : String(error)),
    )
    expect(admitted).toContain(outcome)
  })
})

describe('when Slack does not tell who somebody is', () => {
  it.each([
    [
      'who it is',
      {
        person: async () =>
          Promise.reject(
            new SlackTrouble('slack_unreachable', 'asking who UDANA is: no answer in time', { transient: true }),
          ),
      },
    ],
    [
      'whose the app is',
      {
        workspace: async () =>
          Promise.reject(
            new SlackTrouble('slack_unreachable', 'asking whose the bot token is: no answer in time', {
              transient: true,
            }),
          ),
      },
    ],
  ])('%s, they are refused with the cause, and nothing changes', async (_, directory) => {
    const door = await openFrontDoor(contextWith(directory))
    const audit = await changesNothing(async () => {
      const [answer] = await door.does(types({ user: 'UDANA' }, 'CDEPLOYS', 'deploy v1.2.0'))
      expect(answer).toMatch(/Couldn't check who you are: asking who.*: no answer in time\. Try again in a minute/)
    })
    expect(audit).toEqual([expect.stringContaining('UDANA refused /billing deploy v1.2.0')])
    await door.close()
  })
})

describe('a group that Slack does not tell the members of', () => {
  const unread = { groupMembers: async () => Promise.reject(away) }
  const policy = { deployers: ['UDANA', 'SOPS'], approvers: ['UALEX', 'SAPPROVERS'] }

  it('keeps nobody from anything whom the lists name by id', async () => {
    const context = contextWith(unread, { config: configWith(policy) })
    expect(await deploys(dana, 'v1.2.0', context)).toBe('')
    const run = await failedWithEffects()
    expect(await said(context, dana, () => openRollbackDialog(dana, run.number, context))).toContain('Roll back')
    const waits = await stores.waiting()
    expect(await said(context, alex, () => approve(alex, ticketOf(waits), context))).toBe('')
    expect(await said(context, dana, () => lock(dana, 'closing the books', context))).toBe('')
    expect(await said(context, sam, () => status(sam, undefined, context))).toContain('#')
  })

  it('is not asked about for a right that is not needed, nor where commands are not taken', async () => {
    const asked: string[] = []
    const groupMembers = async (group: string): Promise<Remembered<readonly string[]>> => {
      asked.push(group)
      return readNow(['UOLA'])
    }
    const context = contextWith({ groupMembers }, { config: configWith(policy) })
    const ola = { user: 'UOLA', channel: 'CDEPLOYS' }
    await said(context, { ...ola, channel: 'CRANDOM' }, () =>
      openDeployDialog({ ...ola, channel: 'CRANDOM' }, { dryRun: false }, context),
    )
    expect(asked).toEqual([])
    await said(context, ola, () => openDeployDialog(ola, { dryRun: false }, context))
    expect(new Set(asked)).toEqual(new Set(['SOPS']))
  })

  it('refuses the others with the group and the cause, and changes nothing', async () => {
    const context = contextWith(unread, { config: configWith(policy) })
    const audit = await changesNothing(async () => {
      const answer = await deploys(sam, 'v1.2.0', context)
      expect(answer).toContain("Couldn't check whether you can start or change runs in production")
      expect(answer).toContain('Slack says missing_scope')
      expect(answer).toContain('<!subteam^SOPS>')
    })
    expect(audit).toHaveLength(1)
  })

  it('loses nobody their right as long as another group has them', async () => {
    const groupMembers = async (group: string) => (group === 'SOPS' ? readNow(['UOLA']) : Promise.reject(away))
    const context = contextWith({ groupMembers }, { config: configWith({ deployers: ['SGONE', 'SOPS'] }) })
    expect(await deploys({ ...sam, user: 'UOLA' }, 'v1.2.0', context)).toBe('')
  })

  describe('but remembers', () => {
    const old: Remembered<readonly string[]> = {
      value: ['UOLA'],
      readAt: new Date(Date.now() - 40 * 60_000),
      trouble: 'reading the members of group SOPS: Slack says missing_scope',
    }
    const noted =
      "Couldn't refresh the members of <!subteam^SOPS>, last read 40m ago: reading the members of group SOPS"
    const context = () => contextWith({ groupMembers: async () => old }, { config: configWith(policy) })
    const ola = { user: 'UOLA', channel: 'CDEPLOYS' }

    it('lets its members act as they were, and tells them how old that is', async () => {
      const one = context()
      const deploy = await said(one, ola, async (noting) => typed('deploy v1.2.0').act(ola, noting))
      expect(deploy).toContain(noted)
      expect(await stores.runs.list({})).toHaveLength(1)
      expect(await said(one, ola, (noting) => openDeployDialog(ola, { dryRun: false }, noting))).toContain('40m ago')
    })

    it('refuses the others, and tells them too', async () => {
      const answer = await said(context(), sam, (noting) => openDeployDialog(sam, { dryRun: false }, noting))
      expect(answer).toContain("You can't start or change runs in production.")
      expect(answer).toContain(noted)
    })

    it('says nothing of it to whom it does not matter', async () => {
      expect(await said(context(), dana, (noting) => lock(dana, 'closing the books', noting))).toBe('')
    })
  })
})

describe('a request that comes again', () => {
  it('is answered once, whichever process gets it', async () => {
    const [one, another] = await Promise.all([openFrontDoor(contextWith({})), openFrontDoor(contextWith({}))])
    const act = types({ user: 'UDANA' }, 'CDEPLOYS', 'deploy v1.2.0')
    await Promise.all([one.does(act, 'v0=a'), another.does(act, 'v0=a'), one.does(act, 'v0=a')])
    expect(await stores.runs.list({})).toHaveLength(1)
    await one.close()
    await another.close()
  })

  it('by its signature alone, or by its trigger alone', async () => {
    const door = await openFrontDoor(contextWith({}))
    const text = 'status'
    const [first, second] = [types({ user: 'UDANA' }, 'CDEPLOYS', text), types({ user: 'UDANA' }, 'CDEPLOYS', text)]
    expect(await door.does(first, 'v0=a')).toHaveLength(1)
    expect(await door.does(second, 'v0=a')).toEqual([])
    expect(await door.does(first, 'v0=b')).toEqual([])
    expect(await door.does(types({ user: 'UDANA' }, 'CDEPLOYS', text), 'v0=c')).toHaveLength(1)
    await door.close()
  })

  it('is remembered for ten minutes, and the table holds no older ones for long', async () => {
    const requests = new RequestStore(stores.db)
    expect(await requests.first(['a'])).toBe(true)
    expect(await requests.first(['a'])).toBe(false)
    await stores.pool.query(`update purser.requests set at = at - interval '9 minutes'`)
    expect(await requests.first(['a'])).toBe(false)
    await stores.pool.query(
      `insert into purser.requests select 'old' || n, now() - interval '11 minutes' from generate_series(1, 120) n`,
    )
    await stores.pool.query(`update purser.requests set at = at - interval '2 minutes'`)
    expect(await requests.first(['a'])).toBe(true)
    for (const key of ['b', 'c', 'd']) await requests.first([key])
    await requests.hold()
    expect((await stores.pool.query('select 1 from purser.requests')).rowCount).toBe(4)
  })

  it('is not told by what is stored of it', async () => {
    await new RequestStore(stores.db).first(['signature v0=abcdef'])
    expect(JSON.stringify(await stores.everything())).not.toContain('abcdef')
  })

  it('is answered with what it can be while the state database is away', async () => {
    const isGone = async () => Promise.reject(new Error('gone'))
    const requests = { isFirst: isGone, keep: isGone, done: isGone }
    const door = await openFrontDoor({ ...contextWith({}), requests })
    expect(String(await door.does(presses({ user: 'UDANA' }, 'CDEPLOYS', 'approve', '{"run":1}')))).toContain(
      'Something went wrong. Nothing changed.',
    )
    await door.close()
  })
})

describe('a flood of looks', () => {
  it('begins one of a kind and leads the others to it', async () => {
    const context = openContext({ lookRate: { take: () => undefined } })
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => said(context, sam, () => verify(sam, 'production', context))),
    )
    const [run, ...others] = await stores.runs.list({ kinds: ['verify'] })
    expect(others).toEqual([])
    expect(answers.filter((answer) => answer === '')).toHaveLength(1)
    const link = `https://example.slack.com/archives/CDEPLOYS/p${run?.number}`
    for (const answer of answers.filter((text) => text !== ''))
      expect(answer).toBe(`Run <${link}|#${run?.number}> is already verifying production. Follow its board.`)
    expect(await said(context, sam, () => verify(sam, 'staging', context))).toBe('')
    expect(context.enqueued).toHaveLength(2)
  })

  it('decides between processes that are asked at the same moment', async () => {
    const context = openContext()
    const holder = await stores.pool.connect()
    // Whoever begins a run must write to the audit: none of them can end before all of them have begun.
    await holder.query(`select pg_advisory_lock(hashtextextended('purser:audit', 0))`)
    const all = Promise.all([sam, alex, dana].map((caller) => verify(caller, 'production', context)))
    const waiting = async () =>
      (await holder.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)).rowCount
    await expect.poll(waiting).toBe(3)
    await holder.query(`select pg_advisory_unlock(hashtextextended('purser:audit', 0))`)
    holder.release()
    expect((await all).map(({ kind }) => kind).toSorted()).toEqual(['board', 'tell', 'tell'])
    expect(await stores.runs.list({ kinds: ['verify'] })).toHaveLength(1)
  })

  it('begins another one once the first has ended', async () => {
    const context = openContext()
    await verify(sam, 'production', context)
    const [run] = await stores.runs.list({ kinds: ['verify'] })
    const claim = await stores.claim(run?.number ?? 0, 'verify')
    await stores.phases.finish(claim, { type: 'phase_succeeded', phase: 'verify' }, {})
    expect(await said(context, sam, () => verify(sam, 'production', context))).toBe('')
  })

  it('by one person ends after ten a minute, without a line in the audit for each', async () => {
    let now = new Date('2026-01-05T10:00:00Z')
    const context = openContext({ lookRate: new PersonRate(TooManyLooks), now: () => now })
    const look = (caller = sam) => said(context, caller, () => status(caller, undefined, context))
    for (let count = 0; count < 10; count += 1) expect(await look()).not.toContain('within a minute')
    now = new Date(now.getTime() + 20_000)
    const audit = await changesNothing(async () => {
      expect(await look()).toBe(
        "You checked 10 times within a minute. Nothing changed.\nWait 40 s. Deploys, rollbacks and locks aren't counted with it.",
      )
      expect(await look(alex)).not.toContain('within a minute')
    })
    expect(audit).toEqual([])
    now = new Date(now.getTime() + 41_000)
    expect(await look()).not.toContain('within a minute')
  })

  it('keeps nobody from acting', async () => {
    const context = openContext()
    for (let count = 0; count < 12; count += 1) await said(context, dana, () => status(dana, undefined, context))
    expect(await deploys(dana, 'v1.2.0', context)).toBe('')
  })

  it('bounds deploys of one person, and neither rollbacks nor anybody else', async () => {
    const now = new Date('2026-01-05T10:00:00Z')
    const context = openContext({ deployRate: new PersonRate(TooManyDeploys), now: () => now })
    for (let count = 0; count < 10; count += 1) expect(await deploys(dana, 'v1.2.0', context)).toBe('')
    const audit = await changesNothing(async () => {
      expect(await deploys(dana, 'v1.2.0', context)).toBe(
        "You asked for 10 deploys within a minute. Nothing changed.\nWait 60 s. Rollbacks, decisions and locks aren't limited.",
      )
    })
    expect(audit).toEqual([])
    expect(await stores.runs.list({ limit: 50 })).toHaveLength(10)
    expect(await deploys(alex, 'v1.2.0', context)).not.toContain('within a minute')
  })

  it('remembers a thousand people', () => {
    const rate = new PersonRate(TooManyLooks)
    const now = new Date()
    for (let count = 0; count < 10; count += 1) rate.take('USAM', now)
    expect(() => rate.take('USAM', now)).toThrow('within a minute')
    for (let count = 0; count < 1_000; count += 1) rate.take(`U${count}`, now)
    expect(() => rate.take('USAM', now)).not.toThrow()
  })
})
