import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SlackSimulator, startSlack } from '../../sandbox/slack/simulator.ts'
import { openDirectory } from '../../src/adapters/slack/directory.ts'
import type { Right } from '../../src/commands/authorise.ts'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { grammar } from '../../src/commands/grammar.ts'
import { homePresses } from '../../src/commands/home.ts'
import { answerPresses, dialogs, presses as pressTable } from '../../src/commands/interactions.ts'
import { deployNearestId } from '../../src/messages/answers/no-such-version.ts'
import { actionIds, ticket, viewIds } from '../../src/messages/board/actions.ts'
import { inputs } from '../../src/messages/dialogs/ask-dialogs.ts'
import { homeActionIds } from '../../src/messages/home/home.ts'
import type { Run } from '../../src/model/run.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, configWith } from './command-context.ts'
import {
  type Act,
  type Doer,
  type FrontDoor,
  openFrontDoor,
  opensHome,
  presses,
  pressesInHome,
  submits,
  types,
} from './front-door.ts'

/*
 * Everybody does everything, everywhere, through the listeners of the Bolt app. The acts are read off the tables of the product:
 * an act that is new there is done here by everybody, and one whose right is written down nowhere fails.
 */

const tokens = { botToken: 'xoxb-test', appToken: 'xapp-test', signingSecret: 'shhh' }
const deploys = 'C0DEPLOYS'
const places = { 'the channel': deploys, 'another channel': 'C0RANDOM', 'a direct conversation': 'D0DANA' }

/** People of the workspace. */
const insiders = { dana: 'U0DANA', alex: 'U0ALEX', sam: 'U0SAM' } as const
/** Whoever may not use Purser at all, and how each of them is told. */
const outsiders: readonly { readonly name: string; readonly doer: Doer; readonly told: string }[] = [
  {
    name: 'somebody of another team',
    doer: { user: 'U0OTTO', team: 'T0OTHER' },
    told: 'only takes commands from its own Slack workspace',
  },
  {
    name: 'a member in a payload of another team',
    doer: { user: insiders.dana, team: 'T0OTHER' },
    told: 'only takes commands from its own Slack workspace',
  },
  {
    name: 'a stranger of a shared channel',
    doer: { user: 'U0STAN' },
    told: 'only takes commands from its own organization',
  },
  { name: 'a guest', doer: { user: 'U0GINA' }, told: "doesn't take commands from guests" },
  { name: 'a guest of one channel', doer: { user: 'U0GUS' }, told: "doesn't take commands from guests" },
  { name: 'a bot', doer: { user: 'U0ROBO' }, told: "doesn't take commands from bots" },
  { name: 'somebody deactivated', doer: { user: 'U0DORA' }, told: "doesn't take commands from deactivated people" },
  { name: 'somebody whom Slack does not know', doer: { user: 'U0NOBODY' }, told: "Slack doesn't know your id" },
]
const everybody = [...Object.values(insiders), ...outsiders.map(({ doer }) => doer.user)]

let stores: TestStores
let slack: SlackSimulator
let door: FrontDoor
let run: Run

beforeAll(async () => {
  stores = await openStores()
  const person = (id: string, more: object = {}) => ({ id, name: id.toLowerCase(), realName: id, ...more })
  slack = await startSlack({
    ...tokens,
    rateLimits: false,
    users: [
      ...Object.values(insiders).map((id) => person(id)),
      person('U0OTTO', { teamId: 'T0OTHER' }),
      person('U0STAN', { teamId: 'T0OTHER' }),
      person('U0GINA', { guest: 'multi-channel' }),
      person('U0GUS', { guest: 'single-channel' }),
      person('U0ROBO', { isBot: true }),
      person('U0DORA', { deleted: true }),
    ],
    channels: [
      { id: deploys, name: 'billing-deploys', members: everybody },
      { id: 'C0RANDOM', name: 'random', members: everybody },
    ],
  })
})
afterAll(async () => {
  await slack.close()
  await stores.close()
})

const { openContext, changesNothing } = commandContexts(() => stores)

/** The lists name the outsiders too: it must not help them. */
function contextOf(more: Partial<CommandContext> = {}): CommandContext {
  const directory = openDirectory({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl })
  const signal = () => AbortSignal.timeout(5_000)
  const listed = outsiders.map(({ doer }) => doer.user).filter((user) => user !== insiders.dana)
  const config = configWith({
    channels: [deploys],
    deployers: [insiders.dana, ...listed],
    approvers: [insiders.dana, insiders.alex, ...listed],
    selfApproval: true,
  })
  return openContext({
    config,
    directory: {
      workspace: () => directory.workspace(signal()),
      person: (user) => directory.person(user, signal()),
      groupMembers: (group) => directory.groupMembers(group, signal()),
      channelMembers: (channel) => directory.channelMembers(channel, signal()),
    },
    lookRate: { take: () => undefined },
    deployRate: { take: () => undefined },
    ...more,
  })
}

