import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SlackRateLimited, SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { Chat, OutgoingMessage } from '../../src/adapters/slack/port.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { joined, Publisher } from '../../src/jobs/publisher.ts'
import type { WaitingPost } from '../../src/store/boards.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { knownSecret, openStores, type TestStores } from '../store/stores.ts'
import { plan, verification } from '../messages/example-runs.ts'

const output = (title: string, ...lines: string[]): ThreadPost => ({ kind: 'output', title, lines })
const note = (text: string): ThreadPost => ({ kind: 'note', text })
const lines = (count: number) => Array.from({ length: count }, (_, at) => `line ${at}`)

describe('what goes to the thread as one post', () => {
  it.each<[string, ThreadPost[], number[] | undefined, number | undefined]>([
    ['nothing when nothing waits', [], undefined, undefined],
    ['a note by itself', [note('a'), note('b')], [1], undefined],
    ['output of one title together', [output('e2e', 'a'), output('e2e', 'b', 'c')], [1, 2], 3],
    ['output up to another title', [output('e2e', 'a'), output('build', 'b'), output('e2e', 'c')], [1], 1],
    ['output up to a note: the order stays', [output('e2e', 'a'), note('b'), output('e2e', 'c')], [1], 1],
    ['up to 40 lines', [output('e2e', ...lines(30)), output('e2e', ...lines(10)), output('e2e', 'x')], [1, 2], 40],
    ['more lines that came as one', [output('e2e', ...lines(90)), output('e2e', 'x')], [1], 90],
  ])('%s', (_, posts, ids, count) => {
    const waiting = posts.map((post, at): WaitingPost => ({ id: at + 1, post }))
    const batch = joined(waiting)
    expect(batch?.ids).toEqual(ids)
    if (batch?.post.kind === 'output') expect(batch.post.lines).toHaveLength(count ?? 0)
  })
})

let stores: TestStores
let slack: Slack
let publisher: Publisher
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(async () => {
  await stores.reset()
  slack = new Slack()
  const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
  const log = pino({ level: 'silent' })
  publisher = new Publisher({
    runs: stores.runs,
    boards: stores.boards,
    chat: slack,
    config,
    mask: stores.db.mask,
    log,
  })
})
afterAll(() => stores.close())

/** Remembers what it was told; says no as often as it was asked to. */
class Slack implements Chat {
  readonly boards: string[] = []
  readonly thread: string[] = []
  readonly blocks: string[] = []
  readonly refusals: Error[] = []
  #posted = 0

  async post(channel: string, message: OutgoingMessage, { threadTs }: { readonly threadTs?: string }) {
    this.#refuse()
    if (threadTs === undefined) this.boards.push(wholeOf(message))
    else this.thread.push(message.text)
    this.blocks.push(JSON.stringify(message.blocks))
    this.#posted += 1
    return { channel, ts: `${this.#posted}.000` }
  }

  async update(_: unknown, message: OutgoingMessage) {
    this.#refuse()
    this.boards.push(wholeOf(message))
  }

  async uploadText(_: unknown, file: { readonly name: string; readonly content: string }) {
    this.#refuse()
    this.thread.push(`${file.name}: ${file.content.split('\n')[0]}`)
  }

  permalink = async () => undefined
  publishHome = async () => undefined

  #refuse(): void {
    const refusal = this.refusals.shift()
    if (refusal !== undefined) throw refusal
  }
}

function wholeOf({ text, blocks }: OutgoingMessage): string {
  return `${text}\n${JSON.stringify(blocks)}`
}

/** One run of the publish job; the pause after which it wants to run again, if it does. */
async function publish(run: number): Promise<number | undefined> {
  let pause: number | undefined
  const later = new Error('deferred')
  const defer = async (ms: number): Promise<never> => {
    pause = ms
    throw later
  }
  try {
    await publisher.handle({ data: { run }, defer, requeue: () => Promise.reject(later) })
  } catch (error) {
    if (error !== later) throw error
  }
  return pause
}

/** Runs the job until it wants no more; each pause is waited out. */
async function publishAll(run: number): Promise<void> {
  for (let rounds = 0; (await publish(run)) !== undefined; rounds += 1) {
    if (rounds > 50) throw new Error('publishing does not end')
    await pausePasses()
  }
}

/** As if a minute had passed since the board and the last post were sent. */
async function pausePasses(): Promise<void> {
  await stores.pool.query(`update purser.posts set posted_at = posted_at - interval '1 minute'`)
  await stores.pool.query(`update purser.runs set board_posted_at = board_posted_at - interval '1 minute'`)
}

/** A run that executes, its board posted a minute ago. */
async function published() {
  const claim = await stores.under('migrate')
  await publishAll(claim.run)
  await pausePasses()
  slack.boards.length = 0
  slack.thread.length = 0
  return claim
}

