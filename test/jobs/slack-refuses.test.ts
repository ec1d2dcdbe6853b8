import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SlackCode, SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { OutgoingMessage } from '../../src/adapters/slack/port.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { verification } from '../messages/example-runs.ts'
import { Publishing } from './publishing.ts'

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

const note = (text: string): ThreadPost => ({ kind: 'note', text })
const output = (count: number): ThreadPost => ({
  kind: 'output',
  title: 'npm test',
  lines: Array.from({ length: count }, (_, at) => `line ${at}`),
})
const breach: ThreadPost = {
  kind: 'breach',
  text: 'errors: 9, at most 0',
  evidence: [],
  onCall: 'S01ONCALL',
  automatic: false,
}
const failure: ThreadPost = {
  kind: 'failed',
  phase: 'migrate',
  failure: { code: 'command_failed', message: 'running a migration: no', evidence: [] },
  onCall: 'S01ONCALL',
}

const refusal = (code: SlackCode, evidence: readonly string[] = []) =>
  new SlackTrouble(code, `posting to CDEPLOYS: Slack says ${code}`, { evidence, hint: 'Mend it.' })
const has = (message: OutgoingMessage, type: string) => (message.blocks ?? []).some((block) => block.type === type)
const aboutTheMessage: readonly SlackCode[] = [
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'msg_too_long',
  'slack_refused',
]
const aboutTheChannel: readonly SlackCode[] = [
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'restricted_action',
  'token_revoked',
  'account_inactive',
  'missing_scope',
  'invalid_auth',
  'not_authed',
]

describe('a board that Slack does not take', () => {
  it.each(aboutTheMessage)('is shown in a plainer form that has the buttons (%s)', async (code) => {
    const run = await stores.waiting()
    publishing.slack.refuses = (message) => (has(message, 'rich_text') ? refusal(code) : undefined)
    await publishing.publishAll(run.number)
    expect(publishing.slack.boards.at(-1)).toContain('waiting for approval')
    expect(publishing.slack.boards.at(-1)).toContain('"action_id":"approve"')
    expect(await stores.boards.refusals(['production'])).toMatchObject([
      { run: run.number, refusal: { code, of: 'message' } },
    ])
  })

  it('is shown as text alone when nothing else is taken', async () => {
    const run = await stores.waiting()
    publishing.slack.refuses = ({ blocks }) => (blocks === undefined ? undefined : refusal('invalid_blocks'))
    await publishing.publishAll(run.number)
    expect(publishing.slack.boards.at(-1)).toContain('waiting for approval')
  })

  it('says, decision by decision, how the run stands while a fault lasts, and is whole again after it', async () => {
    const claim = await publishing.published()
    publishing.slack.refuses = (message) =>
      has(message, 'header') ? refusal('invalid_blocks', ['[ERROR] no header']) : undefined
    await stores.phases.post(claim, failure)
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'migrate' }, {})
    await publishing.publishAll(claim.run)
    expect(publishing.slack.boards.at(-1)).toContain('failed at')
    expect(publishing.slack.boards.at(-1)).toContain('retry_phase')
    expect(publishing.slack.boards.at(-1)).not.toContain('"header"')
    const [told] = await stores.boards.refusals(['production'])
    expect(told?.refusal).toMatchObject({ code: 'invalid_blocks', details: ['[ERROR] no header'], hint: 'Mend it.' })

    publishing.slack.refuses = () => undefined
    expect(await stores.sweeps.unpublished()).toEqual([])
    await publishing.pausePasses(15)
    expect(await stores.sweeps.unpublished()).toEqual([claim.run])
    await publishing.publishAll(claim.run)
    expect(publishing.slack.boards.at(-1)).toContain('"header"')
    expect(await stores.boards.refusals(['production'])).toEqual([])
    await publishing.pausePasses()
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it('and cannot be edited, young as it is, is not posted anew with every change; the thread tells', async () => {
    const { run, ...claim } = await publishing.published()
    await stores.pool.query(`update purser.runs set board_ts = extract(epoch from now())::text where number = $1`, [
      run,
    ])
    publishing.slack.refuses = (_, way) => (way === 'update' ? refusal('edit_window_closed') : undefined)
    await stores.phases.post({ run, ...claim }, failure)
    for (const line of ['migration 1', 'migration 2']) {
      await stores.phases.report({ run, ...claim }, line)
      await publishing.publish(run)
      await stores.pool.query(`update purser.runs set board_posted_at = now() - interval '10 seconds'`)
    }
    expect(publishing.slack.boards).toEqual([])
    expect(publishing.slack.thread).toEqual([expect.stringContaining('<!subteam^S01ONCALL>')])
  })

  it('and whose every edit is refused leaves the thread to tell, and catches up', async () => {
    const claim = await publishing.published()
    publishing.slack.refuses = (_, way) => (way === 'update' ? refusal('msg_blocks_too_long') : undefined)
    await stores.phases.post(claim, failure)
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'migrate' }, {})
    await publishing.publish(claim.run)
    expect(publishing.slack.thread).toEqual([expect.stringContaining('<!subteam^S01ONCALL>')])
    expect(await stores.boards.refusals(['production'])).toMatchObject([{ refusal: { of: 'message' } }])
    publishing.slack.refuses = () => undefined
    await publishing.pausePasses(15)
    await publishing.publishAll(claim.run)
    expect(publishing.slack.boards.at(-1)).toContain('failed at')
  })

  it('is offered from where it was taken, not from the top with every edit', async () => {
    const claim = await publishing.published()
    let refused = 0
    publishing.slack.refuses = (message) => {
      if (!has(message, 'header')) return undefined
      refused += 1
      return refusal('invalid_blocks')
    }
    // Three edits within the minute after which the whole of it is tried again.
    for (const line of ['migration 1', 'migration 2', 'migration 3']) {
      await stores.phases.report(claim, line)
      await publishing.publish(claim.run)
      await stores.pool.query(`update purser.runs set board_posted_at = now() - interval '10 seconds'`)
    }
    expect(publishing.slack.boards).toHaveLength(3)
    // Whole, and with plain blocks, which have the header too.
    expect(refused).toBe(2)
  })

  it('goes on where it was when Slack asks to wait between two forms', async () => {
    const run = await stores.waiting()
    publishing.slack.refusals.push(refusal('invalid_blocks'), new SlackTrouble('ratelimited', 'x', { transient: true }))
    expect(await publishing.publish(run.number)).toBe(2_000)
    const before = await stores.boards.board(run.number)
    expect(before.refusal?.rung).toBeGreaterThan(0)
    await publishing.publishAll(run.number)
    expect(publishing.slack.boards.length).toBeGreaterThan(0)
  })

  it.each<SlackCode>(['message_not_found', 'cant_update_message', 'edit_window_closed'])(
    'and cannot be edited any more is posted anew (%s)',
    async (code) => {
      const { run } = await publishing.published()
      const { ts } = await stores.boards.board(run)
      publishing.slack.refuses = (_, way) => (way === 'update' ? refusal(code) : undefined)
      await stores.runs.apply(run, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
      await publishing.publishAll(run)
      expect(publishing.slack.boards.at(-1)).toContain('being cancelled')
      expect((await stores.boards.board(run)).ts).not.toBe(ts)
    },
  )
})

