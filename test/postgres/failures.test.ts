import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/server.ts'
import { migration } from '../contract/database.ts'
import { ask } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

describe('a database server that fails', () => {
  let directory: string
  let server: PostgresServer
  let url: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'purser-failures-'))
    server = await startPostgres({ directory })
    await server.createDatabase('app')
    url = server.url('app')
  })
  afterAll(async () => {
    await server.close()
    await rm(directory, { recursive: true, force: true })
  })

  const active = (mark: string) => async (): Promise<void> => {
    const rows = await ask(
      url,
      `select from pg_stat_activity where query like '%${mark}%' and state = 'active' and pid <> pg_backend_pid()`,
    )
    expect(rows).toHaveLength(1)
  }

  it('may crash in the middle of a migration: nothing is half done, and a repeat applies it', async () => {
    const database = openDatabase({ url: new Sensitive(url) })
    const slow = migration('1_crash.sql', 'create table crashed (id bigint); select pg_sleep(60) as purser_crash')
    const applying = database.apply(slow, never)
    applying.catch(() => {})
    await vi.waitFor(active('purser_crash'), { timeout: 5_000 })
    await server.restart('immediate')
    await expect(applying).rejects.toMatchObject({ transient: true })
    expect(await database.missingTables(['crashed'], never)).toEqual(['crashed'])
    expect(await database.ledger(never)).toEqual([])
    const quick = migration('1_crash.sql', 'create table crashed (id bigint)')
    expect((await database.apply(quick, never)).outcome).toBe('applied')
  })

  it('is a temporary error while it is down, for queries and for backups', async () => {
    await server.stop()
    const database = openDatabase({ url: new Sensitive(url) })
    const backups = openBackups({ url: new Sensitive(url), directory: join(directory, 'backups') })
    await expect(database.ledger(never)).rejects.toMatchObject({ code: 'database_unreachable', transient: true })
    await expect(backups.create('x', quiet, never)).rejects.toMatchObject({
      code: 'database_unreachable',
      transient: true,
    })
    await server.start()
    expect((await backups.create('x', quiet, never)).tables).toContain('public.crashed')
  })

  it('releases the migration lock of a worker that was killed', async () => {
    const script = `
      import { openDatabase } from './src/adapters/postgres/database.ts'
      import { Sensitive } from './src/sensitive.ts'
      const sql = 'create table orphaned (id bigint); select pg_sleep(1.5) as purser_orphan'
      const file = { version: '2', name: '2_orphan.sql', sha256: 'x', sql }
      await openDatabase({ url: new Sensitive(process.env.URL) })
        .apply({ file, run: 1, release: 'v', lockTimeoutMs: 500, statementTimeoutMs: 60000 }, new AbortController().signal)`
    const worker = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, URL: url },
      stdio: 'ignore',
    })
    await vi.waitFor(active('purser_orphan'), { timeout: 10_000 })
    worker.kill('SIGKILL')
    const retries: (readonly string[])[] = []
    const onRetry = (_attempt: number, blockers: readonly string[]): void => void retries.push(blockers)
    const again = { ...migration('2_orphan.sql', 'create table orphaned (id bigint)'), onRetry }
    const outcome = await openDatabase({ url: new Sensitive(url) }).apply(again, never)
    // The server may finish what the dead worker had begun only up to its next message: nothing of it was committed.
    expect(outcome.outcome).toBe('applied')
    expect(retries[0]?.[0]).toMatch(/^pid \d+ \(purser, another migration\)$/)
  })
})

describe('the sandbox’s own server', () => {
  it('finds its databases again, also when the last sandbox was killed and its server still runs', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'purser-leftover-'))
    const script = `
      import { startPostgres } from './sandbox/postgres/server.ts'
      const server = await startPostgres({ directory: process.env.DIRECTORY })
      await server.createDatabase('kept')
      console.log(server.adminUrl)
      process.kill(process.pid, 'SIGKILL')`
    const sandbox = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, DIRECTORY: directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let adminUrl = ''
    sandbox.stdout.on('data', (chunk: Buffer) => (adminUrl += chunk.toString().trim()))
    await new Promise((resolve) => sandbox.once('close', resolve))
    expect(await ask(adminUrl, 'select 1 as still_running')).toHaveLength(1)

    const server = await startPostgres({ directory })
    try {
      await server.createDatabase('kept')
      expect(await ask(server.url('kept'), 'select 1 as one')).toHaveLength(1)
      await expect(ask(adminUrl, 'select 1')).rejects.toThrow(/ECONNREFUSED|authentication/)
    } finally {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    }
    await expect(ask(server.adminUrl, 'select 1')).rejects.toThrow('ECONNREFUSED')
  })
})
