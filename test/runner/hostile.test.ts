import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/adapters/git/repository.ts'
import type { Repository } from '../../src/adapters/git/port.ts'
import { bubblewrapRunner, sharedRunner } from '../../src/adapters/runner/local.ts'
import type { Runner } from '../../src/adapters/runner/port.ts'
import { runnerAt } from '../../src/adapters/runner/socket.ts'
import { buildServiceRepository } from '../../sandbox/valuecanvas/repository.ts'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { commitVersion } from '../valuecanvas/new-version.ts'
import { bubblewrapWorks, isRoot, type RunnerProcess, startRunner } from './runners.ts'

/*
 * A machine on which everything is there that Purser has: its process with secrets, data with backups and a mirror, a
 * kubeconfig, a token, files of secrets. A version that was told of all of it looks for it from each kind of runner.
 */

const never = new AbortController().signal
const hostile = (file: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../sandbox/valuecanvas/versions/v1.5.0-hostile/scripts/${file}`, import.meta.url)),
    'utf8',
  )

let directory: string
let data: string
let purser: ChildProcess
let database: Server
let repository: Repository
let commit: string
let runner: RunnerProcess | undefined

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-hostile-'))
  data = join(directory, 'data')
  for (const path of ['data/backups', 'data/workspaces', 'home/.kube', 'secrets'])
    await mkdir(join(directory, path), { recursive: true, mode: 0o700 })
  const files = {
    'data/backups/backup.dump.json': '{}',
    'home/.kube/config': 'kind: Config',
    'secrets/token': 'eyJ',
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text, { mode: 0o600 })
  const env = { PATH: process.env['PATH'], SLACK_BOT_TOKEN: 'xoxb-hunter2', STATE_DATABASE_URL: 'postgres://hunter2' }
  purser = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env, stdio: 'ignore' })
  database = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve))
  const address = database.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const origin = await buildServiceRepository({ directory: join(directory, 'origin.git') })
  const targets = {
    data: [data],
    kubeconfig: [join(directory, 'home/.kube/config')],
    token: [join(directory, 'secrets/token')],
    files: [join(directory, 'secrets')],
    pids: [purser.pid],
    ports: [port],
    sleep: 622.5,
  }
  commit = await commitVersion(origin.url, 'v1.5.1-hostile', {
    'scripts/test.mjs': hostile('test.mjs'),
    'scripts/thief.mjs': hostile('thief.mjs'),
    'targets.json': JSON.stringify(targets),
  })
  repository = openRepository({ url: origin.url, mirrorDirectory: join(data, 'mirror.git') })
  await repository.tags(never)
}, 60_000)
afterAll(async () => {
  purser.kill('SIGKILL')
  database.close()
  await runner?.close()
  await rm(directory, { recursive: true, force: true })
})

async function looks(from: Runner): Promise<readonly string[]> {
  const workspace = await from.open(
    { name: 'run-1', checkout: (to, signal) => repository.archive(commit, to, signal) },
    never,
  )
  const lines: string[] = []
  try {
    const argv = ['npm', 'test', '--', '--run', 'src/config/__tests__/billing.test.ts'] as const
    const outcome = await workspace.run(
      { argv: [...argv], env: { CI: 'true' }, timeoutMs: 60_000, onLine: (line) => lines.push(line) },
      never,
    )
    expect(outcome, lines.join('\n')).toMatchObject({ exitCode: 0 })
  } finally {
    await workspace.close()
  }
  return lines
}

const found = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('FOUND ')).map((line) => line.replace(/^FOUND ([^:]*).*$/, '$1'))

async function leftBehind(): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const commands = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  )
  return commands.filter(([, command]) => command.startsWith('sleep\x00622.5')).map(([pid]) => pid)
}

const mirrorConfig = () => readFile(join(data, 'mirror.git', 'config'), 'utf8')

describe('a hostile version', () => {
  it('finds everything when it runs as Purser’s own user: that is what is said of it', async () => {
    const from = sharedRunner({ workspaces: join(data, 'workspaces'), secret: [] }, 'a test')
    const lines = await looks(from)
    expect(found(lines)).toEqual(
      expect.arrayContaining([
        'secrets in the environment of another process',
        'a kubeconfig',
        'the token of a service account',
        'files of secrets',
        'backups to read',
        'backups to write',
        'the configuration of the mirror to write',
        'a hook of the mirror to write',
        'a process of somebody else to signal',
      ]),
    )
    // And yet not all of it lasts: what git obeys is put back before git is asked again.
    expect(await mirrorConfig()).toContain('hostile')
    await repository.tags(never)
    expect(await mirrorConfig()).not.toContain('hostile')
    await rm(join(data, 'backups', 'hostile'))
    const left = await leftBehind()
    expect(left).not.toEqual([])
    for (const pid of left) process.kill(pid, 'SIGKILL')
  }, 60_000)

  const confined: readonly [string, boolean, () => Promise<Runner>][] = [
    [
      'under bubblewrap',
      bubblewrapWorks,
      async () => {
        const secret = [data, join(directory, 'secrets'), join(directory, 'home/.kube/config')]
        const made = await bubblewrapRunner({ workspaces: join(data, 'workspaces'), secret, processes: 300 })
        if ('why' in made) throw new Error(made.why)
        return made
      },
    ],
    [
      'in a runner with a user of its own',
      isRoot,
      async () => {
        runner ??= await startRunner(['--processes', '300'])
        return runnerAt(runner.socket)
      },
    ],
  ]

  it.each(confined.filter(([, possible]) => possible))(
    'comes home with nothing %s',
    async (_, __, open) => {
      const lines = await looks(await open())
      expect(found(lines), lines.join('\n')).toEqual([])
      // It did try, and its own tests have run.
      expect(lines.filter((line) => line.startsWith('nothing: ')).length).toBeGreaterThan(10)
      expect(lines.join('\n')).toMatch(/left behind: sleep 622\.5[^]*pass \d[^]*bomb: at most 300 processes/)
      expect(await leftBehind()).toEqual([])
      expect((await readdir(join(data, 'backups'))).toSorted()).toEqual(['backup.dump.json'])
      expect(await mirrorConfig()).not.toContain('hostile')
      // The network is not promised, and docs/runner.md says so.
      expect(lines.join('\n')).toMatch(/network: 127\.0\.0\.1:\d+ reached/)
    },
    90_000,
  )
})
