import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { fingerprint } from '../../src/adapters/postgres/backups/manifests.ts'
import { libpqEnvironment } from '../../src/adapters/postgres/connection/libpq.ts'
import { withoutWal } from '../../src/adapters/postgres/backups/unlogged.ts'
import type { DumpBackups as Backups } from '../../src/adapters/postgres/backups/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, sessionWith, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

describe('backups of the service database', () => {
  let postgres: TestPostgres
  let url: string
  let directory: string
  let backups: Backups

  beforeAll(async () => {
    postgres = await startTestPostgres()
    url = await postgres.database()
    await ask(
      url,
      `create table customers as select n as id, md5(n::text) as name from generate_series(1, 20000) n; create table "Odd name" (id bigint)`,
    )
  }, 60_000)
  afterAll(() => postgres.close())
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'purser-backups-'))
    backups = openBackups({ url: new Sensitive(url), directory })
    return () => rm(directory, { recursive: true, force: true })
  })

  it('writes a backup that restores into an empty database', async () => {
    const progress: string[] = []
    const manifest = await backups.create('run-42', (line) => progress.push(line), never)
    expect(manifest).toMatchObject({ file: 'run-42.dump', tables: ['public.Odd name', 'public.customers'] })
    expect(manifest.database).toBe(new URL(url).pathname.slice(1))
    const files = await readdir(join(directory, manifest.file))
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory, manifest.file, name))).size))
    expect(manifest.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
    expect(manifest.rows).toContainEqual({ table: 'public.customers', rows: 20_000 })
    expect(manifest.restoreTest).toMatchObject({ outcome: 'passed', milliseconds: expect.any(Number) })
    expect((await stat(join(directory, manifest.file))).mode & 0o077).toBe(0)
    expect(progress).toContainEqual(
      expect.stringMatching(/^dumping public.customers.* \(table \d of 2, about .+ of [\d.]+ MB\)$/),
    )
    expect((await readdir(directory)).sort()).toEqual(['run-42.dump', 'run-42.dump.json'])

    const empty = await postgres.database()
    const env = { ...process.env, ...libpqEnvironment(new Sensitive(empty)) }
    const restore = ['--exit-on-error', '--single-transaction', `--dbname=${new URL(empty).pathname.slice(1)}`]
    await promisify(execFile)('pg_restore', [...restore, join(directory, manifest.file)], { env })
    expect(await ask(empty, 'select count(*)::int as n from customers')).toEqual([{ n: 20_000 }])
  })

  it('verifies and returns a finished backup instead of making it twice', async () => {
    const first = await backups.create('run-42', quiet, never)
    expect(await backups.create('run-42', quiet, never)).toEqual(first)
    expect(await backups.verify('run-42.dump', never)).toEqual(first)
  })

  it('finds a backup that was cut, changed or never finished', async () => {
    // Where no restore proves it, it has to be in a format whose reading does.
    const untried = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
    const { file, sha256 } = await untried.create('run-42', quiet, never)
    const path = join(directory, file)
    const [data = ''] = (await readdir(path)).filter((name) => /\.(gz|zst)$/.test(name))
    const whole = await readFile(join(path, data))
    await truncate(join(path, data), Math.floor(whole.length / 2))
    await expect(backups.verify(file, never)).rejects.toMatchObject({ code: 'backup_damaged' })

    // Even when the manifest agrees with the cut file, reading it through shows it.
    const manifest = JSON.parse(await readFile(`${path}.json`, 'utf8')) as object
    await writeFile(`${path}.json`, JSON.stringify({ ...manifest, ...(await fingerprint(path)) }))
    await expect(backups.verify(file, never)).rejects.toMatchObject({
      code: 'backup_damaged',
      evidence: [expect.stringContaining('pg_restore: error')],
    })
    await writeFile(join(path, data), whole)
    await writeFile(`${path}.json`, JSON.stringify(manifest))
    expect((await backups.verify(file, never)).sha256).toBe(sha256)
    await rm(join(path, data))
    await expect(backups.verify(file, never)).rejects.toMatchObject({ code: 'backup_damaged' })
    await expect(backups.verify('run-7.dump', never)).rejects.toMatchObject({ code: 'backup_missing' })
  })

  it('tries every backup out, beside writers that go on, and leaves no database behind', async () => {
    const busy = await postgres.database()
    await ask(busy, `create table events (id bigserial primary key, body text)`)
    let writing = true
    // A wait for a lock of more than 100 ms ends the writer, and the test.
    const writer = sessionWith(busy, `set lock_timeout = '100ms'`).then(async (session) => {
      while (writing) {
        await session.query(`insert into events (body) select 'x' from generate_series(1, 10)`)
        await session.query(`update events set body = 'y' where id = (select max(id) - 5 from events)`)
      }
      await session.end()
    })
    await vi.waitFor(async () => expect(await ask(busy, 'select from events limit 1')).toHaveLength(1))
    const manifest = await openBackups({ url: new Sensitive(busy), directory }).create('busy', quiet, never)
    writing = false
    await writer
    const [now] = await ask(busy, 'select count(*)::int as n from events')
    const counted = manifest.rows.find(({ table }) => table === 'public.events')?.rows ?? 0
    expect(counted).toBeGreaterThan(0)
    expect(counted).toBeLessThan(now?.['n'] as number)
    expect(manifest.restoreTest.outcome).toBe('passed')
    expect(await scratchDatabases(busy)).toEqual([])
  })

  it('keeps the rows that it tries out of the WAL, but for what permanent tables lean on', async () => {
    const definitions = `
      create table plain (id int primary key);
      create table shared (id int primary key);
      create table published (id int primary key, shared int);
      create table parts (id int, shared int) partition by range (id);
      create table parts_1 partition of parts for values from (0) to (10)`
    const rest = `
      alter table published add foreign key (shared) references shared;
      alter table parts add foreign key (shared) references shared;
      alter table plain add foreign key (id) references published;
      create publication p for table published;
      create publication everything for all tables`
    const [source, scratch] = [await postgres.database(), await postgres.database()]
    await ask(source, `${definitions};${rest}`)
    await ask(scratch, definitions)
    await withoutWal(new Sensitive(scratch), new Sensitive(source), 'trying out', never)
    await ask(scratch, rest)
    const unlogged = `select relname as name from pg_class where relpersistence = 'u' and relkind in ('r', 'p') order by 1`
    expect(await ask(scratch, unlogged)).toEqual([{ name: 'parts_1' }, { name: 'plain' }])
    const theirs = openBackups({ url: new Sensitive(source), directory })
    expect((await theirs.create('published', quiet, never)).restoreTest).toMatchObject({ outcome: 'passed' })
  })

  it('drops the scratch database that a crash has left, at the next try', async () => {
    const source = await postgres.database()
    const name = new URL(source).pathname.slice(1)
    await ask(source, 'create table a (id int)')
    const cancel = new AbortController()
    const onProgress = (line: string): void => {
      if (line.startsWith('comparing')) cancel.abort(new Error('cancelled'))
    }
    const ours = openBackups({ url: new Sensitive(source), directory })
    await expect(ours.create('one', onProgress, cancel.signal)).rejects.toThrow('cancelled')
    expect(await scratchDatabases(source)).toEqual([])
    const seen: string[] = []
    const watch = async (): Promise<void> => {
      seen.push(...(await scratchDatabases(source)))
    }
    const watching = vi.waitFor(
      async () => {
        await watch()
        expect(seen).not.toEqual([])
      },
      { interval: 5, timeout: 20_000 },
    )
    await Promise.all([ours.create('two', quiet, never), watching])
    const [scratch = ''] = seen
    expect(scratch).toContain(`${name}_purser_test_`)
    await ask(source, `create database "${scratch}"`)
    expect((await ours.create('three', quiet, never)).restoreTest.outcome).toBe('passed')
    expect(await scratchDatabases(source)).toEqual([])
  })

  it('says why it cannot try a backup out, and makes it all the same', async () => {
    const source = await postgres.database()
    const name = new URL(source).pathname.slice(1)
    await ask(source, `create role ${name} login password 'x'; alter database ${name} owner to ${name}`)
    const limited = new URL(source)
    limited.username = name
    limited.password = 'x'
    await ask(source, `create table a (id int); alter table a owner to ${name}`)
    const ours = openBackups({ url: new Sensitive(limited.href), directory })
    const reason = `${name} isn't allowed to create databases (CREATEDB)`
    expect(await ours.whyNoTestRestore(never)).toBe(reason)
    expect((await ours.create('limited', quiet, never)).restoreTest).toEqual({ outcome: 'skipped', reason })
    const off = openBackups({ url: new Sensitive(source), directory, testRestore: { enabled: false } })
    expect(await off.whyNoTestRestore(never)).toMatch(/switched off/)
    await ask(source, `alter database ${name} owner to current_user; reassign owned by ${name} to current_user`)
    await ask(source, `drop role ${name}`)
  })

  it('keeps as many as the rule says, and always the last that was proven', async () => {
    const template = await backups.create('a_1', quiet, never)
    const dates = { a_1: '2026-01-01', a_2: '2026-02-01', a_3: '2026-03-01', a_4: '2026-04-01', b_1: '2026-01-01' }
    for (const [name, day] of Object.entries(dates)) {
      const file = `${name}.dump`
      const restoreTest = name === 'a_1' ? template.restoreTest : { outcome: 'skipped', reason: 'x' }
      await mkdir(join(directory, file), { recursive: true })
      await writeFile(
        join(directory, `${file}.json`),
        JSON.stringify({ ...template, file, finishedAt: `${day}T00:00:00.000Z`, restoreTest }),
      )
    }
    const owns = (file: string): boolean => file.startsWith('a_')
    const now = new Date('2026-04-10')
    expect(await backups.retain({ keep: 2, days: 60, now, owns }, never)).toEqual(['a_2.dump'])
    expect((await backups.list(never)).map(({ file }) => file).sort()).toEqual(
      ['a_1', 'a_3', 'a_4', 'b_1'].map((it) => `${it}.dump`),
    )
    expect((await readdir(directory)).filter((name) => name.startsWith('a_2'))).toEqual([])
  })

  it('lets go what attempts that died a day ago left, and nothing else', async () => {
    const old = new Date(Date.now() - 25 * 3_600_000)
    for (const name of [
      'dead.dump.partial',
      'dead.dump.fetched',
      'young.dump.partial',
      'other.dump',
      'others.partial',
    ]) {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'toc.dat'), 'half')
      if (!name.startsWith('young')) await utimes(join(directory, name), old, old)
    }
    await backups.retain({ keep: 1, days: 1, now: new Date(), owns: () => false }, never)
    expect((await readdir(directory)).sort()).toEqual(['other.dump', 'others.partial', 'young.dump.partial'])
  })

  it('overwrites the remains of an attempt that died', async () => {
    for (const name of ['run-42.dump.partial', 'run-42.dump']) {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'toc.dat'), 'half, or renamed without a manifest')
    }
    await backups.create('run-42', quiet, never)
    await backups.verify('run-42.dump', never)
  })

  it('can be cancelled while it waits for a lock, and leaves nothing', async () => {
    const locked = await postgres.database()
    await ask(locked, 'create table held (id bigint)')
    const blocked = openBackups({ url: new Sensitive(locked), directory })
    const holder = await sessionWith(locked, 'begin; lock table held')
    const waiting = `select wait_event_type from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    const running = blocked.create('run-42', quiet, cancel.signal)
    running.catch(() => {})
    await vi.waitFor(async () => expect(await ask(locked, waiting)).toHaveLength(1), { timeout: 5_000 })
    cancel.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect(await readdir(directory)).toEqual([])
    expect(await ask(locked, waiting)).toEqual([])
    await holder.end()
  })

  it('says what is wrong in words: address, password, name', async () => {
    const wrong = new URL(url)
    wrong.password = 'hunter2'
    const refused: unknown = await openBackups({ url: new Sensitive(wrong.href), directory })
      .create('x', quiet, never)
      .catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'authentication_failed' })
    expect(JSON.stringify(refused)).not.toContain('hunter2')
    await expect(backups.create('../etc/passwd', quiet, never)).rejects.toMatchObject({ code: 'backup_name' })
  })

  it('takes the tools of the server’s own version, or says which to install and where they are named', async () => {
    const tools = (version: string, complaint = '') => fakeTools(join(directory, version), version, complaint)
    const using = (...toolDirectories: string[]) => openBackups({ url: new Sensitive(url), directory, toolDirectories })
    const server = Math.floor(Number((await ask(url, 'show server_version_num'))[0]?.['server_version_num']) / 10_000)
    const versions = [`${server - 1}.3`, `${server}.1`, `${server + 1}.0`] as const
    const [older, same, newer] = await Promise.all([tools(versions[0]), tools(versions[1]), tools(versions[2])])
    expect(await using(newer, older, same).clientVersion(never)).toEqual({ text: versions[1], major: server })
    expect((await using(older, newer).clientVersion(never)).major).toBe(server + 1)
    const late = using(older)
    for (const attempt of [() => late.clientVersion(never), () => late.create('x', quiet, never)])
      await expect(attempt()).rejects.toMatchObject({
        code: 'client_tools_too_old',
        message: expect.stringContaining(`pg_dump ${versions[0]} (${older}) cannot dump a PostgreSQL ${server} server`),
        hint: expect.stringContaining(`/usr/lib/postgresql/${server}/bin`),
      })
    await expect(using(join(directory, 'nowhere')).clientVersion(never)).rejects.toMatchObject({
      code: 'client_tools_missing',
      hint: expect.stringContaining('apt-get install postgresql-client'),
    })
    const denied = await tools(`${server}.2`, 'pg_dump: error: permission denied for table customers')
    await expect(using(denied).create('x', quiet, never)).rejects.toMatchObject({ code: 'permission_denied' })
    expect((await backups.clientVersion(never)).major).toBeGreaterThanOrEqual(server)
  })

  it('does not begin when the disk has no room for it, by how much the former ones took', async () => {
    const manifest = await backups.create('former', quiet, never)
    expect(manifest.sourceBytes).toBeGreaterThan(1_000_000)
    const path = join(directory, 'former.dump.json')
    await writeFile(path, JSON.stringify({ ...manifest, bytes: 1e18 }))
    await expect(backups.create('next', quiet, never)).rejects.toMatchObject({
      code: 'backup_disk_full',
      message: expect.stringMatching(/needs about [\d.]+ TB in .+, [\d.]+ [GT]B are free/),
      hint: expect.stringMatching(/^Free [\d.]+ TB there, or put PURSER_BACKUP_DIR on a larger volume/),
    })
    expect((await readdir(directory)).sort()).toEqual(['former.dump', 'former.dump.json'])
  })

  it('backs up the chosen schemas alone, and tries them out on what they lean on', async () => {
    const source = await postgres.database()
    await ask(
      source,
      `create schema auth; create schema "Odd ""one"""; create function auth.uid() returns int language sql stable as 'select 1';
       create domain auth.mail as text; create table auth.users (id int primary key); insert into auth.users values (1), (2);
       create table public.invoices (id serial primary key, mail auth.mail, by int references auth.users default auth.uid());
       alter table public.invoices enable row level security;
       create policy own on public.invoices using (by = auth.uid());
       insert into public.invoices (mail) select 'A@x' from generate_series(1, 3);
       create table "Odd ""one"""."t.1" (id int references public.invoices); insert into "Odd ""one"""."t.1" values (2)`,
    )
    const schemas = ['public', 'Odd "one"']
    const ours = openBackups({ url: new Sensitive(source), directory, schemas })
    const manifest = await ours.create('chosen', quiet, never)
    expect(manifest).toMatchObject({ schemas, tables: ['Odd "one".t.1', 'public.invoices'] })
    expect(manifest.restoreTest.outcome).toBe('passed')
    expect(manifest.rows).toContainEqual({ table: 'public.invoices', rows: 3 })
    expect(manifest.rows.map(({ table }) => table)).not.toContain('auth.users')
    expect((await readdir(directory)).sort()).toEqual(['chosen.dump', 'chosen.dump.json'])

    // Swapped in, it would take the other schemas away.
    const restores = openRestores({ url: new Sensitive(source), directory })
    const restore = { names: restores.names(9), file: manifest.file, sha256: manifest.sha256, onProgress: quiet }
    await expect(restores.prepare(restore, never)).rejects.toMatchObject({ code: 'backup_partial' })
    const missing = openBackups({ url: new Sensitive(source), directory, schemas: ['public', 'billing'] })
    await expect(missing.create('x', quiet, never)).rejects.toMatchObject({ code: 'schema_missing' })
  })

  it('ends on the server too when it is cancelled in the middle of a table', async () => {
    const large = await postgres.database()
    await ask(large, `create table large as select n, repeat(md5(n::text), 30) from generate_series(1, 150000) n`)
    const others = `select query from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`
    const copying = `select relid from pg_stat_progress_copy where datname = current_database()`
    const cancel = new AbortController()
    const running = openBackups({ url: new Sensitive(large), directory }).create('large', quiet, cancel.signal)
    running.catch(() => {})
    await vi.waitFor(async () => expect(await ask(large, copying)).not.toEqual([]), { timeout: 10_000, interval: 10 })
    cancel.abort(new Error('cancelled by Dana'))
    await expect(running).rejects.toThrow('cancelled by Dana')
    await vi.waitFor(async () => expect(await ask(large, others)).toEqual([]), { timeout: 10_000 })
    expect(await readdir(directory)).toEqual([])
  })
})

async function scratchDatabases(url: string): Promise<string[]> {
  const like = `${new URL(url).pathname.slice(1)}_purser_test_%`
  return (await ask(url, `select datname from pg_database where datname like '${like}'`)).map((row) =>
    String(row['datname']),
  )
}

/** Tools that know their version and can do nothing else. */
async function fakeTools(directory: string, version: string, complaint: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  for (const program of ['pg_dump', 'pg_restore']) {
    const answer = `[ "$1" = --version ] && echo '${program} (PostgreSQL) ${version}' && exit 0`
    await writeFile(join(directory, program), `#!/bin/sh\n${answer}\necho '${complaint}' >&2\nexit 1\n`)
    await chmod(join(directory, program), 0o755)
  }
  return directory
}
