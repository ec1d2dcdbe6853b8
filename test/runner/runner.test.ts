import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bubblewrapRunner, sharedRunner } from '../../src/adapters/runner/local.ts'
import type { Runner, WorkspaceCommand } from '../../src/adapters/runner/port.ts'
import { longestLine } from '../../src/adapters/runner/protocol.ts'
import { runnerAt } from '../../src/adapters/runner/socket.ts'
import { bubblewrapWorks, isRoot, type RunnerProcess, startRunner } from './runners.ts'

const never = new AbortController().signal
let directory: string
let archive: Buffer
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-runners-'))
  const files = join(directory, 'files')
  await mkdir(files)
  await writeFile(join(files, 'hello.sh'), '#!/bin/sh\necho hello from $(basename $PWD)\n', { mode: 0o755 })
  archive = await tarOf(files)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function tarOf(files: string): Promise<Buffer> {
  const tar = spawn('tar', ['-c', '-C', files, '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  tar.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => tar.once('close', resolve))
  return Buffer.concat(chunks)
}

async function checkout(to: Writable): Promise<void> {
  await new Promise<void>((resolve, reject) => to.write(archive, (error) => (error ? reject(error) : resolve())))
}

const opened = (runner: Runner, name = 'run-1', onWaiting?: () => void) =>
  runner.open({ name, checkout, ...(onWaiting === undefined ? {} : { onWaiting }) }, never)

const command = (argv: [string, ...string[]], more: Partial<WorkspaceCommand> = {}): WorkspaceCommand => ({
  argv,
  env: {},
  timeoutMs: 20_000,
  ...more,
})
const script = (text: string, more: Partial<WorkspaceCommand> = {}) => command(['sh', '-c', text], more)

function isAlive(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) [ZX] /.test(stat),
    () => false,
  )
}

let runners: readonly [string, boolean, () => Promise<Runner>, () => string][] = []
let listening: RunnerProcess | undefined
const workspaces = () => join(directory, 'workspaces')
runners = [
  ['Purser’s own user', true, async () => sharedRunner({ workspaces: workspaces(), secret: [] }, 'a test'), workspaces],
  [
    'bubblewrap',
    bubblewrapWorks,
    async () => {
      const runner = await bubblewrapRunner({ workspaces: workspaces(), secret: [], processes: 200 })
      if ('why' in runner) throw new Error(runner.why)
      return runner
    },
    workspaces,
  ],
  [
    'a runner with a user of its own',
    isRoot,
    async () => {
      listening ??= await startRunner(['--processes', '200'])
      return runnerAt(listening.socket)
    },
    () => listening?.workspace ?? '',
  ],
]
afterAll(async () => listening?.close())

