import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import { constants as system } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { endGroup } from '../adapters/process/group.ts'
import { endOthers } from './processes.ts'
import { timeLimit } from '../time-limit.ts'

/** What one command may use. The memory is that of each process; a container or a unit limits the sum of all. */
export interface Limits {
  readonly processes: number
  readonly fileBytes: number
  readonly memoryBytes: number
}

interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  /** All that it gets beside PATH and LANG. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly limits: Limits
  /** Whether this process is alone with its user, so that whatever the command started can be ended with it. */
  readonly alone: boolean
  /** Takes a piece of output, and no other one before it is done. */
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>
}

type CommandEnd =
  | { readonly type: 'exited'; readonly exitCode: number; readonly milliseconds: number }
  | { readonly type: 'stopped' }
  | {
      readonly type: 'failed'
      readonly code: 'command_not_found' | 'command_not_started' | 'command_timed_out'
      readonly message: string
      readonly hint?: string
    }

const graceMs = 5_000
/** The time for which a program that has exited may keep its output open through children it left behind. */
const lingerMs = 1_000
/** The time after the end of everybody in which the last output must have been taken. */
const drainMs = 60_000

/** Raised when something of a command still runs: whoever runs this program must end it whole. */
class NotEnded extends Error {}

/** Runs one command. When this returns nothing that it started runs any more, as far as this process can reach. */
export async function runCommand(command: Command, signal: AbortSignal): Promise<CommandEnd> {
  const { argv, cwd, timeoutMs } = command
  const [program] = argv
  const path = command.env['PATH'] ?? process.env['PATH'] ?? ''
  if (!(await isThere(program, cwd, path)))
    return {
      type: 'failed',
      code: 'command_not_found',
      message: `running ${program}: no such program where commands run`,
      hint: `Install ${program} there (docs/runner.md), or correct the command in the configuration.`,
    }
  const started = performance.now()
  const [limited = program, ...more] = withLimits(argv, command.limits, await prlimitIsThere())
  const child = spawn(limited, more, {
    cwd,
    env: { ...inherited(), ...command.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = AbortSignal.any([signal, timeLimit(timeoutMs)])
  const exitCode = await whenOver(child, command, stop).catch((error: unknown) => {
    if (error instanceof NotEnded) throw error
    return error instanceof Error ? error : new Error(String(error))
  })
  if (exitCode instanceof Error)
    return { type: 'failed', code: 'command_not_started', message: `running ${program}: ${exitCode.message}` }
  if (signal.aborted) return { type: 'stopped' }
  if (stop.aborted)
    return {
      type: 'failed',
      code: 'command_timed_out',
      message: `running ${program}: not done after ${inWords(timeoutMs)}`,
      hint: 'Check its last output. If it only needs longer, raise its time limit.',
    }
  return { type: 'exited', exitCode, milliseconds: Math.round(performance.now() - started) }
}

async function whenOver(child: ChildProcess, command: Command, stop: AbortSignal): Promise<number> {
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) => resolve(code ?? 128 + (by ? system.signals[by] : 0)))
  })
  const printed = Promise.allSettled([pump(child.stdout, 'stdout', command), pump(child.stderr, 'stderr', command)])
  const group = child.pid
  let ending: Promise<unknown> | undefined
  const end = (): void => {
    if (group === undefined) return
    // The program itself may have left its group.
    ending ??= endGroup(group, graceMs).then(() => (command.alone ? endOthers() : child.kill('SIGKILL')))
  }
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  try {
    const code = await exited
    await Promise.race([printed, sleep(lingerMs, undefined, { ref: false })])
    if (!command.alone && group !== undefined) await endGroup(group, graceMs)
    return code
  } finally {
    stop.removeEventListener('abort', end)
    // Were it still under way, it would end the next command too.
    await ending
    if (command.alone) await endTree()
    // What has escaped from the group keeps the output open; what was printed before is taken all the same.
    await Promise.race([printed, sleep(command.alone ? drainMs : lingerMs, undefined, { ref: false })])
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
}

async function endTree(): Promise<void> {
  if (!(await endOthers())) throw new NotEnded('a process of the command cannot be ended')
}

async function pump(from: Readable | null, stream: 'stdout' | 'stderr', { onOutput }: Command): Promise<void> {
  if (from === null) return
  for await (const chunk of from as AsyncIterable<Buffer>) await onOutput(stream, chunk)
}

/** Pure: the command under its limits. No core dumps: they would fill the disk with whatever was in memory. */
function withLimits(argv: readonly string[], limits: Limits, possible: boolean): readonly string[] {
  if (!possible) return argv
  const { processes, fileBytes, memoryBytes } = limits
  return ['prlimit', `--nproc=${processes}`, `--fsize=${fileBytes}`, `--data=${memoryBytes}`, '--core=0', '--', ...argv]
}

async function prlimitIsThere(): Promise<boolean> {
  return isThere('prlimit', '/', process.env['PATH'] ?? '')
}

async function isThere(program: string, cwd: string, path: string): Promise<boolean> {
  const places = isAbsolute(program)
    ? [program]
    : program.includes('/')
      ? [join(cwd, program)]
      : path.split(delimiter).map((directory) => join(directory, program))
  for (const place of places) {
    const facts = await stat(place).catch(() => undefined)
    const may = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (facts?.isFile() === true && may) return true
  }
  return false
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'LANG', 'HOME', 'TMPDIR'] as const
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

function inWords(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 60_000)} min`
}