it('posts a reminder while the run waits, and none once it was decided', async () => {
  const run = await stores.waiting()
  await publishAll(run.number)
  await stores.sweeps.remind(await stores.runs.get(run.number), ['U02ALEX00'])
  await publishAll(run.number)
  expect(slack.thread.at(-1)).toContain('still waits for an approval')
  const decided = await stores.waiting()
  await publishAll(decided.number)
  await stores.sweeps.remind(await stores.runs.get(decided.number), ['U02ALEX00'])
  const who = { actor: 'UALEX', source: 'CDEPLOYS' }
  await stores.runs.apply(decided.number, { type: 'rejected', by: 'UALEX' }, who)
  slack.thread.length = 0
  await publishAll(decided.number)
  expect(slack.thread.join()).not.toContain('still waits for an approval')
  expect(await stores.boards.waiting(decided.number)).toEqual([])
})

it('posts a verification without charts where Slack takes none, and says the same in words', async () => {
  const claim = await stores.under('monitor')
  for (const [at, value] of [0, 4, 9].entries())
    await stores
      .records(claim)
      .recordSamples([{ metric: 'webhooks_processed', at: new Date(Date.now() + at * 15_000), value }])
  await publishAll(claim.run)
  await stores.runs.post(claim.run, { kind: 'verification', verification })
  slack.refusals.push(new SlackTrouble('invalid_blocks', 'posting to CDEPLOYS: Slack says invalid_blocks'))
  await publishAll(claim.run)
  expect(slack.thread.filter((text) => text.includes('Webhooks processed: 0 at first, 9 at last'))).toHaveLength(1)
  expect(slack.blocks.at(-1)).toContain('Webhooks processed: 0 at first')
  expect(slack.blocks.at(-1)).not.toContain('data_visualization')
})

