import { type ChildProcess, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError } from './errors.ts'
import { endGroup } from './group.ts'
import { timeLimit } from '../../time-limit.ts'

/*
 * One program, from its start to its end. Phases run commands of the service's repository by it, and the adapters git,
 * squawk and PostgreSQL's client tools. The program gets its arguments as a list, never by a shell, and only the
 * environment that it is given beside PATH, HOME, LANG and TMPDIR. When the call returns, nothing of its process group
 * runs any more, be it done, aborted or out of time. After a crash of Purser itself a group may live on for a while, so
 * whoever runs a program again has to find it safe to repeat.
 */

interface ChildRequest {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly onStdout: (chunk: Buffer) => void
  /** Gets what the program prints instead of `onStdout`, no faster than it takes it; it is not ended. */
  readonly stdoutTo?: Writable | undefined
  /** What the program reads; it reads nothing without this. */
  readonly stdin?: Readable | undefined
  readonly onStderr: (chunk: Buffer) => void
}

interface ChildOutcome {
  /** The exit code; 128 + signal number when a signal ended it, as shells count. */
  readonly exitCode: number
  readonly milliseconds: number
}

const graceMs = 5_000
/** The time for which a program that has exited may keep its output open through children it left behind. */
const lingerMs = 1_000
const inherited = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const

function childEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const base: Record<string, string> = {}
  for (const name of inherited) {
    const value = process.env[name]
    if (value !== undefined) base[name] = value
  }
  return { ...base, ...env }
}

/**
 * Runs one program in a process group of its own and returns when nothing of the group is left. On abort or time-out
 * the group gets SIGTERM, after 5 s SIGKILL; then the abort reason or `command_timed_out` is thrown.
 */
export async function runChild(request: ChildRequest, signal: AbortSignal): Promise<ChildOutcome> {
  signal.throwIfAborted()
  const started = performance.now()
  const [program, ...args] = request.argv
  const child = spawn(program, args, {
    cwd: request.cwd,
    env: childEnvironment(request.env),
    detached: true,
    stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  if (request.stdoutTo === undefined) child.stdout?.on('data', request.onStdout)
  else child.stdout?.pipe(request.stdoutTo, { end: false })
  child.stderr?.on('data', request.onStderr)
  // A program that has ended reads no more: its exit code tells why.
  child.stdin?.on('error', () => undefined)
  if (child.stdin !== null) request.stdin?.pipe(child.stdin)
  const limit = timeLimit(request.timeoutMs)
  const stop = AbortSignal.any([signal, limit])
  const exitCode = await whenOver(child, stop, request.stdoutTo !== undefined).catch(async (error: unknown) => {
    throw await notStarted(program, request.cwd, error)
  })
  if (stop.aborted) {
    signal.throwIfAborted()
    throw new CommandError('command_timed_out', `running ${program}: not done after ${describe(request.timeoutMs)}`, {
      hint: 'Check its last output. If it only needs longer, raise its time limit.',
    })
  }
  return { exitCode, milliseconds: Math.round(performance.now() - started) }
}

async function whenOver(child: ChildProcess, stop: AbortSignal, drains: boolean): Promise<number> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
  let ending: Promise<void> | undefined
  const end = (): void => {
    if (child.pid !== undefined) ending ??= endGroup(child.pid, graceMs)
  }
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  try {
    const code = await exited
    // Somebody reads the output at a pace of his own, and its end must not be lost, however long that takes.
    const patience = drains ? aborted(stop) : sleep(lingerMs, undefined, { ref: false })
    await Promise.race([closed, patience])
    // What a program leaves running in its group is not part of its work: it would outlive the workspace.
    end()
    await ending
    child.stdout?.destroy()
    child.stderr?.destroy()
    await closed
    return code
  } finally {
    stop.removeEventListener('abort', end)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function notStarted(program: string, cwd: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'code' in error)) return error
  const directory = await stat(cwd).catch(() => undefined)
  if (!directory?.isDirectory()) {
    return new CommandError('workspace_missing', `running ${program}: no directory ${cwd}`, { cause: error })
  }
  if (error.code === 'ENOENT') {
    return new CommandError('command_not_found', `running ${program}: no such program on this machine`, {
      hint: `Install ${program} where the worker runs, or correct the command in the configuration.`,
      cause: error,
    })
  }
  return new CommandError('command_not_started', `running ${program}: ${error.message}`, { cause: error })
}

function describe(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 60_000)} min`
}