beforeEach(async () => {
  await stores.reset()
  run = await stores.waiting({ version: 'v7.7.7', requestedBy: 'U0OLA', channel: deploys })
  door = await openFrontDoor(contextOf())
  return () => door.close()
})

type Needed = Right | 'deploy or approve' | 'nothing'
const rights: Readonly<Record<(typeof grammar)[number]['may'], Needed>> = {
  deployers: 'deploy',
  'deployers and approvers': 'deploy or approve',
  channel: 'view',
  everyone: 'nothing',
}
const pressNeeds: Readonly<Record<string, Needed>> = {
  [actionIds.approve]: 'approve',
  [actionIds.reject]: 'approve',
  [actionIds.retryPhase]: 'deploy',
  [actionIds.rollBack]: 'deploy',
  [actionIds.cancel]: 'deploy',
  [actionIds.details]: 'view',
  [actionIds.leave]: 'deploy',
  [actionIds.runAgain]: 'view',
  [actionIds.finishWatch]: 'approve',
  [actionIds.keepWatching]: 'approve',
  [actionIds.stopWatching]: 'approve',
  [actionIds.diagnoseAgain]: 'view',
  [actionIds.diagnose]: 'view',
}
const answerNeeds: Readonly<Record<string, Needed>> = { [deployNearestId]: 'deploy' }
const homeNeeds: Readonly<Record<string, Needed>> = {
  [homeActionIds.deploy]: 'deploy',
  [homeActionIds.verify]: 'view',
  [homeActionIds.diagnose]: 'view',
  [homeActionIds.rollBack]: 'deploy',
  [homeActionIds.lock]: 'deploy',
  [homeActionIds.unlock]: 'deploy or approve',
}
const dialogNeeds: Readonly<Record<string, Needed>> = {
  [viewIds.rollback]: 'deploy',
  [viewIds.deploy]: 'deploy',
  [viewIds.restore]: 'deploy',
  [viewIds.diagnose]: 'view',
  [viewIds.lock]: 'deploy',
  [viewIds.reject]: 'approve',
}

/** Every remedy is approved by whoever may approve. */
const neededBy = (table: Readonly<Record<string, Needed>>, id: string): Needed | undefined =>
  table[id] ?? (id.startsWith('fix_') ? 'approve' : undefined)

it('every command, button and dialog of the product has its right written down here', () => {
  const without = [
    ...Object.keys(pressTable).filter((id) => neededBy(pressNeeds, id) === undefined),
    ...Object.keys(answerPresses).filter((id) => answerNeeds[id] === undefined),
    ...Object.keys(homePresses).filter((id) => homeNeeds[id] === undefined),
    ...Object.keys(dialogs).filter((id) => dialogNeeds[id] === undefined),
  ]
  expect(without).toEqual([])
})

const option = (value: string) => ({ selected_option: { value } })
const dialogValues = {
  [inputs.version]: option('v1.2.0'),
  [inputs.subject]: option('webhook'),
  [inputs.reason]: { value: 'closing the books' },
  [inputs.environment]: { value: 'production' },
}

interface Done {
  readonly act: Act
  readonly needs: Needed
  /** App Home and what is pressed there have no place. */
  readonly inPlace: boolean
}

/** Everything that there is to do, by one person in one place. */
function everything(doer: Doer, channel: string): readonly Done[] {
  const number = `#${run.number}`
  const commands = grammar.flatMap(({ name, may, words }) => {
    const lines = [name, ...(words.some(({ label }) => label === '#N') ? [`${name} ${number}`] : [])]
    return lines.map((line) => ({ act: types(doer, channel, line), needs: rights[may], inPlace: may !== 'everyone' }))
  })
  const buttons = Object.keys(pressTable).map((id) => ({
    act: presses(doer, channel, id, ticket(run)),
    needs: neededBy(pressNeeds, id) ?? 'nothing',
    inPlace: true,
  }))
  const asked = { version: 'v1.2.0', environment: 'production', dryRun: false, rotateSecret: false }
  const inAnswers = Object.keys(answerPresses).map((id) => ({
    act: presses(doer, channel, id, JSON.stringify(asked)),
    needs: answerNeeds[id] ?? 'nothing',
    inPlace: true,
  }))
  const confirmed = Object.keys(dialogs).map((id) => ({
    act: submits(doer, id, metadataOf(channel), dialogValues),
    needs: dialogNeeds[id] ?? 'nothing',
    inPlace: true,
  }))
  const home = Object.keys(homePresses).map((id) => ({
    act: pressesInHome(doer, id, 'production'),
    needs: homeNeeds[id] ?? 'nothing',
    inPlace: false,
  }))
  return [...commands, ...buttons, ...inAnswers, ...confirmed, ...home]
}