describe.each(runners)('commands under %s', (name, possible, open, place) => {
  const confined = name !== 'Purser’s own user'

  it.runIf(possible)('run in the checkout, with their modes, and hand out lines and exit code', async () => {
    const workspace = await opened(await open())
    const lines: string[] = []
    const outcome = await workspace.run(
      script('./hello.sh; echo $GIVEN >&2; exit 3', { env: { GIVEN: 'yes' }, onLine: (line) => lines.push(line) }),
      never,
    )
    expect(outcome).toMatchObject({ exitCode: 3 })
    expect([...outcome.tail].sort()).toEqual(['hello from checkout', 'yes'])
    expect(lines.toSorted()).toEqual([...outcome.tail].sort())
    // The next command finds what this one has made.
    await workspace.run(script('echo made > there'), never)
    expect((await workspace.run(script('cat there'), never)).tail).toEqual(['made'])
    await workspace.close()
    await vi.waitFor(async () => expect(await readdir(place())).toEqual([]))
  })

  it.runIf(possible)('get a small environment, and nothing to read', async () => {
    const workspace = await opened(await open())
    const { tail } = await workspace.run(
      script('env | cut -d= -f1 | sort | tr "\\n" " "; cat', { env: { A: '1' } }),
      never,
    )
    const names = (tail[0] ?? '').trim().split(' ')
    expect(
      names.filter((one) => !['A', 'HOME', 'LANG', 'PATH', 'PWD', 'OLDPWD', 'SHLVL', '_', 'TMPDIR'].includes(one)),
    ).toEqual([])
    await workspace.close()
  })

  it.runIf(possible)('print 20 MB without being held in memory, cut or reordered', async () => {
    const workspace = await opened(await open())
    const { tail } = await workspace.run(script('seq 1 3000000; echo end'), never)
    expect(tail).toHaveLength(200)
    expect(tail.slice(-3)).toEqual(['2999999', '3000000', 'end'])
    await workspace.close()
  })

  it.runIf(possible)('are named when they are not there', async () => {
    const workspace = await opened(await open())
    await expect(workspace.run(command(['no-such-program']), never)).rejects.toMatchObject({
      code: 'command_not_found',
    })
    await expect(workspace.run(command(['./hello.txt']), never)).rejects.toMatchObject({ code: 'command_not_found' })
    // And the workspace goes on.
    expect((await workspace.run(command(['./hello.sh']), never)).exitCode).toBe(0)
    await workspace.close()
  })

  it.runIf(possible)('end at their time limit, with what they said last', async () => {
    const workspace = await opened(await open())
    await expect(
      workspace.run(script('echo still thinking; exec sleep 60', { timeoutMs: 500 }), never),
    ).rejects.toMatchObject({ code: 'command_timed_out', evidence: ['still thinking'] })
    expect((await workspace.run(command(['./hello.sh']), never)).exitCode).toBe(0)
    await workspace.close()
  })

  it.runIf(possible)('end when the run is cancelled, and the reason is rethrown', async () => {
    const workspace = await opened(await open())
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    const onLine = (): void => cancel.abort(reason)
    await expect(workspace.run(script('echo ready; exec sleep 60', { onLine }), cancel.signal)).rejects.toBe(reason)
    await workspace.close()
  })

  it.runIf(possible && confined)('leave nothing running, however far they go away', async () => {
    const workspace = await opened(await open())
    const away = `setsid sh -c 'sleep 77.7 & setsid sleep 77.7 & trap "" TERM; sleep 77.7' > /dev/null 2>&1 &`
    expect((await workspace.run(script(`${away} sleep 0.3; echo gone`), never)).tail).toEqual(['gone'])
    expect(await sleepers()).toEqual([])
    await workspace.close()
  })

  it.runIf(possible && confined)(
    'cannot fill the machine with processes',
    async () => {
      const workspace = await opened(await open())
      const bomb = workspace.run(script('b() { b | b & }; b; sleep 2; exec sleep 60', { timeoutMs: 4_000 }), never)
      await expect(bomb).rejects.toMatchObject({ code: 'command_timed_out' })
      expect((await workspace.run(command(['./hello.sh']), never)).exitCode).toBe(0)
      await workspace.close()
    },
    40_000,
  )

  it.runIf(possible)('that close their workspace to everybody leave it to be removed', async () => {
    const workspace = await opened(await open())
    await workspace.run(script('mkdir -p a/b; touch a/b/c; chmod 0 a/b a'), never)
    await workspace.close()
    await vi.waitFor(async () => expect(await readdir(place())).toEqual([]))
  })
})

async function sleepers(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((one) => /^\d+$/.test(one))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.startsWith('sleep\x0077.7'))
}

