import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Major } from '../../sandbox/postgres/home.ts'
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/server.ts'

export interface TestPostgres {
  /** A fresh, empty database; its address. */
  database(): Promise<string>
  /** Undefined when TEST_DATABASE_URL names the server. */
  readonly server: PostgresServer | undefined
  close(): Promise<void>
}

/** The server that TEST_DATABASE_URL names (its user must be allowed to create databases), else one of our own; always our own when a major is asked for. */
export async function startTestPostgres(major?: Major): Promise<TestPostgres> {
  const given = major === undefined ? process.env['TEST_DATABASE_URL'] : undefined
  const directory = given === undefined ? await mkdtemp(join(tmpdir(), 'purser-test-postgres-')) : undefined
  const server =
    directory === undefined ? undefined : await startPostgres({ directory, ...(major === undefined ? {} : { major }) })
  const made: string[] = []
  const admin = (): string => given ?? server?.adminUrl ?? ''
  return {
    server,
    async database() {
      const name = `purser_test_${randomBytes(5).toString('hex')}`
      // Copying files is quicker than the default, but PostgreSQL 14 does not know the words.
      const quickly = given === undefined ? 'strategy file_copy' : ''
      await ask(admin(), `create database ${name} template template0 ${quickly}`)
      made.push(name)
      const url = new URL(admin())
      url.pathname = `/${name}`
      return url.href
    },
    async close() {
      if (given !== undefined) for (const name of made) await ask(given, `drop database ${name} with (force)`)
      await server?.close()
      if (directory !== undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Runs SQL on a connection of its own; rows of the last statement. */
export async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return rowsOf(await client.query(sql))
  } finally {
    await client.end()
  }
}

/** Asks the same database again and again: a connection for each question costs the server more than the question. */
export function asker(url: string): {
  readonly ask: (sql: string) => Promise<Record<string, unknown>[]>
  readonly close: () => Promise<void>
} {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  return { ask: async (sql) => rowsOf(await pool.query(sql)), close: () => pool.end() }
}

function rowsOf(answer: pg.QueryResult | pg.QueryResult[]): Record<string, unknown>[] {
  return Array.isArray(answer) ? (answer.at(-1)?.rows ?? []) : answer.rows
}

/** A session that has run the SQL and stays open, with its transaction and locks, until `end()`. */
export async function sessionWith(url: string, sql: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query(sql)
  return client
}