/** What any of the dialogs carries. */
function metadataOf(channel: string) {
  return { channel, environment: 'production', run: run.number, hash: 'x', file: 'backup_x.dump', sha256: 'x' }
}

/** What a refused person must not learn: that there is a run, its number, version or state. */
const facts = /v7\.7\.7|#\d|U0OLA|awaiting|waiting|failed|running|Nothing (runs|is)|no run/i
const refusals =
  /You can't|doesn't take commands|only takes commands|doesn't know your id|Couldn't check|aren't in a channel/

async function expectRefused(act: Act, told: string): Promise<void> {
  const answers = await door.does(act)
  expect(answers, `answers to ${act.name}`).toHaveLength(1)
  expect(answers[0], act.name).toContain(told)
  expect(answers[0], act.name).not.toMatch(facts)
}

describe.each(outsiders)('$name', ({ doer, told }) => {
  it.each(Object.entries(places))('may do nothing in %s, whatever the lists say', async (_, channel) => {
    const acts = [...everything(doer, channel).map(({ act }) => act), opensHome(doer)]
    const audit = await changesNothing(async () => {
      for (const act of acts) await expectRefused(act, told)
    })
    expect(audit).toHaveLength(acts.length)
    for (const line of audit) expect(line).toContain(`${doer.user} refused `)
  })
})

/** The story of a run tells what others were refused; that is no refusal of who reads it. */
function withoutStories(answers: readonly string[]): string {
  return answers
    .join()
    .split('\\n')
    .filter((line) => !line.includes('refused'))
    .join('\n')
}

describe.each(Object.entries(insiders))('%s', (name, user) => {
  const mayDo: Readonly<Record<Needed, boolean>> = {
    nothing: true,
    view: true,
    approve: name !== 'sam',
    deploy: name === 'dana',
    'deploy or approve': name !== 'sam',
    break_glass: false,
  }
  const deed = {
    deploy: "You can't start or change runs in production.",
    approve: "You can't approve runs in production.",
  }

  it('may do in the channel what the lists say, and is refused the rest before any fact is told', async () => {
    const all = everything({ user }, deploys)
    const refused = all.filter(({ needs }) => !mayDo[needs])
    const audit = await changesNothing(async () => {
      for (const { act, needs } of refused) await expectRefused(act, needs === 'approve' ? deed.approve : deed.deploy)
    })
    expect(audit).toHaveLength(refused.length)
    expect(refused.length > 0).toBe(name !== 'dana')
    for (const { act } of all.filter(({ needs }) => mayDo[needs]))
      expect(withoutStories(await door.does(act)), act.name).not.toMatch(refusals)
  })

  it.each(Object.entries(places).filter(([, channel]) => channel !== deploys))(
    'may do nothing in %s that belongs to a channel, and is told no fact there',
    async (_, channel) => {
      const elsewhere = everything({ user }, channel).filter(({ inPlace }) => inPlace)
      const audit = await changesNothing(async () => {
        for (const { act } of elsewhere)
          await expectRefused(act, "This channel doesn't take commands for production. Use ")
      })
      expect(audit).toHaveLength(elsewhere.length)
    },
  )

  it('sees in App Home what they may see, with the buttons that are not refused', async () => {
    expect(await door.does(opensHome({ user }))).toEqual([])
    const [home = ''] = door.homes
    expect(home).toContain('v7.7.7')
    expect(home.includes('Waiting for you')).toBe(mayDo.approve)
    for (const [id, needs] of Object.entries(homeNeeds).filter(([key]) => home.includes(`"${key}"`)))
      expect(mayDo[needs], id).toBe(true)
  })
})

it('each act is done once, however often its request comes', async () => {
  for (const { act } of everything({ user: insiders.dana }, deploys)) {
    await door.does(act)
    const audit = await changesNothing(async () => expect(await door.does(act), act.name).toEqual([]))
    expect(audit, act.name).toEqual([])
  }
  const opened = opensHome({ user: insiders.dana })
  await door.does(opened)
  expect(door.homes).toHaveLength(1)
  // Slack repeats an event that it saw no answer to, signed anew.
  await door.does(opened, 'v0=anew')
  expect(door.homes).toEqual([])
}, 60_000)