describe('the board', () => {
  it('is posted once, then edited; each time as the state database is', async () => {
    const { run } = await stores.create()
    expect(await publish(run.number)).toBeUndefined()
    expect(slack.boards).toEqual([expect.stringContaining('v1.2.0')])
    expect(await stores.boards.board(run.number)).toMatchObject({ channel: 'CDEPLOYS', ts: '1.000', shownRev: run.rev })
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('is not sent again when nothing is new, nor when what is new does not show', async () => {
    // At rest: the board of a run at work shows a clock.
    const { number: run } = await stores.failedAt('migrate')
    await publishAll(run)
    await pausePasses()
    slack.boards.length = 0
    expect(await publish(run)).toBeUndefined()
    await stores.pool.query('update purser.runs set rev = rev + 1')
    expect(await stores.sweeps.unpublished()).toEqual([run])
    expect(await publish(run)).toBeUndefined()
    expect(slack.boards).toEqual([])
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('is edited at most once in its pace, and then shows the last state', async () => {
    const claim = await published()
    await stores.phases.report(claim, 'migration 1 of 3')
    await publish(claim.run)
    await stores.phases.report(claim, 'migration 2 of 3')
    const pause = await publish(claim.run)
    await stores.phases.report(claim, 'migration 3 of 3')
    await publish(claim.run)
    expect(pause).toBeGreaterThan(0)
    expect(pause).toBeLessThanOrEqual(2_000)
    expect(slack.boards).toEqual([expect.stringContaining('migration 1 of 3')])
    await pausePasses()
    expect(await publish(claim.run)).toBeUndefined()
    expect(slack.boards).toHaveLength(2)
    expect(slack.boards[1]).toContain('migration 3 of 3')
  })

  it('waits as long as Slack asks when there were too many, and then shows the last state', async () => {
    const claim = await published()
    slack.refusals.push(new SlackRateLimited('editing the board', 7_000))
    await stores.phases.report(claim, 'migration 1 of 3')
    expect(await publish(claim.run)).toBe(7_000)
    await stores.phases.report(claim, 'migration 2 of 3')
    expect(await publish(claim.run)).toBeUndefined()
    expect(slack.boards).toEqual([expect.stringContaining('migration 2 of 3')])
  })

  it('is tried again after a temporary error', async () => {
    const claim = await published()
    await stores.phases.report(claim, 'migration 1 of 3')
    slack.refusals.push(new SlackTrouble('slack_unreachable', 'editing the board', { transient: true }))
    expect(await publish(claim.run)).toBe(2_000)
    expect(await publish(claim.run)).toBeUndefined()
    expect(slack.boards).toHaveLength(1)
  })

  it('that somebody deleted is posted again', async () => {
    const { run } = await published()
    const ts = (await stores.boards.board(run)).ts
    slack.refusals.push(new SlackTrouble('message_not_found', 'editing the board'))
    await stores.runs.apply(run, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
    await publishAll(run)
    expect(slack.boards.at(-1)).toContain('being cancelled')
    expect((await stores.boards.board(run)).ts).not.toBe(ts)
  })

  it('that our own code cannot render is not tried for ever', async () => {
    const { run } = await published()
    slack.refusals.push(new TypeError('a fault of ours'))
    await stores.runs.apply(run, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
    expect(await publish(run)).toBeUndefined()
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('that Slack refuses for good is not tried for ever; the next state is tried again', async () => {
    const { run } = await stores.create()
    await stores.runs.post(run.number, note('planning'))
    slack.refusals.push(new SlackTrouble('channel_not_found', 'posting the board'))
    expect(await publish(run.number)).toBeUndefined()
    expect(await stores.sweeps.unpublished()).toEqual([])
    await stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'C' })
    expect(await stores.sweeps.unpublished()).toEqual([run.number])
    await publishAll(run.number)
    expect(slack.boards).toHaveLength(1)
  })

  it('shows no secret, even one that the state database should not hold', async () => {
    const claim = await published()
    await stores.pool.query('update purser.phases set line = $1 where run = $2 and name = $3', [
      `password ${knownSecret}`,
      claim.run,
      'migrate',
    ])
    await stores.pool.query('update purser.runs set rev = rev + 1')
    await publish(claim.run)
    expect(slack.boards.join()).toContain('password [masked]')
    expect(slack.boards.join()).not.toContain(knownSecret)
  })
})

describe('the thread', () => {
  it('gets every post in order and once, with a pause after each', async () => {
    const claim = await published()
    for (const text of ['one', 'two', 'three']) await stores.phases.post(claim, note(text))
    expect(await publish(claim.run)).toBe(1_000)
    expect(slack.thread).toEqual(['one'])
    await publishAll(claim.run)
    await publishAll(claim.run)
    expect(slack.thread).toEqual(['one', 'two', 'three'])
    expect(slack.boards).toEqual([])
  })

  it('waits a second after the last post, also when a new job brings the next one', async () => {
    const claim = await published()
    await stores.phases.post(claim, note('one'))
    expect(await publish(claim.run)).toBeUndefined()
    await stores.phases.post(claim, note('two'))
    expect(await publish(claim.run)).toBe(1_000)
    expect(slack.thread).toEqual(['one'])
    await pausePasses()
    await publish(claim.run)
    expect(slack.thread).toEqual(['one', 'two'])
  })

  it('tells the plan that came while the board was being drawn', async () => {
    const { run } = await stores.create()
    await publishAll(run.number)
    await pausePasses()
    const claim = await stores.claim(run.number, 'plan')
    await stores.phases.report(claim, 'looking around')
    const draws = slack.update.bind(slack)
    slack.update = async (...sent) => {
      slack.update = draws
      await draws(...sent)
      await stores.phases.finish(claim, { type: 'planned' }, { plan, posts: [{ kind: 'plan' }] })
    }
    await publishAll(run.number)
    expect(slack.thread).toHaveLength(1)
    expect(slack.thread[0]).toContain('v1.2.0')
    expect(JSON.stringify(slack.blocks)).not.toContain('There is no plan')
  })

  it('goes on where it was when Slack had to be waited for', async () => {
    const claim = await published()
    for (const text of ['one', 'two']) await stores.phases.post(claim, note(text))
    slack.refusals.push(new SlackRateLimited('posting', 5_000))
    expect(await publish(claim.run)).toBe(5_000)
    await publishAll(claim.run)
    expect(slack.thread).toEqual(['one', 'two'])
  })

  it('loses one post that Slack refuses for good, and none beside it', async () => {
    const claim = await published()
    for (const text of ['one', 'two', 'three']) await stores.phases.post(claim, note(text))
    slack.refusals.push(new SlackTrouble('invalid_blocks', 'posting'))
    await publishAll(claim.run)
    expect(slack.thread).toEqual(['two', 'three'])
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('gets the head of the audit when the run has ended', async () => {
    const claim = await published()
    await stores.phases.finish(claim, { type: 'phase_failed', phase: claim.phase }, {})
    const head = await stores.runs.auditHead()
    await publishAll(claim.run)
    expect(slack.thread.at(-1)).toBe(`Audit head at the end of run #${claim.run}: \`${head?.sequence}:${head?.hash}\``)
  })

  it('gets the report as a file', async () => {
    const claim = await published()
    await stores.phases.post(claim, { kind: 'report', fileName: 'run-1-v1.2.0.md' })
    await publishAll(claim.run)
    expect(slack.thread).toEqual([expect.stringMatching(/^run-1-v1\.2\.0\.md: # .*v1\.2\.0/)])
  })
})
