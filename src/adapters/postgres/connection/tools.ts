import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { runChild } from '../../process/child.ts'
import { CommandError } from '../../process/errors.ts'
import { LineReader, LineSplitter, type RawLine } from '../../../outside-text/lines.ts'
import { BackupError } from '../errors.ts'
import { ToolMessages } from './tool-messages.ts'

export interface ToolRun {
  readonly program: 'pg_dump' | 'pg_restore' | 'psql'
  /** The directory of the program; undefined when the PATH says it. */
  readonly directory?: string | undefined
  readonly args: readonly string[]
  readonly doing: string
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Gets the lines as they are, for a program to read. */
  readonly onStdoutLine?: (line: string) => void
  readonly stdoutTo?: Writable
  readonly stdin?: Readable
  /** Gets the lines as people may see them. */
  readonly onStderrLine?: (line: string) => void
}

interface ToolOutcome {
  readonly exitCode: number
  /** The last lines of its errors, without what `--verbose` reports. */
  readonly complaints: readonly string[]
}

/** Runs a client program of PostgreSQL with messages in English, so that they can be understood. */
export async function runTool(tool: ToolRun, signal: AbortSignal): Promise<ToolOutcome> {
  const messages = new ToolMessages()
  // What is read by a program stays as it is: a table may have the name of a secret.
  const stdout = new LineReader()
  const hand = (lines: readonly RawLine[]): void => lines.forEach(({ text }) => tool.onStdoutLine?.(text))
  const stderr = new LineSplitter((line) => {
    tool.onStderrLine?.(line)
    messages.push(line)
  })
  try {
    const { exitCode } = await runChild(
      {
        argv: [tool.directory === undefined ? tool.program : join(tool.directory, tool.program), ...tool.args],
        cwd: tool.cwd,
        env: { ...tool.env, LC_ALL: 'C' },
        timeoutMs: tool.timeoutMs,
        onStdout: (chunk) => hand(stdout.push(chunk)),
        stdoutTo: tool.stdoutTo,
        stdin: tool.stdin,
        onStderr: (chunk) => stderr.push(chunk),
      },
      signal,
    )
    hand(stdout.end())
    stderr.end()
    return { exitCode, complaints: messages.complaints }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    if (error.code === 'command_not_found') throw toolsMissing(tool, error)
    const evidence = { evidence: messages.complaints, cause: error }
    throw new BackupError(error.code, `${tool.doing}: ${error.message}`, evidence)
  }
}

function toolsMissing({ program, directory }: ToolRun, cause: unknown): BackupError {
  const where = directory === undefined ? 'here' : `in ${directory} (PURSER_PG_BIN)`
  return new BackupError('client_tools_missing', `looking for ${program}: it is not installed ${where}`, {
    hint: 'Install the PostgreSQL client tools: apt-get install postgresql-client (Debian), brew install libpq (macOS).',
    cause,
  })
}