describe('a channel in which nothing can be said', () => {
  it.each(aboutTheChannel)('ends a run that nobody has seen and that waits (%s)', async (code) => {
    const { run } = await stores.create()
    publishing.slack.refuses = () => refusal(code)
    expect(await publishing.publish(run.number)).toBeUndefined()
    expect(await stores.runs.get(run.number)).toMatchObject({ status: 'cancelled' })
    expect((await stores.boards.board(run.number)).refusal).toMatchObject({ code, of: 'channel', hint: 'Mend it.' })
    await publishing.pausePasses(60)
    expect(await stores.sweeps.unpublished()).toEqual([])
  })

  it.each(aboutTheChannel)('stops no run that is under way; all is told once it can be (%s)', async (code) => {
    const claim = await publishing.published()
    publishing.slack.refuses = () => refusal(code)
    await stores.phases.post(claim, note('one'))
    await stores.phases.post(claim, failure)
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'migrate' }, {})
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect(await publishing.publish(claim.run)).toBeUndefined()
    expect((await stores.runs.get(claim.run)).status).toBe('failed')
    // Not asked again at once, but soon.
    expect(await stores.sweeps.unpublished()).toEqual([])
    publishing.slack.refuses = () => undefined
    await publishing.pausePasses()
    expect(await stores.sweeps.unpublished()).toEqual([claim.run])
    await publishing.publishAll(claim.run)
    expect(publishing.slack.boards.at(-1)).toContain('failed at')
    expect(publishing.slack.thread[0]).toContain('<!subteam^S01ONCALL>')
    expect(publishing.slack.thread).toContain('one')
    expect(await stores.boards.refusals(['production'])).toEqual([])
  })

  it('is asked ever more rarely, and not for ever', async () => {
    const { run } = await publishing.published()
    publishing.slack.refuses = () => refusal('is_archived')
    await stores.runs.apply(run, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
    for (const minutes of [1, 2, 4, 8, 15, 15]) {
      expect([minutes, await stores.sweeps.unpublished()]).toEqual([minutes, [run]])
      await publishing.publish(run)
      await publishing.pausePasses(minutes - 0.5)
      expect([minutes, await stores.sweeps.unpublished()]).toEqual([minutes, []])
      await publishing.pausePasses(0.6)
    }
    const claim = { run }
    await stores.pool.query(
      `update purser.runs set status = 'cancelled', finished_at = now() - interval '25 hours' where number = $1`,
      [claim.run],
    )
    await publishing.publish(run)
    await publishing.pausePasses(10_000)
    expect(await stores.sweeps.unpublished()).toEqual([])
  })
})

