import pg from 'pg'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { Sensitive } from '../../../sensitive.ts'
import { toolsForServer } from '../connection/client-tools.ts'
import { BackupError } from '../errors.ts'
import { connectionName, libpqEnvironment } from '../connection/libpq.ts'
import { type Session, withSession } from '../connection/session.ts'
import { runTool } from '../connection/tools.ts'

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
): Promise<{ readonly comment: string; readonly open: boolean } | undefined> {
  const { rows } = await session.query<{ comment: string | null; open: boolean }>(
    `select shobj_description(oid, 'pg_database') as comment, datallowconn as open from pg_database where datname = $1`,
    [name],
  )
  return rows[0] && { comment: rows[0].comment ?? '', open: rows[0].open }
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

/**
 * Creates an empty database with the encoding, locale, tablespace and owner of the database that the session is in. How the columns of
 * `pg_database` are called differs between the majors: https://www.postgresql.org/docs/current/catalog-pg-database.html.
 */
export async function createAlike(session: Session, name: string): Promise<void> {
  const { rows } = await session.query<Likeness>(`
    select pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype,
      pg_get_userbyid(datdba) as owner, spcname as tablespace,
      coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as provider,
      coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale, to_jsonb(d) ->> 'daticurules' as rules
    from pg_database d join pg_tablespace t on t.oid = d.dattablespace where datname = current_database()`)
  const [like] = rows
  if (!like) throw new Error('the server does not know the database of this session')
  await session.query(
    `create database ${pg.escapeIdentifier(name)} owner ${pg.escapeIdentifier(like.owner)} template template0
     encoding ${pg.escapeLiteral(like.encoding)} lc_collate ${pg.escapeLiteral(like.collate)}
     lc_ctype ${pg.escapeLiteral(like.ctype)}${localeOf(like)}${placeOf(like)}`,
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
  /** The directories in which client tools are looked for. */
  readonly toolDirectories?: readonly string[] | undefined
  /** The path of a table of contents with the entries that are wanted; without one, all are. */
  readonly listFile?: string | undefined
  readonly onProgress: (line: string) => void
}

/** Fills an empty database. Any error ends it: half a restore is none. */
export async function restoreInto(
  { url, path, doing, withOwners, toolDirectories, listFile, onProgress }: RestoreInto,
  signal: AbortSignal,
): Promise<void> {
  const { PGDATABASE = '', ...env } = libpqEnvironment(url)
  const tools = await toolsForServer(url, toolDirectories, signal)
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_restore',
      directory: tools.directory,
      args: [
        '--exit-on-error',
        '--no-password',
        '--no-subscriptions',
        '--verbose',
        `--jobs=${parallelJobs()}`,
        ...(withOwners ? [] : ['--no-owner', '--no-acl']),
        ...(listFile === undefined ? [] : [`--use-list=${listFile}`]),
        // The name goes as a connection string, or one with `=` in it would be read as such.
        `--dbname=${connectionName(PGDATABASE)}`,
        path,
      ],
      doing,
      cwd: dirname(path),
      env,
      timeoutMs: restoreLimitMs,
      onStderrLine: (line) => {
        const item = /(?:processing|launching) item \d+ (TABLE DATA|INDEX|CONSTRAINT|FK CONSTRAINT) (.+)/.exec(line)
        if (item) onProgress(`${item[1]?.toLowerCase()} ${item[2]}`)
      },
    },
    signal,
  )
  if (exitCode === 0) return
  const tooNew = complaints.some((line) => line.includes('unrecognized configuration parameter'))
  throw new BackupError('restore_failed', `${doing}: pg_restore exited ${exitCode}`, {
    hint: tooNew
      ? `The live database is unchanged. pg_restore ${tools.version} is newer than the server and says what that does not understand: install the client tools of the server's own version beside it.`
      : 'The live database is unchanged. The messages say which object could not be made.',
    evidence: complaints,
  })
}

/** Returns the number of cores: each job is a connection and a process of its own. */
export function parallelJobs(): number {
  return Math.min(8, Math.max(1, cpus().length))
}

/** Copies what a dump leaves out because it belongs to the database as a whole: settings, grants, connection limit. */
export async function copyDatabaseFacts(session: Session, url: Sensitive, name: string, signal: AbortSignal) {
  const target = pg.escapeIdentifier(name)
  const settings = await session.query<{ role: string | null; name: string; value: string }>(`
    select case when setrole <> 0 then pg_get_userbyid(setrole) end as role,
      split_part(line, '=', 1) as name, substr(line, strpos(line, '=') + 1) as value
    from pg_db_role_setting, unnest(setconfig) as line
    where setdatabase = (select oid from pg_database where datname = current_database())`)
  const grants = await session.query<{ limit: number; own: boolean }>(
    `select datconnlimit as limit, datacl is not null as own from pg_database where datname = current_database()`,
  )
  const rights = await session.query<{ grantee: string | null; right: string; grantable: boolean }>(`
    select case when grantee <> 0 then pg_get_userbyid(grantee) end as grantee, privilege_type as right,
      is_grantable as grantable
    from pg_database, aclexplode(datacl) where datname = current_database()`)
  await withSession(url, `copying settings and grants to ${name}`, signal, async (elsewhere) => {
    for (const { role, name: setting, value } of settings.rows) {
      // `from current` keeps lists such as a search_path exactly; written out they would need quoting by kind.
      await elsewhere.query('select set_config($1, $2, false)', [setting, value])
      const whose = role === null ? `database ${target}` : `role ${pg.escapeIdentifier(role)} in database ${target}`
      const part = setting.split('.').map((one) => pg.escapeIdentifier(one))
      await elsewhere.query(`alter ${whose} set ${part.join('.')} from current`)
      await elsewhere.query('reset all')
    }
    const [facts] = grants.rows
    if (facts?.own) await elsewhere.query(`revoke all on database ${target} from public`)
    for (const { grantee, right, grantable } of rights.rows) {
      const to = grantee === null ? 'public' : pg.escapeIdentifier(grantee)
      await elsewhere.query(
        `grant ${right} on database ${target} to ${to}${grantable && grantee !== null ? ' with grant option' : ''}`,
      )
    }
    if (facts !== undefined && facts.limit >= 0)
      await elsewhere.query(`alter database ${target} connection limit ${facts.limit}`)
  })
}
