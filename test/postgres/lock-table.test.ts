import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enoughFor } from '../../src/adapters/postgres/backups/lock-room.ts'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/server.ts'
import { migration } from '../contract/database.ts'
import { sessionWith } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

/** A server whose table of locks is as small as it can be, so that a few hundred tables are what 5,000 are elsewhere. */
const small = {
  max_locks_per_transaction: '10',
  max_connections: '12',
  max_prepared_transactions: '0',
  max_worker_processes: '1',
  autovacuum_max_workers: '1',
  max_wal_senders: '0',
  shared_buffers: '1MB',
  autovacuum: 'off',
} as const

describe('a server with little room for locks', () => {
  let directory: string
  let server: PostgresServer
  let url: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'purser-locks-'))
    server = await startPostgres({ directory, settings: small })
    await server.createDatabase('app')
    url = server.url('app')
  }, 60_000)
  afterAll(async () => {
    await server.close()
    await rm(directory, { recursive: true, force: true })
  })

  const tables = async (from: number, to: number): Promise<void> => {
    // One transaction each, as many together would need as much room as the dump.
    const session = await sessionWith(url, 'select 1')
    for (let n = from; n < to; n += 1) await session.query(`create table t${n} as select 1 as id`)
    await session.end()
  }

  it('backs up what pg_dump alone could', async () => {
    await tables(0, 200)
    const { rows } = await openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } }).create(
      'many',
      quiet,
      never,
    )
    expect(rows).toHaveLength(201)
    expect(rows.slice(1).every(({ table, rows: count }) => table.startsWith('pg_catalog') || count === 1)).toBe(true)
  }, 60_000)

  it('is told with which setting its tables could be locked, and nobody is asked to try again', async () => {
    await tables(200, 500)
    const backups = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
    await expect(backups.create('too-many', quiet, never)).rejects.toMatchObject({
      code: 'lock_table_full',
      message: expect.stringContaining('500 tables need a lock each'),
      hint: expect.stringMatching(/^Set max_locks_per_transaction to 5\d or more on the server and restart it\.$/),
      transient: false,
    })
    const sql =
      'do $$ declare t text; begin for t in select relname from pg_class where relname ~ $a$^t\\d$a$ loop execute format($a$lock table %I in share mode$a$, t); end loop; end $$'
    await expect(
      openDatabase({ url: new Sensitive(url) }).apply(migration('1_all.sql', sql), never),
    ).rejects.toMatchObject({
      code: 'lock_table_full',
      transient: false,
      hint: expect.stringContaining('max_locks_per_transaction'),
    })
  }, 60_000)

  it.each([
    [5_000, { perTransaction: 64, slots: 100, held: 0 }, 128],
    [20_000, { perTransaction: 64, slots: 100, held: 500 }, 245],
    [100, { perTransaction: 10, slots: 12, held: 0 }, 20],
  ])('needs a larger setting for %i tables than it has', (count, room, enough) => {
    expect(enoughFor(count, room)).toBe(enough)
  })
})
