import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { SlackRateLimited, SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { knownSecret, openStores, type TestStores } from '../store/stores.ts'
import { plan, verification } from '../messages/example-runs.ts'
import { Publishing } from './publishing.ts'

const note = (text: string): ThreadPost => ({ kind: 'note', text })

let stores: TestStores
let publishing: Publishing
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(async () => {
  await stores.reset()
  publishing = new Publishing(stores)
})
afterAll(() => stores.close())

it('posts a reminder while the run waits, and none once it was decided', async () => {
  const run = await stores.waiting()
  await publishing.publishAll(run.number)
  await stores.sweeps.remind(await stores.runs.get(run.number), ['U02ALEX00'])
  await publishing.publishAll(run.number)
  expect(publishing.slack.thread.at(-1)).toContain('is still waiting for approval')
  const decided = await stores.waiting()
  await publishing.publishAll(decided.number)
  await stores.sweeps.remind(await stores.runs.get(decided.number), ['U02ALEX00'])
  const who = { actor: 'UALEX', source: 'CDEPLOYS' }
  await stores.runs.apply(decided.number, { type: 'rejected', by: 'UALEX' }, who)
  publishing.slack.thread.length = 0
  await publishing.publishAll(decided.number)
  expect(publishing.slack.thread.join()).not.toContain('is still waiting for approval')
  expect(await stores.boards.waiting(decided.number)).toEqual([])
})

it('posts a verification without charts where Slack takes none, and says the same in words', async () => {
  const claim = await stores.under('monitor')
  for (const [at, value] of [0, 4, 9].entries())
    await stores
      .records(claim)
      .recordSamples([{ metric: 'webhooks_processed', at: new Date(Date.now() + at * 15_000), value }])
  await publishing.publishAll(claim.run)
  await stores.runs.post(claim.run, { kind: 'verification', verification })
  publishing.slack.refusals.push(new SlackTrouble('invalid_blocks', 'posting to CDEPLOYS: Slack says invalid_blocks'))
  await publishing.publishAll(claim.run)
  expect(publishing.slack.thread.filter((text) => text.includes('Webhooks processed: from 0 to 9'))).toHaveLength(1)
  expect(publishing.slack.blocks.at(-1)).toContain('Webhooks processed: from 0 to 9')
  expect(publishing.slack.blocks.at(-1)).not.toContain('data_visualization')
})

describe('the board', () => {
  describe('whose first post nobody knows the end of', () => {
    const lost = new SlackTrouble('slack_unreachable', 'posting to CDEPLOYS: no answer', { transient: true })
    const second = expect.stringContaining('only this one is kept up to date')

    it('is found by its mark, and edited', async () => {
      const { run } = await stores.create()
      publishing.slack.refusals.push(lost)
      await publishing.publish(run.number)
      const mark = {
        eventType: 'purser_board',
        payload: { run: run.number, requested_at: run.createdAt.toISOString() },
      }
      publishing.slack.findMarked = async (channel, wanted, since) => {
        expect(wanted).toEqual(mark)
        expect(since.getTime()).toBeLessThan(Date.now())
        return { channel, ts: '7.000' }
      }
      await publishing.publishAll(run.number)
      expect(await stores.boards.board(run.number)).toMatchObject({ ts: '7.000' })
      expect(publishing.slack.thread).not.toContainEqual(second)
    })

    it('is posted where Slack has none', async () => {
      const { run } = await stores.create()
      publishing.slack.refusals.push(lost)
      await publishing.publish(run.number)
      await publishing.publishAll(run.number)
      expect(await stores.boards.board(run.number)).toMatchObject({ ts: '1.000' })
      expect(publishing.slack.thread).not.toContainEqual(second)
    })

    it('is posted, and says that it is the one that counts, where nobody can look for it', async () => {
      const { run } = await stores.create()
      publishing.slack.refusals.push(lost)
      await publishing.publish(run.number)
      publishing.slack.findMarked = () =>
        Promise.reject(new SlackTrouble('missing_scope', 'looking for a message: Slack says missing_scope'))
      await publishing.publishAll(run.number)
      expect(await stores.boards.board(run.number)).toMatchObject({ ts: '1.000' })
      expect(publishing.slack.thread).toEqual([second])
    })

    it('is not looked for when Slack has refused it', async () => {
      const { run } = await stores.create()
      publishing.slack.refusals.push(new SlackRateLimited('posting to CDEPLOYS', 1_000))
      await publishing.publish(run.number)
      publishing.slack.findMarked = () => Promise.reject(new Error('it looks for what was refused'))
      await publishing.publishAll(run.number)
      expect(await stores.boards.board(run.number)).toMatchObject({ ts: '1.000' })
    })
  })

  it('is posted once, then edited; each time as the state database is', async () => {
    const { run } = await stores.create()
    expect(await publishing.publish(run.number)).toBeUndefined()
    expect(publishing.slack.boards).toEqual([expect.stringContaining('v1.2.0')])
    expect(await stores.boards.board(run.number)).toMatchObject({ channel: 'CDEPLOYS', ts: '1.000', shownRev: run.rev })
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('is not sent again when nothing is new, nor when what is new does not show', async () => {
    // At rest: the board of a run at work shows a clock.
    const { number: run } = await stores.failedAt('migrate')
    await publishing.publishAll(run)
    await publishing.pausePasses()
    publishing.slack.boards.length = 0
    expect(await publishing.publish(run)).toBeUndefined()
    await stores.pool.query('update purser.runs set rev = rev + 1')
    expect(await stores.sweeps.unpublished()).toEqual([run])
    expect(await publishing.publish(run)).toBeUndefined()
    expect(publishing.slack.boards).toEqual([])
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('is edited at most once in its pace, and then shows the last state', async () => {
    const claim = await publishing.published()
    await stores.phases.report(claim, 'migration 1 of 3')
    await publishing.publish(claim.run)
    await stores.phases.report(claim, 'migration 2 of 3')
    const pause = await publishing.publish(claim.run)
    await stores.phases.report(claim, 'migration 3 of 3')
    await publishing.publish(claim.run)
    expect(pause).toBeGreaterThan(0)
    expect(pause).toBeLessThanOrEqual(2_000)
    expect(publishing.slack.boards).toEqual([expect.stringContaining('migration 1 of 3')])
    await publishing.pausePasses()
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect(publishing.slack.boards).toHaveLength(2)
    expect(publishing.slack.boards[1]).toContain('migration 3 of 3')
  })

  it('waits as long as Slack asks when there were too many, and then shows the last state', async () => {
    const claim = await publishing.published()
    publishing.slack.refusals.push(new SlackRateLimited('editing the board', 7_000))
    await stores.phases.report(claim, 'migration 1 of 3')
    expect(await publishing.publish(claim.run)).toBe(7_000)
    await stores.phases.report(claim, 'migration 2 of 3')
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect(publishing.slack.boards).toEqual([expect.stringContaining('migration 2 of 3')])
  })

  it('is tried again after a temporary error', async () => {
    const claim = await publishing.published()
    await stores.phases.report(claim, 'migration 1 of 3')
    publishing.slack.refusals.push(new SlackTrouble('slack_unreachable', 'editing the board', { transient: true }))
    expect(await publishing.publish(claim.run)).toBe(2_000)
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect(publishing.slack.boards).toHaveLength(1)
  })

  it('that somebody deleted is posted again', async () => {
    const { run } = await publishing.published()
    const ts = (await stores.boards.board(run)).ts
    publishing.slack.refusals.push(new SlackTrouble('message_not_found', 'editing the board'))
    await stores.runs.apply(run, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
    await publishing.publishAll(run)
    expect(publishing.slack.boards.at(-1)).toContain('being cancelled')
    expect((await stores.boards.board(run)).ts).not.toBe(ts)
  })

  it('shows no secret, even one that the state database should not hold', async () => {
    const claim = await publishing.published()
    await stores.pool.query('update purser.phases set line = $1 where run = $2 and name = $3', [
      `password ${knownSecret}`,
      claim.run,
      'migrate',
    ])
    await stores.pool.query('update purser.runs set rev = rev + 1')
    await publishing.publish(claim.run)
    expect(publishing.slack.boards.join()).toContain('password [masked]')
    expect(publishing.slack.boards.join()).not.toContain(knownSecret)
  })
})

describe('the thread', () => {
  it('gets every post in order and once, with a pause after each', async () => {
    const claim = await publishing.published()
    for (const text of ['one', 'two', 'three']) await stores.phases.post(claim, note(text))
    expect(await publishing.publish(claim.run)).toBe(1_000)
    expect(publishing.slack.thread).toEqual(['one'])
    await publishing.publishAll(claim.run)
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual(['one', 'two', 'three'])
    expect(publishing.slack.boards).toEqual([])
  })

  it('waits a second after the last post, also when a new job brings the next one', async () => {
    const claim = await publishing.published()
    await stores.phases.post(claim, note('one'))
    expect(await publishing.publish(claim.run)).toBeUndefined()
    await stores.phases.post(claim, note('two'))
    expect(await publishing.publish(claim.run)).toBe(1_000)
    expect(publishing.slack.thread).toEqual(['one'])
    await publishing.pausePasses()
    await publishing.publish(claim.run)
    expect(publishing.slack.thread).toEqual(['one', 'two'])
  })

  it('tells the plan that came while the board was being drawn', async () => {
    const { run } = await stores.create()
    await publishing.publishAll(run.number)
    await publishing.pausePasses()
    const claim = await stores.claim(run.number, 'plan')
    await stores.phases.report(claim, 'looking around')
    const draws = publishing.slack.update.bind(publishing.slack)
    publishing.slack.update = async (...sent) => {
      publishing.slack.update = draws
      await draws(...sent)
      await stores.phases.finish(claim, { type: 'planned' }, { plan, posts: [{ kind: 'plan' }] })
    }
    await publishing.publishAll(run.number)
    expect(publishing.slack.thread).toHaveLength(1)
    expect(publishing.slack.thread[0]).toContain('v1.2.0')
    expect(JSON.stringify(publishing.slack.blocks)).not.toContain("There's no plan")
  })

  it('goes on where it was when Slack had to be waited for', async () => {
    const claim = await publishing.published()
    for (const text of ['one', 'two']) await stores.phases.post(claim, note(text))
    publishing.slack.refusals.push(new SlackRateLimited('posting', 5_000))
    expect(await publishing.publish(claim.run)).toBe(5_000)
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual(['one', 'two'])
  })

  it('gets the head of the audit when the run has ended', async () => {
    const claim = await publishing.published()
    await stores.phases.finish(claim, { type: 'phase_failed', phase: claim.phase }, {})
    const head = await stores.runs.auditHead()
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread.at(-1)).toBe(
      `Audit head at the end of run #${claim.run}: \`${head?.sequence}:${head?.hash}\``,
    )
  })

  it('gets the report as a file', async () => {
    const claim = await publishing.published()
    await stores.phases.post(claim, { kind: 'report', fileName: 'run-1-v1.2.0.md' })
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual([expect.stringMatching(/^run-1-v1\.2\.0\.md: # .*v1\.2\.0/)])
  })

  it('gets the report and what the verification came to as one message', async () => {
    const claim = await publishing.published()
    await stores.phases.post(claim, { kind: 'report', fileName: 'run-1.md', verification })
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual([
      expect.stringMatching(/^run-1\.md: # [^\n]*\nVerification of production: 1 of 10 checks failed, 9 passed\./),
    ])
  })

  it('is told what the verification came to also where Slack takes no file', async () => {
    const claim = await publishing.published()
    await stores.phases.post(claim, { kind: 'report', fileName: 'run-1.md', verification })
    publishing.slack.refuses = ({ text }) =>
      text === 'run-1.md' ? new SlackTrouble('invalid_blocks', 'uploading run-1.md') : undefined
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual([expect.stringContaining('Verification of production: 1 of 10 checks')])
    expect(await stores.boards.waiting(claim.run)).toEqual([])
  })

  it('is spared what commands print as long as all goes well; the report has it', async () => {
    const claim = await publishing.published()
    const quiet = { kind: 'output', title: 'billing tests', lines: ['ok 1 - a plan has a price'], quiet: true } as const
    await stores.phases.post(claim, quiet)
    await stores.phases.post(claim, note('one'))
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect(publishing.slack.thread).toEqual(['one'])
    expect(await stores.boards.outputs(claim.run)).toEqual([quiet])
  })
})

describe('a process whose clock is wrong', () => {
  it.each([
    ['a minute behind', -60_000],
    ['a minute ahead', 60_000],
  ])('%s edits boards in time, and paces them as ever', async (_, off) => {
    const claim = await publishing.published()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + off })
    onTestFinished(() => void vi.useRealTimers())
    await stores.phases.report(claim, 'one of two')
    await publishing.publish(claim.run)
    expect(publishing.slack.boards.at(-1)).toContain('one of two')
    await stores.phases.report(claim, 'two of two')
    // Just sent: the next edit waits for its turn, which is less than a pause away.
    expect(await publishing.publish(claim.run)).toBeGreaterThan(0)
    expect(publishing.slack.boards.at(-1)).not.toContain('two of two')
    // The phase began when the database says so, not a minute ago or in a minute.
    expect(publishing.slack.boards.at(-1)).not.toMatch(/Migrate.{0,20} (1m|-)/)
  })
})
