import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sensitive } from '../../../sensitive.ts'
import { BackupError } from '../errors.ts'
import { withSession } from './session.ts'
import { runTool, type ToolRun } from './tools.ts'

/** `pg_dump` and `pg_restore` of one version. */
export interface ClientTools {
  /** The directory of the tools; undefined when they were found by the PATH. */
  readonly directory: string | undefined
  readonly version: string
  readonly major: number
}

/** The directory in which Debian's and PostgreSQL's own packages put each major beside the others. */
const packaged = '/usr/lib/postgresql'
const askLimitMs = 10_000

/**
 * Finds the tools of the server's own major, or else the nearest newer ones. Older ones cannot dump it. Newer ones are
 * the second choice, since what `pg_restore` says to a server of its own major an older server may not understand.
 */
export async function toolsForServer(
  url: Sensitive,
  directories: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ClientTools> {
  const server = await withSession(url, 'asking the server for its version', signal, async (session) => {
    const { rows } = await session.query<{ number: number }>(
      `select current_setting('server_version_num')::int as number`,
    )
    return Math.floor((rows[0]?.number ?? 0) / 10_000)
  })
  const found = await findTools(directories, signal)
  const tools = chooseTools(found, server)
  if (tools !== undefined) return tools
  throw new BackupError(
    'client_tools_too_old',
    `choosing pg_dump: ${found.map(inWords).join(', ')} cannot dump a PostgreSQL ${server} server`,
    {
      hint:
        `Install postgresql-client-${server} where Purser runs. If it is there already, name the directory ` +
        `of its programs in PURSER_PG_BIN, as in ${packaged}/${server}/bin.`,
    },
  )
}

/** Finds the newest tools, for work without a server (listing, reading through): they read what all others wrote. */
export async function newestTools(directories: readonly string[] | undefined, signal: AbortSignal) {
  const found = await findTools(directories, signal)
  return found.reduce((best, one) => (one.major > best.major ? one : best))
}

function chooseTools(found: readonly ClientTools[], serverMajor: number): ClientTools | undefined {
  return found
    .filter(({ major }) => major >= serverMajor)
    .reduce<ClientTools | undefined>(
      (best, one) => (best === undefined || one.major < best.major ? one : best),
      undefined,
    )
}

/** Finds the tools that there are; raises `client_tools_missing` when there are none. */
async function findTools(
  directories: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly [ClientTools, ...ClientTools[]]> {
  // Packaged tools are only looked at when none are named, as what is named is meant. They come first, as Debian's
  // programs on the PATH are scripts that look for these, which takes longer than the programs.
  const places = directories ?? [...(await packagedDirectories()), undefined]
  const answers = await Promise.allSettled(places.map((directory) => askVersion(directory, signal)))
  signal.throwIfAborted()
  const [first, ...rest] = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  if (first !== undefined) return [first, ...rest]
  const failure = answers.find((answer) => answer.status === 'rejected')
  throw failure?.reason ?? new BackupError('client_tools_missing', 'looking for pg_dump: PURSER_PG_BIN names no place')
}

async function packagedDirectories(): Promise<readonly string[]> {
  const majors = await readdir(packaged).catch(() => [])
  return majors.filter((name) => /^\d+$/.test(name)).map((name) => join(packaged, name, 'bin'))
}

/** Asks both programs, as both must be there: a server's package alone may have only one of them. */
async function askVersion(directory: string | undefined, signal: AbortSignal): Promise<ClientTools> {
  const doing = 'asking pg_dump for its version'
  const ask = async (program: ToolRun['program']): Promise<string> => {
    let text = ''
    const onStdoutLine = (line: string): void => void (text ||= line)
    const args = ['--version']
    await runTool({ program, directory, args, doing, cwd: '/', timeoutMs: askLimitMs, onStdoutLine }, signal)
    return text
  }
  const [text] = await Promise.all([ask('pg_dump'), ask('pg_restore')])
  const version = /(\d+)(?:[.\w]*)/.exec(text)
  if (!version) throw new BackupError('client_tools_missing', `${doing}: it answered ${JSON.stringify(text)}`)
  return { directory, version: version[0], major: Number(version[1]) }
}

function inWords({ version, directory }: ClientTools): string {
  return directory === undefined ? `pg_dump ${version}` : `pg_dump ${version} (${directory})`
}

/**
 * Tells whether these tools compress with zstd: from 16 on, and only where they were built so. No database is asked.
 */
export async function speakZstd({ directory, major }: ClientTools, signal: AbortSignal): Promise<boolean> {
  if (major < 16) return false
  // The option is checked before the directory is found impossible to make: nothing is connected to, nothing written.
  const args = ['--format=directory', '--file=/dev/null/none', '--compress=zstd:1', '--no-password']
  const doing = 'asking pg_dump whether it can compress with zstd'
  const { complaints } = await runTool(
    { program: 'pg_dump', directory, args, doing, cwd: '/', timeoutMs: askLimitMs },
    signal,
  )
  return !complaints.some((line) => /compress/i.test(line))
}
