import { chmod, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups.ts'
import { libpqEnvironment } from '../../src/adapters/postgres/libpq.ts'
import type { Backups } from '../../src/adapters/postgres/port.ts'
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
    expect(manifest.bytes).toBe((await stat(join(directory, manifest.file))).size)
    expect((await stat(join(directory, manifest.file))).mode & 0o077).toBe(0)
    expect(progress).toContain('dumping public.customers')
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
    const { file, bytes, sha256 } = await backups.create('run-42', quiet, never)
    const path = join(directory, file)
    await truncate(path, Math.floor(bytes / 2))
    await expect(backups.verify(file, never)).rejects.toMatchObject({ code: 'backup_damaged' })

    // Even when the manifest agrees with the cut file, reading it through shows it.
    const manifest = await readFile(`${path}.json`, 'utf8')
    const { createHash } = await import('node:crypto')
    const cut = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    await writeFile(`${path}.json`, manifest.replace(sha256, cut).replace(`${bytes}`, `${Math.floor(bytes / 2)}`))
    await expect(backups.verify(file, never)).rejects.toMatchObject({
      code: 'backup_damaged',
      evidence: [expect.stringContaining('pg_restore: error')],
    })
    await expect(backups.verify('run-7.dump', never)).rejects.toMatchObject({ code: 'backup_missing' })
  })

  it('overwrites the remains of an attempt that died', async () => {
    await writeFile(join(directory, 'run-42.dump.partial'), 'half')
    await writeFile(join(directory, 'run-42.dump'), 'renamed, but its manifest was never written')
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

  it('says what is wrong in words: address, password, name, tools', async () => {
    const wrong = new URL(url)
    wrong.password = 'hunter2'
    const refused: unknown = await openBackups({ url: new Sensitive(wrong.href), directory })
      .create('x', quiet, never)
      .catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'authentication_failed' })
    expect(JSON.stringify(refused)).not.toContain('hunter2')
    await expect(backups.create('../etc/passwd', quiet, never)).rejects.toMatchObject({ code: 'backup_name' })
    expect((await backups.clientVersion(never)).major).toBeGreaterThanOrEqual(13)
    const path = process.env['PATH']
    process.env['PATH'] = directory
    try {
      await expect(backups.clientVersion(never)).rejects.toMatchObject({
        code: 'client_tools_missing',
        hint: expect.stringContaining('apt-get install postgresql-client'),
      })
      await fakeDump(directory, 'pg_dump: error: aborting because of server version mismatch')
      await expect(backups.create('x', quiet, never)).rejects.toMatchObject({ code: 'client_tools_too_old' })
    } finally {
      process.env['PATH'] = path
    }
  })
})

async function fakeDump(directory: string, complaint: string): Promise<void> {
  const path = join(directory, 'pg_dump')
  await writeFile(path, `#!/bin/sh\necho '${complaint}' >&2\nexit 1\n`)
  await chmod(path, 0o755)
}
