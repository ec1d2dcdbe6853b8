import pg from 'pg'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { Sensitive } from '../../../sensitive.ts'
import { toolsForServer } from '../connection/client-tools.ts'
import { connectionName } from '../connection/libpq.ts'
import type { Session } from '../connection/session.ts'
import { whileFilling } from './fill-progress.ts'
import { restoreFailed } from './restore-failure.ts'
import { runTool } from '../connection/tools.ts'
import { writingEnvironment } from '../connection/writing-environment.ts'

const restoreLimitMs = 12 * 60 * 60 * 1000

/** Returns the address of another database on the same server, for the same user. */
export function onDatabase(url: Sensitive, name: string): Sensitive {
  const address = new URL(url.reveal())
  address.pathname = `/${encodeURIComponent(name)}`
  return new Sensitive(address.href)
}

/** Makes a name of at most 63 bytes: PostgreSQL cuts longer names silently, and two cut names may be the same. */
export function databaseName(base: string, suffix: string): string {
  let kept = base
  while (Buffer.byteLength(kept + suffix) > 63) kept = kept.slice(0, -1)
  return kept + suffix
}

/** Finds a database here by its name. Its comment tells what Purser noted about it. */
export async function findDatabase(
  session: Session,
  name: string,
): Promise<{ readonly comment: string; readonly open: boolean; readonly template: boolean } | undefined> {
  const { rows } = await session.query<{ comment: string | null; open: boolean; template: boolean }>(
    `select shobj_description(oid, 'pg_database') as comment, datallowconn as open, datistemplate as template
     from pg_database where datname = $1`,
    [name],
  )
  return rows[0] && { ...rows[0], comment: rows[0].comment ?? '' }
}

export async function dropDatabase(session: Session, name: string): Promise<void> {
  await session.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
}

interface Likeness {
  readonly encoding: string
  readonly collate: string
  readonly ctype: string
  /** `c` for the C library, `i` for ICU, `b` for what the server has itself (since 17). */
  readonly provider: 'c' | 'i' | 'b'
  /** The locale of ICU or of the server; null with the C library. */
  readonly locale: string | null
  /** Rules of one's own for ICU's collation (since 16). */
  readonly rules: string | null
  readonly tablespace: string
  readonly owner: string
}

/** What of it is taken over; without owners the new database belongs to the user of the session. */
interface Likenesses {
  readonly withOwners: boolean
  readonly withTablespaces: boolean
}

/**
 * Creates an empty database with the encoding, locale, tablespace and owner of the database that the session is in. How the columns of
 * `pg_database` are called differs between the majors: https://www.postgresql.org/docs/current/catalog-pg-database.html.
 */
export async function createAlike(
  session: Session,
  name: string,
  { withOwners, withTablespaces }: Likenesses = { withOwners: true, withTablespaces: true },
): Promise<void> {
  const { rows } = await session.query<Likeness>(`
    select pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype,
      pg_get_userbyid(datdba) as owner, spcname as tablespace,
      coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as provider,
      coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale, to_jsonb(d) ->> 'daticurules' as rules
    from pg_database d join pg_tablespace t on t.oid = d.dattablespace where datname = current_database()`)
  const [like] = rows
  if (!like) throw new Error('the server does not know the database of this session')
  await session.query(
    `create database ${pg.escapeIdentifier(name)}${withOwners ? ` owner ${pg.escapeIdentifier(like.owner)}` : ''} template template0
     encoding ${pg.escapeLiteral(like.encoding)} lc_collate ${pg.escapeLiteral(like.collate)}
     lc_ctype ${pg.escapeLiteral(like.ctype)}${localeOf(like)}${withTablespaces ? placeOf(like) : ''}`,
  )
}

/** Only where it is not the usual one: naming a tablespace needs a right of its own, which few roles have for the usual one. */
function placeOf({ tablespace }: Likeness): string {
  return tablespace === 'pg_default' ? '' : ` tablespace ${pg.escapeIdentifier(tablespace)}`
}

function localeOf({ provider, locale, rules }: Likeness): string {
  if (provider === 'c' || locale === null) return ''
  if (provider === 'b') return ` locale_provider builtin builtin_locale ${pg.escapeLiteral(locale)}`
  const own = rules === null ? '' : ` icu_rules ${pg.escapeLiteral(rules)}`
  return ` locale_provider icu icu_locale ${pg.escapeLiteral(locale)}${own}`
}

interface RestoreInto {
  readonly url: Sensitive
  readonly path: string
  readonly doing: string
  /** Whether owners are restored: false where the roles of the dumped database may not exist. */
  readonly withOwners: boolean
  /** Whether tables go into the tablespaces that they were in; true by default. */
  readonly withTablespaces?: boolean
  /** The directories in which client tools are looked for. */
  readonly toolDirectories?: readonly string[] | undefined
  /** The path of a table of contents with the entries that are wanted; without one, all are. */
  readonly listFile?: string | undefined
  /** The part of the archive that is wanted; without one, all of it is. */
  readonly section?: 'pre-data' | 'data' | 'post-data'
  readonly onProgress: (line: string) => void
}

/** Fills an empty database. Any error ends it: half a restore is none. */
export async function restoreInto(
  { url, path, doing, withOwners, withTablespaces = true, toolDirectories, listFile, section, onProgress }: RestoreInto,
  signal: AbortSignal,
): Promise<void> {
  const { PGDATABASE = '', ...env } = await writingEnvironment(url, signal)
  const tools = await toolsForServer(url, toolDirectories, signal)
  const run = {
    program: 'pg_restore',
    directory: tools.directory,
    args: [
      '--exit-on-error',
      '--no-password',
      '--no-subscriptions',
      '--verbose',
      `--jobs=${parallelJobs()}`,
      ...(withOwners ? [] : ['--no-owner', '--no-acl']),
      ...(withTablespaces ? [] : ['--no-tablespaces']),
      ...(listFile === undefined ? [] : [`--use-list=${listFile}`]),
      ...(section === undefined ? [] : [`--section=${section}`]),
      // The name goes as a connection string, or one with `=` in it would be read as such.
      `--dbname=${connectionName(PGDATABASE)}`,
      path,
    ],
    doing,
    cwd: dirname(path),
    env,
    timeoutMs: restoreLimitMs,
    onStderrLine: (line: string) => {
      const item = /(?:processing|launching) item \d+ (TABLE DATA|INDEX|CONSTRAINT|FK CONSTRAINT) (.+)/.exec(line)
      if (item) onProgress(`${item[1]?.toLowerCase()} ${item[2]}`)
    },
  } as const
  const { exitCode, complaints } = await whileFilling(url, onProgress, signal, () => runTool(run, signal))
  if (exitCode === 0) return
  throw restoreFailed(doing, exitCode, complaints, tools.version)
}

/** Returns the number of cores: each job is a connection and a process of its own. */
export function parallelJobs(): number {
  return Math.min(8, Math.max(1, cpus().length))
}
