import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBot } from '../../sandbox/bot.ts'
import { isRoot, type RunnerProcess, startRunner } from '../runner/runners.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tries = ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--tmpfs', '/tmp', 'true'] as const
const canTry = isRoot && spawnSync(tries[0], tries.slice(1)).status === 0
if (!canTry) process.stderr.write('skipped: a tree that nobody can write needs root and bubblewrap\n')
if (!canTry && isRoot && process.env['CI'] !== undefined) throw new Error('CI must have bubblewrap: see .ci/run')

/** As the manifests start it: a runner beside it, `readOnlyRootFilesystem`, and the volumes of Purser's container. */
describe.runIf(canTry)('Purser where nothing can be written but its volumes', () => {
  let world: TestWorld
  let runner: RunnerProcess
  let home: string
  beforeAll(async () => {
    ;[world, runner] = await Promise.all([startTestWorld({ monitorSeconds: 2 }), startRunner()])
    home = mkdtempSync(join(tmpdir(), 'purser-home-'))
  })
  afterAll(async () => {
    await world.close()
    await runner.close()
    rmSync(home, { recursive: true, force: true })
  })

  it('deploys a version, and rolls it back', async () => {
    const { directory, environment } = world.sandbox
    const data = join(directory, 'data')
    mkdirSync(data, { recursive: true })
    const readOnly = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp']
    // What may lie below /tmp itself: this checkout, the world of the test, and a home without anything in it.
    const seen = [root, directory, home].flatMap((path) => ['--ro-bind', path, path])
    const volumes = ['--bind', data, data, '--bind', join(runner.socket, '..'), join(runner.socket, '..')]
    const log = join(directory, 'read-only.log')
    const bot = startBot(
      { ...environment, HOME: home, PURSER_INSTANCE: 'read-only', PURSER_RUNNER: runner.socket },
      log,
      [
        'bwrap',
        ...readOnly,
        ...seen,
        ...volumes,
        '--die-with-parent',
        '--chdir',
        root,
        '--',
        'sh',
        'scripts/start.sh',
        process.execPath,
        '--import',
        'tsx',
        'src/main.ts',
      ],
    )
    await bot.ready
    const outcomes = await world.plays('deploy v1.2.0; rollback')
    expect(outcomes).toEqual([expect.objectContaining({ ok: true }), expect.objectContaining({ ok: true })])
    await bot.stop()
  }, 240_000)
})
