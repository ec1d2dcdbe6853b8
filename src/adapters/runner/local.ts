import { type ChildProcess, spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { confinedArgv, seenProgram, type View, viewOfMachine, workspacePath } from './bubblewrap.ts'
import { LastWords } from '../../outside-text/excerpt.ts'
import { RunnerError } from './errors.ts'
import type { Runner, WorkspaceRequest } from './port.ts'
import { type Connection, openSession } from './session.ts'
import { within } from './socket.ts'

/*
 * Where no runner stands beside Purser, it starts one for each workspace as a child: under bubblewrap where that works, else
 * as Purser's own user, which keeps nothing from a command but the environment. Both speak the same protocol.
 */

/** The user whom commands run as under bubblewrap when Purser is root: no machine has one of this number. */
const strangersId = 64_110
/** The same for the sources, as tests and sandbox run them, and for what was compiled. */
const entry = fileURLToPath(new URL(`../../runner/main${extname(import.meta.url)}`, import.meta.url))
const packageRoot = dirname(dirname(dirname(entry)))
const loader = entry.endsWith('.ts') ? ['--import', 'tsx'] : []
const probeMs = 20_000
const endMs = 15_000

interface LocalOptions {
  /** The directory in which each run gets its workspace. */
  readonly workspaces: string
  /** What no command may see: data and backups, kubeconfig, files of secrets. */
  readonly secret: readonly string[]
  /** How many processes and threads the commands of a workspace may have. */
  readonly processes?: number
}

/** Commands as Purser's own user: its files and what the machine shows of its process are theirs to read. */
export function sharedRunner({ workspaces, processes }: LocalOptions, because: string): Runner {
  return {
    isolation: { kind: 'none', sentence: `Commands run as Purser's own user and can read what it reads: ${because}.` },
    open: (request, signal) =>
      inDirectory(workspaces, undefined, request, signal, (directory) => ({
        argv: [
          process.execPath,
          ...loader,
          entry,
          '--stdio',
          '--shared',
          '--workspace',
          directory,
          ...limits(processes),
        ],
        cwd: packageRoot,
        env: inherited(['PATH', 'HOME', 'LANG', 'TMPDIR']),
      })),
  }
}

/** Returns a runner under bubblewrap, or why there is none: only a try tells whether namespaces can be made here. */
export async function bubblewrapRunner(options: LocalOptions): Promise<Runner | { readonly why: string }> {
  const user = process.getuid?.() === 0 ? strangersId : undefined
  const parts = [entry.endsWith('.ts') ? 'src' : 'dist', 'node_modules', 'package.json']
  const secret = [...options.secret, homedir(), '/var/run/secrets']
  const view = await viewOfMachine({ packageRoot, parts, secret })
  const why = await tryOnce(view, user)
  if (why !== undefined) return { why }
  return {
    isolation: {
      kind: 'bubblewrap',
      sentence:
        'Commands run under bubblewrap: they see their checkout and the programs of this machine, and nothing else of it.',
    },
    open: (request, signal) =>
      inDirectory(options.workspaces, user, request, signal, (directory) => ({
        argv: confinedArgv({ view, workspace: directory, user }, [
          ...program,
          '--stdio',
          '--workspace',
          workspacePath,
          ...limits(options.processes),
        ]),
        cwd: '/',
        env: inherited(['PATH', 'LANG']),
      })),
  }
}

function limits(processes: number | undefined): readonly string[] {
  return processes === undefined ? [] : ['--processes', String(processes)]
}

const program = [process.execPath, ...loader, seenProgram(packageRoot, entry)]

async function tryOnce(view: View, user: number | undefined): Promise<string | undefined> {
  const workspace = await mkdtemp(join(tmpdir(), 'purser-probe-'))
  try {
    await makeDirectories(workspace, user)
    // The program itself: it ends when there is nobody who speaks to it.
    const argv = confinedArgv({ view, workspace, user }, [...program, '--stdio', '--workspace', workspacePath])
    const { child, words } = start({ argv, cwd: '/', env: inherited(['PATH']) })
    child.stdin?.end()
    child.stdout?.resume()
    const limit = setTimeout(() => child.kill('SIGKILL'), probeMs)
    const code = await new Promise<number | Error | null>((resolve) => {
      child.once('error', resolve)
      child.once('close', (exitCode) => resolve(exitCode))
    })
    clearTimeout(limit)
    if (code === 0) return undefined
    if (code instanceof Error) return 'bubblewrap is not installed'
    const telling = words().find((line) => /^(bwrap|purser-runner|setpriv):|Error/.test(line)) ?? words().at(-1)
    return `bubblewrap does not work here (${telling ?? `it exited with ${code}`})`
  } finally {
    await rm(workspace, { recursive: true, force: true })
  }
}

interface Start {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Makes the directory of a workspace, starts a runner in it, and removes the directory with the end of the runner. */
async function inDirectory(
  workspaces: string,
  user: number | undefined,
  request: WorkspaceRequest,
  signal: AbortSignal,
  started: (directory: string) => Start,
) {
  const directory = join(workspaces, request.name)
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 3 })
  await remove()
  await makeDirectories(directory, user)
  const connection = connectionTo(started(directory), remove)
  return openSession(connection, request, signal)
}

async function makeDirectories(directory: string, user: number | undefined): Promise<void> {
  for (const path of [directory, ...['checkout', 'home', 'tmp'].map((part) => join(directory, part))]) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    if (user !== undefined) await chown(path, user, user)
  }
}

function connectionTo(how: Start, remove: () => Promise<void>): Connection {
  const { child, words } = start(how)
  const { stdin, stdout } = child
  if (stdin === null || stdout === null)
    throw new RunnerError('runner_unreachable', 'starting a runner: it has no streams')
  const stream = Duplex.from({ readable: stdout, writable: stdin })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', (error) => {
      stream.destroy(error)
      resolve()
    })
  })
  return {
    stream,
    lastWords: words,
    gone: async () => {
      await within(endMs, ended)
      child.kill('SIGKILL')
      await within(endMs, ended)
      // What a command has closed to its own user the runner has opened again, where it came to that.
      await remove().catch(() => undefined)
    },
  }
}

function start({ argv: [program, ...args], cwd, env }: Start): {
  readonly child: ChildProcess
  readonly words: () => readonly string[]
} {
  const child = spawn(program, args, { cwd, env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const words = new LastWords(4_000)
  child.stderr?.on('data', words.push)
  child.stdin?.on('error', () => undefined)
  return {
    child,
    words: () => words.lines().slice(-20),
  }
}

function inherited(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
