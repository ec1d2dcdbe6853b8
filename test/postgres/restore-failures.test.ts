import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ToolMessages } from '../../src/adapters/postgres/connection/tool-messages.ts'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { restoreFailed } from '../../src/adapters/postgres/restores/restore-failure.ts'
import { restoreInto } from '../../src/adapters/postgres/restores/new-database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

describe('a restore that fails', () => {
  let postgres: TestPostgres
  let directory: string
  let url: string
  beforeAll(async () => {
    postgres = await startTestPostgres()
    directory = await mkdtemp(join(tmpdir(), 'purser-failing-'))
  }, 60_000)
  afterAll(async () => {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  })
  beforeEach(async () => {
    url = await postgres.database()
  })

  const attempt = (name: string) =>
    openBackups({ url: new Sensitive(url), directory })
      .create(name, quiet, never)
      .then(
        () => undefined,
        (error: unknown) => error,
      )

  /** Functions that find another function only by the search_path. */
  const leaning = `
    create function suffix() returns text language sql immutable as $$select '!'$$;
    create function norm(text) returns text language sql immutable as $$select lower($1) || suffix()$$;
    create function worded(text) returns text language plpgsql immutable as $$begin return lower($1) || suffix(); end$$;
    create table customers (id int, name text); insert into customers values (1, 'dana@example.com');`

  it.each([
    [
      'an index',
      'create index customers_norm on customers (norm(name))',
      'index customers_norm',
      'norm',
      'public.norm',
    ],
    [
      'an index by PL/pgSQL',
      'create index customers_norm on customers (worded(name))',
      'index customers_norm',
      'public.worded',
      'public.worded(text)',
    ],
    [
      'a materialized view',
      'create materialized view totals as select norm(name) from customers',
      'the rows of materialized view totals',
      'norm',
      '',
    ],
    [
      'a generated column',
      'alter table customers add column n text generated always as (norm(name)) stored',
      'table customers',
      'norm',
      '',
    ],
    [
      'a check',
      'alter table customers add constraint shouting check (norm(name) is not null)',
      'the rows of table customers',
      'norm',
      '',
    ],
    [
      'a domain',
      `create domain worded_text as text check (worded(value) <> ''); create table d (w worded_text); insert into d values ('a')`,
      'the rows of table d',
      'public.worded',
      'public.worded(text)',
    ],
  ])('names the function of %s that leans on search_path, and the remedy', async (name, made, object, inside, full) => {
    await ask(url, leaning + made)
    const backups = openBackups({ url: new Sensitive(url), directory })
    expect(await backups.leaningFunctions(never)).toMatchObject([{ schema: 'public', missing: 'suffix' }])
    const error = await attempt('leaning')
    expect(error).toMatchObject({
      code: 'restore_failed',
      message: expect.stringContaining(`${object}: function suffix() does not exist`),
      hint: expect.stringContaining(`Function ${inside} leans on search_path`),
      evidence: expect.arrayContaining([
        expect.stringMatching(/from TOC entry \d+; \d+ \d+ /),
        expect.stringMatching(/^HINT: {2}No function matches/),
        expect.stringMatching(/^CONTEXT: .*function/),
      ]),
    })
    const { hint = '', evidence = [] } = error as { hint?: string; evidence?: readonly string[] }
    expect(evidence.join('\n')).not.toContain('dana@')
    if (object.startsWith('index')) expect(evidence).toContainEqual(expect.stringMatching(/^Command was: CREATE INDEX/))
    if (full !== '') expect(hint).toContain(`alter function ${full} set search_path = public`)
    // The remedy is enough.
    const remedy = /`(alter function .+)`/.exec(hint)?.[1] ?? ''
    await ask(url, remedy)
    expect(await backups.leaningFunctions(never)).toEqual([])
    // That a restore succeeds then is seen for a function of either language.
    if (!['an index', 'a domain'].includes(name)) return
    expect(await attempt('mended')).toBeUndefined()
    await rm(join(directory, 'mended.dump.json'))
    await rm(join(directory, 'mended.dump'), { recursive: true })
  })

  it.each([
    [
      'a role that is missing',
      `create role gone; create table t (id int); grant select on t to gone`,
      'drop owned by gone; drop role gone',
      'the grants on TABLE t: role "gone" does not exist',
      'Create role gone on the server',
    ],
  ])('says what to do about %s', async (_, made, unmade, message, hint) => {
    await ask(url, made)
    const { file } = await openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } }).create(
      'one',
      quiet,
      never,
    )
    await ask(url, unmade)
    const target = new Sensitive(await postgres.database())
    await expect(
      restoreInto(
        { url: target, path: join(directory, file), doing: 'restoring', withOwners: true, onProgress: quiet },
        never,
      ),
    ).rejects.toMatchObject({
      code: 'restore_failed',
      message: `restoring: ${message}`,
      hint: expect.stringContaining(hint),
    })
    await rm(join(directory, `${file}.json`))
  })

  it('tells the column of a duplicate, and not whose it is', async () => {
    // The dump of a table whose unique index is broken cannot be made by hand, but its rows can be doubled by a trigger.
    await ask(url, `create table t (mail text); insert into t values ('dana@example.com'), ('dana@example.com')`)
    const { file } = await openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } }).create(
      'two',
      quiet,
      never,
    )
    const target = await postgres.database()
    await ask(target, 'create table t (mail text unique)')
    const error: unknown = await restoreInto(
      {
        url: new Sensitive(target),
        path: join(directory, file),
        doing: 'restoring',
        withOwners: true,
        onProgress: quiet,
      },
      never,
    ).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'restore_failed', message: 'restoring: table t: relation "t" already exists' })
    await rm(join(directory, `${file}.json`))
  })
})

