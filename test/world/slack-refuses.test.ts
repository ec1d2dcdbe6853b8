import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { startTestWorld, type TestWorld } from './test-world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startTestWorld({ monitorSeconds: 3 })
  await world.startBot('purser')
}, 180_000)
afterEach(() => world.sandbox.slack.control.clearFaults())
afterAll(() => world.close())

const fault = (method: string, error: string) => world.sandbox.slack.control.setFault({ method, error })
const newest = async () => (await world.state('select number::int, status from purser.runs order by number desc'))[0]
const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

it.each([
  ['not_in_channel', '/invite'],
  ['channel_not_found', 'invite the bot'],
  ['is_archived', 'Unarchive'],
  ['restricted_action_read_only_channel', 'posting permissions'],
])('whoever asks where Slack says %s is told why and what to do, and no run waits unseen', async (error, remedy) => {
  fault('chat.postMessage', error)
  const before = Number((await newest())?.['number'] ?? 0)
  await world.types('dana', '/billing deploy v1.2.0')
  await world.waitFor('the answer', () => world.toldOnly('dana')?.includes(error) === true)
  expect(world.toldOnly('dana')).toContain(remedy)
  expect(world.toldOnly('dana')).toContain(`Run #${before + 1} can't be shown here`)
  await expect.poll(newest, { timeout: 60_000 }).toEqual({ number: before + 1, status: 'cancelled' })
})

it('a dialog that comes too late is said, not swallowed', async () => {
  fault('views.open', 'expired_trigger_id')
  await world.types('dana', '/billing lock')
  await world.waitFor('the answer', () => world.toldOnly('dana')?.includes("didn't open the dialog") === true)
})

it('a deploy is told to its end while Slack refuses three posts and edits in ten', async () => {
  world.sandbox.slack.control.refuseAtRandom({ seed: 2, rate: 0.3 })
  expect(await world.plays('deploy v1.2.0')).toMatchObject([{ ok: true, ran: true }])
  const refused = ['chat.postMessage', 'chat.update']
    .flatMap((method) => world.sandbox.slack.control.apiCalls(method))
    .filter(({ answer }) => answer['ok'] === false)
    .map(({ answer }) => String(answer['error']))
  const forGood = refused.filter((error) => /^(invalid_blocks|msg_blocks_too_long|msg_too_long)$/.test(error))
  expect(forGood.length).toBeGreaterThan(0)
  expect(refused.length).toBeGreaterThan(forGood.length)
  expect(world.threads()).toContain('approved run')
}, 240_000)

it('a run whose board cannot be edited is told in its thread, by the status, and by the board once it can be', async () => {
  await world.types('dana', '/billing deploy v1.3.0-crash')
  await world.waitFor('the plan', () => board().includes('waiting for approval'))
  fault('chat.update', 'msg_blocks_too_long')
  await world.presses('alex', 'approve')
  await expect.poll(async () => (await newest())?.['status'], { timeout: 120_000 }).toBe('failed')
  await world.waitFor('those on call to be called', () => world.threads().includes('failed at'))
  // Every edit is refused in every form: the thread tells, and the status says what is wrong with the board.
  await world.types('dana', '/billing status')
  await world.waitFor(
    'the refusal in the status',
    () => world.toldOnly('dana')?.includes('msg_blocks_too_long') === true,
  )
  world.sandbox.slack.control.clearFaults()
  await world.state(`update purser.runs set board_retry_at = now() where board_retry_at > now()`)
  await world.waitFor('the board to catch up', () => board().includes('failed'))
}, 400_000)