describe('a post that Slack does not take', () => {
  it('is posted in a plainer form', async () => {
    const claim = await publishing.published()
    publishing.slack.refuses = (message) => (has(message, 'table') ? refusal('invalid_blocks') : undefined)
    await stores.runs.post(claim.run, { kind: 'verification', verification })
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toHaveLength(1)
    expect(publishing.slack.blocks.join()).toContain(verification.counts[0]?.title)
  })

  it('is lost only when even its text is refused, and none beside it', async () => {
    const claim = await publishing.published()
    for (const text of ['one', 'two', 'three']) await stores.phases.post(claim, note(text))
    publishing.slack.refuses = ({ text }) => (text === 'one' ? refusal('invalid_blocks') : undefined)
    await publishing.publish(claim.run)
    expect((await stores.boards.refusals(['production']))[0]?.refusal.times).toBeGreaterThan(1)
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual(['two', 'three'])
  })

  it('and calls people is never lost', async () => {
    const claim = await publishing.published()
    publishing.slack.refuses = ({ text }) => (text.includes('at most 0') ? refusal('invalid_blocks') : undefined)
    await stores.phases.post(claim, breach)
    await publishing.publish(claim.run)
    expect(publishing.slack.thread).toEqual([])
    publishing.slack.refuses = () => undefined
    await publishing.pausePasses(15)
    await publishing.publishAll(claim.run)
    expect(publishing.slack.thread).toEqual([expect.stringContaining('<!subteam^S01ONCALL>')])
  })

  it('and calls people does not wait behind the output of tests', async () => {
    const claim = await publishing.published()
    for (let at = 0; at < 5; at += 1) await stores.phases.post(claim, output(40))
    await stores.phases.post(claim, failure)
    await publishing.publish(claim.run)
    expect(publishing.slack.thread).toEqual([expect.stringContaining('<!subteam^S01ONCALL>')])
  })
})

describe('a message that Purser itself cannot draw', () => {
  it('becomes a short one with the buttons, and so does a post', async () => {
    const run = await stores.waiting()
    await stores.pool.query(`update purser.runs set plan = '{"kind": "deploy", "migrations": 7}' where number = $1`, [
      run.number,
    ])
    await stores.runs.post(run.number, { kind: 'plan' })
    await publishing.publishAll(run.number)
    expect(publishing.slack.boards.at(-1)).toContain("couldn't be shown")
    expect(publishing.slack.boards.at(-1)).toContain('approve')
    expect(publishing.slack.thread.join()).toContain("couldn't be shown")
  })
})

/** One of each kind of post that is a message of its own. */
const everyPost: readonly ThreadPost[] = [
  { kind: 'plan' },
  { kind: 'approval_request', approvers: ['S01APPROVERS'] },
  { kind: 'decision', user: 'UALEX', decision: 'retried' },
  output(3),
  note('one'),
  failure,
  { kind: 'replanned', phase: 'migrate', failure: { code: 'plan_outdated', message: 'a: b', evidence: ['x'] } },
  breach,
  { kind: 'verification', verification },
  { kind: 'audit_head', sequence: 1, hash: 'a'.repeat(64) },
]

describe('every post gets through every refusal of its forms', () => {
  it.each(everyPost.map((post) => [post.kind, post] as const))('%s', async (_, post) => {
    const claim = await publishing.published()
    for (const code of aboutTheMessage) {
      publishing.slack.refuses = ({ blocks }) => (blocks === undefined ? undefined : refusal(code))
      publishing.forget()
      await stores.phases.post(claim, post)
      await publishing.publish(claim.run)
      expect([code, publishing.slack.thread.length]).toEqual([code, 1])
      await publishing.pausePasses()
    }
  })
})
