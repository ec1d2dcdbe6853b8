import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { grammar } from '../../src/commands/grammar.ts'
import { homePresses } from '../../src/commands/home.ts'
import { answerPresses, dialogs, presses } from '../../src/commands/interactions.ts'
import { connect } from '../../src/commands/slack-app.ts'
import { knownSecret, openStores, type TestStores } from '../store/stores.ts'
import { alex, commandContexts, dana } from './command-context.ts'

let stores: TestStores
const { openContext } = commandContexts(() => stores)

beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

type Handler = (request: Record<string, unknown>) => Promise<void>

/** Purser as Slack meets it: what is connected is kept, and called as Bolt would. */
function slack(context = openContext()) {
  const handlers = new Map<string, Handler>()
  const said: string[] = []
  const keep = (kind: string) => (id: string | { action_id: string }, handler: Handler) =>
    void handlers.set(`${kind} ${typeof id === 'string' ? id : id.action_id}`, handler)
  const app = { command: keep('command'), action: keep('action'), view: keep('view'), event: keep('event') }
  connect(app as unknown as Parameters<typeof connect>[0], '/billing', context, { opened: async () => undefined })
  const opens = async ({ view }: { view: unknown }) => (said.push(JSON.stringify(view)), { view: { id: 'V1' } })
  const request = {
    context: {},
    ack: async (answer?: unknown) => void (answer === undefined || said.push(JSON.stringify(answer))),
    respond: async (answer: { text: string }) => void said.push(answer.text),
    client: { views: { open: opens, update: async () => ({}) } },
  }
  const call = (name: string, more: Record<string, unknown>) => handlers.get(name)?.({ ...request, ...more })
  return {
    said,
    handlers,
    type: (text: string, caller = dana) =>
      call('command /billing', {
        body: { user_id: caller.user, channel_id: caller.channel, team_id: 'T1', text, trigger_id: randomUUID() },
      }),
    press: (actionId: string, value: string, caller: { readonly user: string; readonly channel?: string } = dana) =>
      call(`action ${actionId}`, {
        body: {
          user: { id: caller.user, team_id: 'T1' },
          team: { id: 'T1' },
          ...(caller.channel === undefined ? {} : { channel: { id: caller.channel } }),
          trigger_id: randomUUID(),
        },
        action: { value },
      }),
    submit: (viewId: string, metadata: string, values: Record<string, unknown> = {}) =>
      call(`view ${viewId}`, {
        body: { user: { id: dana.user, team_id: 'T1' }, team: { id: 'T1' }, trigger_id: randomUUID() },
        view: { private_metadata: metadata, state: { values } },
      }),
  }
}

/** What the audit got while `act` ran: actor, source, kind and text. */
async function audited(act: () => Promise<unknown> | undefined): Promise<readonly string[]> {
  const before = (await stores.runs.auditHead())?.sequence ?? 0
  await act()
  const { rows } = await stores.pool.query<{ line: string }>(
    `select concat_ws(' ', actor, nullif(source, ''), kind, text) as line from purser.audit_events where sequence > $1 order by sequence`,
    [before],
  )
  return rows.map(({ line }) => line)
}

