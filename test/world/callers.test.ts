import { readFile, writeFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { channels, people, visitors } from '../../sandbox/people.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** The production program behind signed HTTP, with lists that name people who may not use it. */
describe('who may use Purser', () => {
  let world: TestWorld
  let before: WorldSnapshot
  const channel = channels.deploys.id

  beforeAll(async () => {
    world = await startTestWorld({ slackMode: 'http' })
    const { PURSER_CONFIG: config = '' } = world.sandbox.environment
    const yaml = parseDocument(await readFile(config, 'utf8'))
    const everybody = [people.dana.id, people.alex.id, ...Object.values(visitors).map(({ id }) => id)]
    for (const list of ['deployers', 'approvers']) yaml.setIn(['environments', 'production', 'policy', list], everybody)
    await writeFile(config, yaml.toString())
    await world.startBot('purser')
    before = snapshotOf(world)
  })
  afterAll(() => world.close())

  const slack = () => world.sandbox.slack.control
  const told = (user: string) =>
    slack()
      .messagesSeenBy(user, channel)
      .filter((message) => message.is_ephemeral === true)
      .map((message) => slack().plainText(message))
  const runs = async () => Number((await world.state('select count(*)::int as count from purser.runs'))[0]?.['count'])

  it.each([
    ['a guest', visitors.gina.id, "Purser doesn't take commands from guests."],
    ['a stranger', visitors.stan.id, 'Purser only takes commands from its own Slack workspace.'],
    ['somebody deactivated', visitors.dora.id, "Purser doesn't take commands from deactivated people."],
  ])('%s is refused although the lists name them, by a command and in App Home', async (_, user, text) => {
    await slack().type(user, channel, '/billing deploy v1.2.0')
    await world.waitFor('an answer', () => told(user).some((answer) => answer.includes(text)))
    await slack().openHome(user)
    const home = () => JSON.stringify(slack().homeOf(user)?.blocks ?? [])
    if (user !== visitors.stan.id) await world.waitFor('App Home', () => home().includes(text))
    expect(home()).not.toContain('production')
    expect(await runs()).toBe(0)
    expect(snapshotOf(world)).toEqual(before)
  })

  it('what comes again is done once, and what is signed in the future not at all', async () => {
    await slack().type(people.dana.id, channel, '/billing plan v1.2.0')
    expect(await slack().replay()).toEqual({ ok: true })
    // The board goes on meanwhile, so that this is looked at again.
    await world.waitFor('the log', () => world.logs().includes('a request came again that was taken up before'))
    await expect.poll(runs, { timeout: 45_000 }).toBe(1)
    slack().setClockAhead(120_000)
    expect(await slack().type(people.dana.id, channel, '/billing plan v1.2.0')).toMatchObject({ ok: false })
    slack().setClockAhead(0)
    expect(await runs()).toBe(1)
  }, 180_000)

  it('nobody is let through unseen: while Slack cannot be asked they are refused with the cause', async () => {
    const undo = slack().setFault({ method: 'users.info', status: 503 })
    // Slack was never asked about Alex: nobody is let through unseen.
    await slack().type(people.alex.id, channel, '/billing status')
    await world.waitFor('a refusal', () => told(people.alex.id).some((it) => it.includes("Couldn't check who you are")))
    undo()
    await slack().type(people.alex.id, channel, '/billing status')
    await world.waitFor('an answer', () => told(people.alex.id).length === 2)
    expect(told(people.alex.id)[1]).toMatch(/#1|Nothing running or waiting in production/)
  })

  it('a flood of verifications is one, and the others are led to it', async () => {
    await Promise.all(Array.from({ length: 30 }, () => slack().type(people.sam.id, channel, '/billing verify')))
    await world.waitFor('the answers', () => told(people.sam.id).length >= 25)
    const begun = await world.state(`select count(*)::int as count from purser.runs where kind = 'verify'`)
    expect(Number(begun[0]?.['count'])).toBeLessThanOrEqual(10)
    expect(told(people.sam.id).some((it) => it.includes('is already verifying production. Follow its board.'))).toBe(
      true,
    )
    expect(told(people.sam.id).some((it) => it.includes('ou checked 10 times within a minute'))).toBe(true)
  })
})
