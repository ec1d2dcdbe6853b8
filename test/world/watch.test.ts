import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onCallGroup, people } from '../../sandbox/people.ts'
import { snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('a release that logs errors', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 60 })
    await world.startBot('purser')
  })
  afterAll(() => world.close())

  const board = () => world.seenBy('dana').findLast((it) => it.includes('v1.3.0-noisy')) ?? ''
  const calledOut = () =>
    ['chat.postMessage', 'chat.update']
      .flatMap((method) => world.sandbox.slack.control.apiCalls(method))
      .filter(({ args }) => JSON.stringify(args).includes(onCallGroup.id)).length

  it('is caught while it is watched: those on call are asked once, with the lines, and its chart is on the board', async () => {
    await world.types('dana', '/billing deploy v1.3.0-noisy')
    await world.waitFor('the plan', () => board().includes('waiting for approval'))
    await world.presses('alex', 'approve')
    await world.waitFor('the breach', () => /: running – Error lines: \d+ \(at most 0 allowed\)/.test(board()), 360_000)
    expect(board()).toMatch(/\d+ samples in a row, found at/)
    expect(board()).toMatch(/\[Roll back…\] \[Keep monitoring\] \[Stop and fail\]/)
    expect(board()).toMatch(/\[chart\] Metrics while monitoring\n\s+Errors per minute/)
    expect(board()).not.toContain('Webhooks processed: 0:00')
    expect(board()).toContain('Monitoring continues until')
    await world.waitFor('the alert', () => calledOut() === 1)
    expect(world.threads()).toContain('"level":"error","msg":"billing currency rates refresh failed"')
  }, 540_000)

  it('goes on while nobody decides; only an approver keeps it going', async () => {
    await world.presses('sam', 'keep_watching')
    await world.waitFor('a refusal', () => (world.toldOnly('sam') ?? '').includes("You can't approve"))
    await world.presses('alex', 'keep_watching')
    await world.waitFor('the decision', () => board().includes('@Alex keeps monitoring'))
    expect(board()).toMatch(/\[Roll back…\] \[Stop and fail\]/)
    expect(board()).not.toContain('[Keep monitoring]')
  }, 90_000)

  it('is rolled back from there: the watch ends, and a run of its own puts everything back', async () => {
    const { control } = world.sandbox.slack
    await world.presses('dana', 'roll_back')
    const dialog = () => control.openView(people.dana.id)
    await world.waitFor('the dialog', () => dialog()?.['submit'] !== undefined)
    await control.submitView(people.dana.id, { reason: { reason: 'the rates are not there' } })
    await world.waitFor('the rollback', () => (world.seenBy('dana').at(-1) ?? '').includes('production: succeeded'))
    const runs = await world.state(
      'select kind, status, requested_by, reason, parent::int from purser.runs order by number',
    )
    expect(runs).toEqual([
      expect.objectContaining({ kind: 'deploy', status: 'failed' }),
      {
        kind: 'rollback',
        status: 'succeeded',
        requested_by: people.dana.id,
        reason: 'the rates are not there',
        parent: 1,
      },
    ])
    const { image, cronJobs } = snapshotOf(world)
    expect({ image, cronJobs }).toEqual({ image: 'valuecanvas/api:v1.1.0', cronJobs: [] })
    // The breach has called them; the end of the watch does not call them again.
    expect(calledOut()).toBe(1)
  }, 180_000)
})