it('whoever is no viewer, where there are viewers, sees nothing and begins no look', async () => {
  const list = { channels: [deploys], deployers: [insiders.dana], approvers: [insiders.alex], viewers: [insiders.alex] }
  const watched = await openFrontDoor(contextOf({ config: configWith(list) }))
  const looks = everything({ user: insiders.sam }, deploys).filter(({ needs }) => needs === 'view')
  expect(looks.length).toBeGreaterThan(8)
  const audit = await changesNothing(async () => {
    for (const { act } of looks) {
      const [answer] = await watched.does(act)
      expect(answer, act.name).toContain("You can't see what runs in production.")
      expect(answer, act.name).not.toMatch(facts)
    }
    await watched.does(opensHome({ user: insiders.sam }))
    expect(watched.homes.join()).toContain("There's no environment you can see.")
    expect(watched.homes.join()).not.toMatch(facts)
  })
  expect(audit).toHaveLength(looks.length)
  await watched.does(opensHome({ user: insiders.alex }))
  expect(watched.homes.join()).toContain('v7.7.7')
  await watched.close()
})

describe('in App Home', () => {
  it('it is said when it could not be found out who may deploy, and no button is offered for it', async () => {
    const list = { channels: [deploys], deployers: ['SGONE'], approvers: [insiders.alex] }
    const partly = await openFrontDoor(contextOf({ config: configWith(list) }))
    await partly.does(opensHome({ user: insiders.sam }))
    expect(partly.homes.join()).toContain("Couldn't check whether you can start or change runs in production")
    expect(partly.homes.join()).toContain(homeActionIds.verify)
    expect(partly.homes.join()).not.toContain(homeActionIds.deploy)
    await partly.close()
  })

  it('somebody who is in no channel of the environment sees nothing of it, and cannot press for it', async () => {
    const quiet = await openFrontDoor(
      contextOf({ config: configWith({ channels: ['C0ELSE'], deployers: [insiders.dana] }) }),
    )
    await quiet.does(opensHome({ user: insiders.dana }))
    const [home = ''] = quiet.homes
    // There is no such channel for the bot: it cannot be found out who is in it.
    expect(home).toContain("Couldn't check whether you are in a channel of production")
    expect(home).not.toMatch(facts)
    const audit = await changesNothing(async () => {
      for (const id of Object.keys(homePresses))
        expect(String(await quiet.does(pressesInHome({ user: insiders.dana }, id, 'production'))), id).toContain(
          "Couldn't check",
        )
    })
    expect(audit).toHaveLength(Object.keys(homePresses).length)
    await quiet.close()
  })

  it('a viewer who is in no channel looks without buttons; without the list they see nothing', async () => {
    const nora = 'U0SAM'
    const members = async () => ({ value: [insiders.dana], readAt: new Date(), trouble: undefined })
    const directory = { ...contextOf().directory, channelMembers: members }
    const list = { channels: [deploys], deployers: [insiders.dana], approvers: [insiders.alex] }
    const viewing = await openFrontDoor(contextOf({ directory, config: configWith({ ...list, viewers: [nora] }) }))
    await viewing.does(opensHome({ user: nora }))
    const [seen = ''] = viewing.homes
    expect(seen).toContain('v7.7.7')
    expect(seen).not.toContain('"action_id"')
    expect(String(await viewing.does(pressesInHome({ user: nora }, homeActionIds.verify, 'production')))).toContain(
      "You aren't in a channel that takes commands for production.",
    )
    await viewing.close()
    const plain = await openFrontDoor(contextOf({ directory, config: configWith(list) }))
    await plain.does(opensHome({ user: nora }))
    expect(plain.homes.join()).toContain("There's no environment you can see.")
    expect(plain.homes.join()).not.toMatch(facts)
    await plain.close()
  })
})

it('a channel of staging shows nothing of production, to nobody', async () => {
  const base = contextOf().config
  const production = base.environments['production']
  if (production === undefined) throw new Error('there is no production')
  const staging = { ...production, policy: { ...production.policy, channels: ['C0RANDOM'] } }
  const config = { ...base, environments: { production, staging } }
  const context = contextOf({ config })
  const apart = await openFrontDoor(context)
  const staged = await stores.failedAt('e2e', { environment: 'staging', version: 'v1.1.1' })
  const failed = await stores.failedAt('rollout', { version: 'v7.7.8', requestedBy: 'U0OLA' })
  const told = async (line: string) => String(await apart.does(types({ user: insiders.dana }, 'C0RANDOM', line)))
  const facts = new RegExp(`v7\\.7\\.[78]|#${failed.number}\\b|#${run.number}\\b`)
  for (const line of ['status', 'history']) {
    const answer = await told(line)
    expect(answer, line).toContain(`#${staged.number}`)
    expect(answer, line).not.toMatch(facts)
  }
  for (const { name, words } of grammar.filter(({ may }) => may !== 'everyone')) {
    expect(await told(name), name).not.toMatch(facts)
    if (words.some(({ label }) => label === '#N'))
      expect(await told(`${name} #${failed.number}`), name).toContain("This channel doesn't take commands")
  }
  // The newest failure is production's: a retry from here takes staging's.
  expect((await stores.runs.get(failed.number)).status).toBe('failed')
  await apart.close()
})
