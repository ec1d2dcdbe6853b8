import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { revisionOf, snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('killing Purser with kill -9 in the middle of a deploy', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 4 })
  })
  afterAll(() => world.close())

  it('ends well, phase after phase, with no effect twice and no board left lying', async () => {
    let bot = await world.startBot('first')
    await world.types('dana', '/billing deploy v1.2.0')
    await world.waitFor('the plan', () => (world.seenBy('dana').at(-1) ?? '').includes('waiting for approval'))
    await world.presses('alex', 'approve')
    const finished = new Map<string, string>()
    for (const [index, phase] of ['preflight', 'rollout', 'monitor'].entries()) {
      await until(async () => statusOf(phase), ['running', 'succeeded'])
      bot.kill('SIGKILL')
      await bot.exited
      for (const step of await finishedSteps()) finished.set(step.name, step.at)
      bot = await world.startBot(`after-${index}`)
    }
    await world.waitFor('the end', () => (world.seenBy('dana').at(-1) ?? '').includes(': succeeded'), 360_000)

    // What had finished before a kill was not done again: its record is the one of then.
    expect(finished.size).toBeGreaterThan(5)
    const now = new Map((await finishedSteps()).map((step) => [step.name, step.at]))
    for (const [name, at] of finished) expect({ name, at: now.get(name) }).toEqual({ name, at })
    // One image change, one dump, one endpoint.
    expect(revisionOf(world)).toBe('2')
    expect((await readdir(world.sandbox.backups)).filter((name) => name.endsWith('.dump'))).toHaveLength(1)
    expect(
      await world.service('select version, count(*)::int from purser.migrations group by 1 having count(*) > 1'),
    ).toEqual([])
    expect(snapshotOf(world).endpoints).toEqual([expect.objectContaining({ status: 'enabled', events: 38 })])
    const boards = world.seenBy('dana').filter((it) => it.includes('v1.2.0 → production'))
    expect(boards).toHaveLength(1)
    expect(boards[0]).toContain('7 of 7 success criteria are met')
    expect((await world.audit()).lines).toContain('No problems found.')
  }, 720_000)

  async function finishedSteps(): Promise<readonly { name: string; at: string }[]> {
    const rows = await world.state(
      `select phase, name, finished_at::text from purser.steps where finished_at is not null`,
    )
    return rows.map((row) => ({
      name: `${String(row['phase'])}/${String(row['name'])}`,
      at: String(row['finished_at']),
    }))
  }

  async function statusOf(phase: string): Promise<string> {
    const rows = await world.state(`select status from purser.phases where run = 1 and name = '${phase}'`)
    return String(rows[0]?.['status'])
  }

  async function until(look: () => Promise<string>, wanted: readonly string[]): Promise<void> {
    const deadline = Date.now() + 90_000
    while (!wanted.includes(await look())) {
      if (Date.now() > deadline) throw new Error(`waited 90 s for ${wanted.join(' or ')}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
})