/** Real outputs of pg_restore 15 and 17, with what stands between their lines under --verbose. */
describe('what pg_restore says', () => {
  const outputs: readonly (readonly [string, string, object])[] = [
    [
      'an extension that is not there',
      `pg_restore: connecting to database for restore
pg_restore: creating EXTENSION "postgis"
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 2; 3079 16385 EXTENSION postgis 
pg_restore: error: could not execute query: ERROR:  could not open extension control file "/usr/share/postgresql/15/extension/postgis.control": No such file or directory
Command was: CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;


`,
      {
        code: 'restore_failed',
        message: expect.stringContaining('extension postgis'),
        hint: expect.stringContaining('Install extension postgis on the server'),
      },
    ],
    [
      'an extension of 16 that is not there',
      `pg_restore: from TOC entry 2; 3079 16385 EXTENSION postgis 
pg_restore: error: could not execute query: ERROR:  extension "postgis" is not available
DETAIL:  Could not open extension control file "/usr/share/postgresql/16/extension/postgis.control": No such file or directory.
HINT:  The extension must first be installed on the system where PostgreSQL is running.
Command was: CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
`,
      {
        message: 'x: extension postgis: extension "postgis" is not available',
        hint: expect.stringContaining('Install extension postgis on the server'),
        evidence: expect.arrayContaining([expect.stringMatching(/^HINT:/), expect.stringMatching(/^DETAIL:/)]),
      },
    ],
    [
      'an extension for superusers',
      `pg_restore: from TOC entry 2; 3079 16385 EXTENSION pg_stat_statements 
pg_restore: error: could not execute query: ERROR:  permission denied to create extension "pg_stat_statements"
HINT:  Must be superuser to create this extension.
Command was: CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
`,
      {
        code: 'permission_denied',
        hint: expect.stringContaining('Only a superuser may create extension pg_stat_statements'),
      },
    ],
    [
      'an owner whose member it is not, up to 15',
      `pg_restore: from TOC entry 214; 1259 16388 TABLE customers app
pg_restore: error: could not execute query: ERROR:  must be member of role "app"
Command was: ALTER TABLE public.customers OWNER TO app;
`,
      {
        code: 'permission_denied',
        message: 'x: table customers: must be member of role "app"',
        hint: expect.stringContaining('`grant app to …`'),
      },
    ],
    [
      'an owner to whom it may not set role, from 16 on',
      `pg_restore: from TOC entry 214; 1259 16388 TABLE customers app
pg_restore: error: could not execute query: ERROR:  must be able to SET ROLE "app"
Command was: ALTER TABLE public.customers OWNER TO app;
`,
      { code: 'permission_denied', hint: expect.stringContaining('`grant app to …`') },
    ],
    [
      'a tablespace that is missing',
      `pg_restore: from TOC entry 214; 1259 16388 TABLE customers app
pg_restore: error: could not set default_tablespace to fast: ERROR:  invalid value for parameter "default_tablespace": "fast"
DETAIL:  Tablespace "fast" does not exist.
Command was: SET default_tablespace = fast;
`,
      { code: 'restore_failed', hint: expect.stringContaining('Create tablespace fast on the server') },
    ],
    [
      'a right that is missing',
      `pg_restore: from TOC entry 214; 1259 16388 TABLE customers app
pg_restore: error: could not execute query: ERROR:  permission denied for schema public
LINE 1: CREATE TABLE public.customers (
                     ^
Command was: CREATE TABLE public.customers (
    id bigint NOT NULL
);
`,
      { code: 'permission_denied', message: 'x: table customers: permission denied for schema public' },
    ],
    [
      'a disk that is full',
      `pg_restore: processing data for table "public.events"
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3420; 0 16416 TABLE DATA events app
pg_restore: error: COPY failed for table "events": ERROR:  could not extend file "base/16390/16416.1": No space left on device
HINT:  Check free disk space.
CONTEXT:  COPY events, line 130321
pg_restore: error: a worker process died unexpectedly
`,
      {
        code: 'restore_failed',
        message: expect.stringContaining('the rows of table events: could not extend file'),
        hint: expect.stringContaining('no disk space left'),
      },
    ],
    [
      'a table of locks that is full',
      `pg_restore: from TOC entry 214; 1259 16388 TABLE t900 app
pg_restore: error: could not execute query: ERROR:  out of shared memory
HINT:  You might need to increase max_locks_per_transaction.
Command was: CREATE TABLE public.t900 (id integer);
`,
      { code: 'lock_table_full', hint: expect.stringContaining('Raise max_locks_per_transaction') },
    ],
    [
      'a row that a check refuses',
      `pg_restore: from TOC entry 3420; 0 16416 TABLE DATA customers app
pg_restore: error: COPY failed for table "customers": ERROR:  new row for relation "customers" violates check constraint "valid"
DETAIL:  Failing row contains (7, dana@example.com, 12
High Street).
CONTEXT:  COPY customers, line 7: "7	dana@example.com	12 High Street"
pg_restore: error: a worker process died unexpectedly
`,
      {
        code: 'restore_failed',
        message: 'x: the rows of table customers: new row for relation "customers" violates check constraint "valid"',
      },
    ],
    [
      'a value that does not fit',
      `pg_restore: from TOC entry 3420; 0 16416 TABLE DATA customers app
pg_restore: error: COPY failed for table "customers": ERROR:  invalid input value for enum plan: "dana@example.com"
CONTEXT:  COPY customers, line 7, column plan: "dana@example.com"
`,
      { code: 'restore_failed' },
    ],
    [
      'a server that went away',
      `pg_restore: error: could not execute query: server closed the connection unexpectedly
	This probably means the server terminated abnormally
	before or while processing the request.
Command was: CREATE INDEX a ON public.b USING btree (c);
`,
      { code: 'database_unreachable', transient: true },
    ],
    [
      'a server that is older than it',
      `pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
`,
      { code: 'restore_failed', hint: expect.stringContaining('pg_restore 18.1 is newer than the server') },
    ],
  ]
  it.each(outputs)('is understood of %s', (_, output, expected) => {
    const messages = new ToolMessages()
    for (const line of output.split('\n')) messages.push(line)
    const error = restoreFailed('x', 1, messages.complaints, '18.1')
    expect(error).toMatchObject(expected)
    expect(JSON.stringify([error.message, error.evidence])).not.toMatch(/dana|High Street/)
    expect(error.evidence.some((line) => /processing data|connecting|creating EXT/.test(line))).toBe(false)
  })
})
