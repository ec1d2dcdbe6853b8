import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBot } from '../../sandbox/bot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const program = [process.execPath, '--import', 'tsx', 'src/main.ts'] as const

/** What the kernel shows of every process of Purser's that lives: of it, and of whatever it has started. */
describe.runIf(process.platform === 'linux')('the environment that others of Purser’s user can read', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld()
  })
  afterAll(() => world.close())

  const secrets = () =>
    Object.entries(world.sandbox.environment).filter(([name]) => /TOKEN|SECRET|KEY$|DATABASE_URL/.test(name))

  async function shown(pid: number): Promise<readonly string[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const parents = new Map<string, string>()
    for (const one of pids) {
      const status = await readFile(`/proc/${one}/status`, 'utf8').catch(() => '')
      parents.set(one, /^PPid:\s*(\d+)/m.exec(status)?.[1] ?? '')
    }
    const isOurs = (one: string | undefined): boolean =>
      one !== undefined && (one === String(pid) || isOurs(parents.get(one)))
    const environs = await Promise.all(
      pids.filter(isOurs).map((one) => readFile(`/proc/${one}/environ`, 'utf8').catch(() => '')),
    )
    expect(environs.join('')).toContain('PATH=')
    return secrets()
      .filter(([, value]) => environs.some((environ) => environ.includes(value)))
      .map(([name]) => name)
  }

  it('holds all secrets when they are plain variables, and the log names them', async () => {
    const bot = await world.startBot('plain')
    expect((await shown(bot.pid)).toSorted()).toEqual(
      secrets()
        .map(([name]) => name)
        .toSorted(),
    )
    expect(world.logs()).toMatch(/secrets stand in the environment.*SLACK_BOT_TOKEN.*give each as NAME_FILE/)
    await bot.stop()
  }, 180_000)

  it('holds none when scripts/start.sh hands them over, and signals reach Purser all the same', async () => {
    const log = join(world.sandbox.directory, 'handed-over.log')
    const bot = startBot({ ...world.sandbox.environment, PURSER_INSTANCE: 'handed' }, log, [
      'sh',
      'scripts/start.sh',
      ...program,
    ])
    await bot.ready
    expect(await shown(bot.pid)).toEqual([])
    expect(await readFile(log, 'utf8')).not.toContain('secrets stand in the environment')
    await world.succeeds('deploy v1.2.0 --dry-run')
    expect(await shown(bot.pid)).toEqual([])
    bot.kill('SIGTERM')
    expect(await bot.exited).toBe(0)
  }, 180_000)

  it('holds none when each comes as a file', async () => {
    const directory = join(world.sandbox.directory, 'secrets')
    await mkdir(directory, { mode: 0o700 })
    const names = secrets().map(([name]) => name)
    for (const [name, value] of secrets()) await writeFile(join(directory, name), `${value}\n`, { mode: 0o600 })
    const plain = Object.entries(world.sandbox.environment).filter(([name]) => !names.includes(name))
    const env = Object.fromEntries([...plain, ...names.map((name) => [`${name}_FILE`, join(directory, name)])])
    const log = join(world.sandbox.directory, 'files.log')
    const bot = startBot({ ...env, PURSER_INSTANCE: 'files' }, log)
    await bot.ready
    expect(await shown(bot.pid)).toEqual([])
    expect(await readFile(log, 'utf8')).not.toContain('secrets stand in the environment')
    await bot.stop()
  }, 180_000)
})