describe.runIf(isRoot)('a runner that listens', () => {
  let runner: RunnerProcess
  beforeAll(async () => {
    await listening?.close()
    listening = undefined
    runner = await startRunner()
  })
  afterAll(() => runner.close())

  it('takes one workspace at a time, and leaves the next nothing of the one before', async () => {
    const first = await opened(runnerAt(runner.socket))
    await first.run(
      script('echo secret > $HOME/left; echo secret > $TMPDIR/left; echo secret > /dev/shm/left-behind'),
      never,
    )
    let waited = false
    const second = opened(runnerAt(runner.socket), 'run-2', () => (waited = true))
    await vi.waitFor(() => expect(waited).toBe(true), { timeout: 5_000 })
    await first.close()
    const { tail } = await (await second).run(script('ls $HOME $TMPDIR /dev/shm | grep left || echo nothing'), never)
    expect(tail).toEqual(['nothing'])
    await (await second).close()
  })

  it('ends a command whose connection is lost, and its caller knows that the end is unknown', async () => {
    const lost = await opened(runnerAt(runner.socket))
    const running = lost.run(script('echo $$; exec sleep 66.6', { onLine: () => void lost.close() }), never)
    await expect(running).rejects.toMatchObject({ code: 'runner_lost', hint: expect.stringContaining('not known') })
    const next = await opened(runnerAt(runner.socket))
    expect((await next.run(script('ps -eo args 2>/dev/null | grep "[s]leep 66.6" || echo none'), never)).tail).toEqual([
      'none',
    ])
    await next.close()
  })

  it('cannot be looked into by its commands, which are the same user', async () => {
    const workspace = await opened(runnerAt(runner.socket))
    const look = `cat /proc/${runner.pid}/environ /proc/${runner.pid}/maps 2>&1; ls /proc/${runner.pid}/fd 2>&1; true`
    const { tail } = await workspace.run(script(look), never)
    expect(tail.join('\n')).toMatch(/Permission denied[^]*Permission denied[^]*Permission denied/)
    await workspace.close()
  })

  it.each<[string, string, RegExp]>([
    ['no hello', '{"type":"checkout-end"}\n', /isn't a hello/],
    ['another version', '{"type":"hello","version":7}\n', /speaks version 2, and Purser 7/],
    ['no JSON', 'GET / HTTP/1.1\n', /isn't JSON/],
    ['a message that there is not', '{"type":"shell","command":"id"}\n', /a message is none/],
    ['a field too many', '{"type":"hello","version":2,"uid":0}\n', /a message is none/],
    ['a line without an end', 'x'.repeat(longestLine + 2), /more than 262144 bytes/],
    [
      'a command before its checkout',
      '{"type":"hello","version":2}\n{"type":"run","argv":["id"],"env":{},"timeoutMs":1}\n',
      /out of turn/,
    ],
  ])('refuses %s, and serves the next', async (_, text, message) => {
    expect(await answerTo(text)).toMatch(message)
    const workspace = await opened(runnerAt(runner.socket))
    expect((await workspace.run(command(['./hello.sh']), never)).exitCode).toBe(0)
    await workspace.close()
  })

  it('ends when a command has put another socket in its place, so that nobody speaks to that', async () => {
    const own = await startRunner([], { beside: true })
    const workspace = await opened(runnerAt(own.socket))
    await workspace.run(script(`rm ${own.socket}; touch ${own.socket}`), never)
    await workspace.close()
    expect(await own.exited).toBe(70)
    await own.close()
  })

  it('says why a checkout cannot be unpacked', async () => {
    const broken = (to: Writable) =>
      new Promise<void>((resolve) => to.write(Buffer.alloc(300_000, 'no tar'), () => resolve()))
    await expect(runnerAt(runner.socket).open({ name: 'run-3', checkout: broken }, never)).rejects.toMatchObject({
      code: 'checkout_failed',
      message: expect.stringContaining('tar'),
    })
  })

  it('that a command has killed is lost, not well', async () => {
    const workspace = await opened(runnerAt(runner.socket))
    await expect(workspace.run(script(`kill -9 ${runner.pid}; sleep 60`), never)).rejects.toMatchObject({
      code: 'runner_lost',
    })
    await runner.exited
    // In a container its first process ends, and with it everybody; here that is the test's to do.
    await runner.close()
  })

  it('does not start beside others of its user: it would end them', async () => {
    const one = await startRunner()
    await expect(startRunner()).rejects.toThrow(/is not alone with it: node \(\d+\)/)
    expect(await isAlive(one.pid)).toBe(true)
    await one.close()
  })

  async function answerTo(text: string): Promise<string> {
    const socket = connect({ path: runner.socket })
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.on('error', () => undefined)
    socket.write(text)
    await new Promise((resolve) => socket.once('close', resolve))
    return answer
  }
})

it('a runner that is not there is said to be unreachable, and nothing was run', async () => {
  const soon = AbortSignal.timeout(1_000)
  await expect(runnerAt(join(directory, 'nobody')).open({ name: 'run-4', checkout }, soon)).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})
