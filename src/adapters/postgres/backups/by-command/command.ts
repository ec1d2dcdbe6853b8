import { access, constants } from 'node:fs/promises'
import type { Sensitive } from '../../../../sensitive.ts'
import { LineReader, type RawLine, ShownLines } from '../../../../outside-text/lines.ts'
import { runChild } from '../../../process/child.ts'
import { CommandError } from '../../../process/errors.ts'
import { BackupCommandError } from './errors.ts'

/** What purser.yaml says of the command, with the values of its variables. */
export interface BackupCommands {
  readonly create: Argv
  readonly describe: Argv
  readonly verify: Argv
  readonly restore?: Argv | undefined
  readonly remove?: Argv | undefined
  /** It is ended when it has printed nothing for so long. */
  readonly quietMinutes: number
  readonly env: Readonly<Record<string, Sensitive>>
}

type Argv = readonly [string, ...string[]]

interface CommandRun {
  readonly commands: BackupCommands
  readonly argv: Argv
  readonly doing: string
  /** What it gets beside the variables of purser.yaml. */
  readonly env?: Readonly<Record<string, string>>
  readonly onProgress?: (line: string) => void
}

const most = 50
/** The longest that any of them may take, however much it prints. */
const limitMs = 48 * 60 * 60 * 1000

/**
 * Runs one of the commands and returns the last line that it printed: its answer, where one is wanted. Raises when it
 * fails, or has printed nothing for `quietMinutes`. Whoever repeats it after a crash relies on the command itself.
 */
export async function runBackupCommand(run: CommandRun, signal: AbortSignal): Promise<string> {
  const { commands, argv, doing, onProgress } = run
  const said: string[] = []
  let answer = ''
  const quiet = new AbortController()
  const late = new BackupCommandError(
    'command_timed_out',
    `${doing}: it printed nothing for ${commands.quietMinutes} min`,
    {
      hint: 'See whether it hangs. Let it print its progress, or raise `backups.command.quietMinutes`.',
    },
  )
  const timer = setTimeout(() => quiet.abort(late), commands.quietMinutes * 60_000)
  const hear = (line: string | undefined): void => {
    if (line === undefined || line.trim() === '') return
    said.push(line)
    if (said.length > most) said.shift()
    onProgress?.(line)
  }
  const stdout = new LineReader()
  const stderr = new LineReader()
  const shown = new ShownLines()
  const complained = new ShownLines()
  const ofStdout = (lines: readonly RawLine[]): void => {
    for (const line of lines) {
      if (line.text.trim() !== '') answer = line.text
      hear(shown.of(line))
    }
  }
  try {
    const { exitCode } = await runChild(
      {
        argv,
        cwd: '/',
        env: { ...revealed(commands.env), ...run.env },
        timeoutMs: limitMs,
        onStdout: (chunk) => {
          timer.refresh()
          ofStdout(stdout.push(chunk))
        },
        onStderr: (chunk) => {
          timer.refresh()
          for (const line of stderr.push(chunk)) hear(complained.of(line))
        },
      },
      AbortSignal.any([signal, quiet.signal]),
    )
    ofStdout(stdout.end())
    for (const line of stderr.end()) hear(complained.of(line))
    if (exitCode === 0) return answer
    throw new BackupCommandError('backup_command_failed', `${doing}: ${argv[0]} exited ${exitCode}`, {
      hint: 'Its last output says why. It is the command of `backups.command` in purser.yaml.',
      evidence: said,
    })
  } catch (error) {
    throw told(error, argv[0], doing, said)
  } finally {
    clearTimeout(timer)
  }
}

/** Raises `backup_command_missing` when a program that is named by its path cannot be started here. */
export async function requireProgram([program]: Argv, doing: string): Promise<void> {
  if (!program.includes('/')) return
  await access(program, constants.X_OK).catch((cause: unknown) => {
    throw missing(program, doing, cause)
  })
}

function revealed(env: BackupCommands['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]))
}

function told(error: unknown, program: string, doing: string, said: readonly string[]): unknown {
  if (error instanceof BackupCommandError && error.code === 'command_timed_out') {
    const { code, message, hint = '' } = error
    return new BackupCommandError(code, message, { hint, evidence: said, cause: error })
  }
  if (!(error instanceof CommandError)) return error
  if (error.code === 'command_not_found') return missing(program, doing, error)
  const code = error.code === 'command_timed_out' ? 'command_timed_out' : 'command_not_started'
  return new BackupCommandError(code, `${doing}: ${error.message}`, { evidence: said, cause: error })
}

function missing(program: string, doing: string, cause: unknown): BackupCommandError {
  return new BackupCommandError('backup_command_missing', `${doing}: ${program} isn't there, or can't be run`, {
    hint: 'Install it where Purser runs, or correct `backups.command` in purser.yaml.',
    cause,
  })
}
