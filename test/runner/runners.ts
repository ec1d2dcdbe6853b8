import { spawn, spawnSync } from 'node:child_process'
import { chmod, chown, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { bubblewrapRunner } from '../../src/adapters/runner/local.ts'

/*
 * What keeps commands apart needs rights that not every machine gives: another user needs root, bubblewrap needs
 * namespaces. What cannot be tried is skipped, with the reason; on CI one of them must be there.
 */

export const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const probe = await bubblewrapRunner({ workspaces: join(tmpdir(), 'purser-probe'), secret: [] })
export const bubblewrapWorks = !('why' in probe)

if (!isRoot) skipped('a runner with another user needs root')
if ('why' in probe) skipped(probe.why)
if (process.env['CI'] !== undefined && !isRoot && !bubblewrapWorks)
  throw new Error('CI must have root or a bubblewrap that works: see .ci/run')

function skipped(why: string): void {
  process.stderr.write(`skipped: ${why}\n`)
}

/** Users of whom this machine has nothing. */
const [stranger, anotherStranger] = [64_111, 64_112]
const root = fileURLToPath(new URL('../..', import.meta.url))

export interface RunnerProcess {
  readonly pid: number
  readonly socket: string
  /** The directory in which it makes workspaces. */
  readonly workspace: string
  readonly user: number
  /** Everything that it has logged. */
  log(): string
  readonly exited: Promise<number | null>
  close(): Promise<void>
}

/** The runner as its container runs it: another user, no new rights, a Node that its commands cannot read the memory of. */
export async function startRunner(options: readonly string[] = [], { beside = false } = {}): Promise<RunnerProcess> {
  const user = beside ? anotherStranger : stranger
  const directory = await mkdtemp(join(tmpdir(), 'purser-runner-'))
  await chmod(directory, 0o755)
  const program = await bundled(directory)
  const node = join(directory, 'node')
  await copyFile(process.execPath, node)
  await chmod(node, 0o711)
  const [workspace, run] = [join(directory, 'workspace'), join(directory, 'run')]
  for (const path of [workspace, run]) {
    await mkdir(path, { mode: 0o700 })
    await chown(path, user, user)
  }
  const socket = join(run, 'socket')
  const as = [
    `--reuid=${user}`,
    `--regid=${user}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--no-new-privs',
  ]
  // setpriv still has root's rights when it starts a program, and may read it: the shell between them has none.
  const child = spawn(
    'setpriv',
    [
      ...as,
      'sh',
      '-c',
      'exec "$0" "$@"',
      node,
      program,
      '--socket',
      socket,
      '--workspace',
      workspace,
      '--scratch',
      '/dev/shm',
      ...options,
    ],
    { cwd: '/', env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('listening')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`the runner ended with ${code}: ${log}`)))
  })
  return {
    pid: child.pid ?? -1,
    socket,
    workspace,
    user,
    log: () => log,
    exited,
    close: async () => {
      child.kill('SIGKILL')
      await exited
      spawnSync('setpriv', [`--reuid=${user}`, '--clear-groups', 'sh', '-c', 'kill -9 -1'])
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** One file that another user can read, wherever the sources are: no loader, and nothing of this checkout. */
async function bundled(directory: string): Promise<string> {
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      ssr: join(root, 'src/runner/main.ts'),
      outDir: join(directory, 'program'),
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'main.mjs' } },
    },
    ssr: { noExternal: true },
  })
  return join(directory, 'program', 'main.mjs')
}
