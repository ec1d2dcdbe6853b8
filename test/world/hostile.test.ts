import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bubblewrapWorks } from '../runner/runners.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** The whole program, with a version that looks for its secrets; test/runner/hostile.test.ts tries each kind of runner. */
describe.runIf(bubblewrapWorks)('a hostile version under bubblewrap', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 2 })
    await world.startBot('purser')
  })
  afterAll(() => world.close())

  it('is deployed like any other, and what its tests found is nothing', async () => {
    const [outcome] = await world.plays('deploy v1.5.0-hostile')
    expect(outcome, world.logs()).toMatchObject({ ok: true })
    const printed = await world.printed()
    expect(printed).toContain('nothing: secrets in the environment of another process')
    expect(printed).toContain('nothing: backups to read')
    expect(printed).not.toContain('FOUND')
    expect(world.threads()).not.toContain('Nothing keeps the commands')
    expect(world.logs()).toContain('Commands run under bubblewrap')
    const data = join(world.sandbox.directory, 'data')
    expect(readdirSync(join(data, 'backups')).join()).not.toContain('hostile')
    expect(await readFile(join(data, 'mirror.git', 'config'), 'utf8')).not.toContain('hostile')
    expect(readdirSync(join(data, 'workspaces'))).toEqual([])
    // Nothing that it left behind runs.
    const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    const lines = await Promise.all(commands.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
    expect(lines.filter((line) => line.startsWith('sleep\x00611.5'))).toEqual([])
  }, 360_000)
})