describe('the audit has, before anything is done,', () => {
  it.each(grammar.flatMap(({ examples }) => examples))('the command %s', async (example) => {
    const lines = await audited(() => slack().type(example))
    expect(lines[0]).toBe(`UDANA CDEPLOYS command /billing ${example}`)
  })

  it.each([
    ['that nobody understands', 'deplyo v1.2.0'],
    ['with a word too many', 'status of everything'],
    ['that is empty', ''],
  ])('a command %s', async (_, text) => {
    expect(await audited(() => slack().type(text))).toEqual([`UDANA CDEPLOYS command /billing ${text}`])
  })

  it('a command that only looks, once, before its answer', async () => {
    const room = slack()
    expect(await audited(() => room.type('status'))).toEqual(['UDANA CDEPLOYS command /billing status'])
    expect(room.said).toHaveLength(1)
  })

  it('a command that is refused, and the refusal', async () => {
    const sam = { user: 'USAM', channel: 'CDEPLOYS' }
    expect(await audited(() => slack().type('deploy v1.2.0', sam))).toEqual([
      'USAM CDEPLOYS command /billing deploy v1.2.0',
      expect.stringMatching(/^USAM CDEPLOYS refused \/billing deploy v1.2.0: /),
    ])
  })

  it.each(Object.keys(presses))('the press %s, with its run and the plan that was shown', async (actionId) => {
    const run = await stores.waiting()
    const ticket = JSON.stringify({ run: run.number, plan: run.planHash })
    const lines = await audited(() => slack().press(actionId, ticket, alex))
    expect(lines[0]).toBe(`UALEX CDEPLOYS press button ${actionId} of run #${run.number}`)
    const event = (await stores.runs.events(run.number)).find(({ kind }) => kind === 'press')
    expect(event?.facts).toEqual({ action: actionId, shown: run.planHash })
  })

  it('a press that is refused, in the story of its run', async () => {
    const run = await stores.waiting()
    const [approve = ''] = Object.keys(presses).filter((id) => id.includes('approve'))
    const ticket = JSON.stringify({ run: run.number, plan: run.planHash })
    await slack().press(approve, ticket, { user: 'USAM', channel: 'CDEPLOYS' })
    const told = (await stores.runs.events(run.number)).slice(-2).map(({ actor, kind }) => `${actor} ${kind}`)
    expect(told).toEqual(['USAM press', 'USAM refused'])
  })

  it('a press that is too old to be understood', async () => {
    const [actionId = ''] = Object.keys(presses)
    expect(await audited(() => slack().press(actionId, 'old'))).toEqual([`UDANA CDEPLOYS press button ${actionId}`])
  })

  it.each(Object.keys(homePresses))('the press %s in App Home', async (actionId) => {
    const lines = await audited(() => slack().press(actionId, 'production', { user: dana.user }))
    expect(lines[0]).toBe(`UDANA home press button ${actionId} of production`)
  })

  it.each(Object.keys(dialogs))('the submission of the dialog %s, with what was typed', async (viewId) => {
    const metadata = JSON.stringify({ channel: 'CDEPLOYS', environment: 'production' })
    const values = { reason: { reason: { value: `because of ${knownSecret}` } } }
    const lines = await audited(() => slack().submit(viewId, metadata, values))
    expect(lines[0]).toMatch(new RegExp(`^UDANA dialog dialog ${viewId}: reason: because of \\[masked\\] \\{`))
  })

  it('an approval: the press, then the decision with the hash of its plan', async () => {
    const run = await stores.waiting()
    const ticket = JSON.stringify({ run: run.number, plan: run.planHash })
    const [approve = ''] = Object.keys(presses).filter((id) => id.includes('approve'))
    expect(await audited(() => slack().press(approve, ticket, alex))).toEqual([
      `UALEX CDEPLOYS press button ${approve} of run #${run.number}`,
      'UALEX CDEPLOYS approved ',
    ])
    const last = (await stores.runs.events(run.number)).at(-1)
    expect(last?.facts).toMatchObject({ approval: { user: 'UALEX', planHash: run.planHash } })
  })
})

it('nothing is connected to Slack that the audit does not meet', () => {
  const { handlers } = slack()
  const known = [
    'command /billing',
    ...[...Object.keys(presses), ...Object.keys(answerPresses), ...Object.keys(homePresses)].map(
      (id) => `action ${id}`,
    ),
    ...Object.keys(dialogs).map((id) => `view ${id}`),
    // Opening App Home is a look, and in the audit as one.
    'event app_home_opened',
  ]
  expect([...handlers.keys()].toSorted()).toEqual(known.toSorted())
})

it('a long text is masked, then cut', async () => {
  const [line = ''] = await audited(() => slack().type(`lock ${'x'.repeat(970)} ${knownSecret} ${'y'.repeat(5_000)}`))
  expect(line.length).toBeLessThan(1_100)
  expect(line).toMatch(/\[mask/)
  expect(line).not.toContain(knownSecret.slice(0, 10))
})

it('what cannot be recorded is not carried out', async () => {
  const context = openContext()
  const runs = Object.assign(Object.create(stores.runs) as typeof stores.runs, {
    audit: () => Promise.reject(new Error('the state database is away')),
  })
  const room = slack({ ...context, runs })
  expect(await audited(() => room.type('deploy v1.2.0'))).toEqual([])
  expect(room.said).toEqual([expect.stringContaining('Nothing changed')])
})
