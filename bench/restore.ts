import { mkdir, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openBackups } from '../src/adapters/postgres/backups.ts'
import { openRestores } from '../src/adapters/postgres/restores.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import type { Result } from './measure.ts'
import { inTurns, median, timed } from './measure.ts'

const runs = 3
const jobs = Math.min(8, Math.max(1, cpus().length))
const never = new AbortController().signal
const quiet = (): void => {}

/**
 * The runbook's `psql < file.sql` and the raw tools (`pg_dump -Fd -j`, `pg_restore -j`), each into an empty database, beside
 * Purser's own, which also reads through, checks and counts. The service stands still for the swap only.
 */
export async function measureRestore(url: string, directory: string): Promise<readonly Result[]> {
  const secret = new Sensitive(url)
  const backups = openBackups({ url: secret, directory, testRestore: { enabled: false } })
  const restores = openRestores({ url: secret, directory })
  await mkdir(directory, { recursive: true })
  const plain = join(directory, 'file.sql')
  const raw = join(directory, 'raw')
  let turn = 0
  const dumps = await inTurns(
    runs,
    async () => {
      await rm(raw, { recursive: true, force: true })
      await run('pg_dump', ['--format=directory', `--jobs=${jobs}`, `--file=${raw}`, url])
    },
    async () => void (await backups.create(`bench-${(turn += 1)}`, quiet, never)),
  )
  await run('pg_dump', [url], plain)
  const { file, sha256 } = await backups.create('bench-1', quiet, never)

  const empty = await emptyDatabase(url)
  let number = 0
  const swaps: number[] = []
  const ours = async (): Promise<void> => {
    const names = restores.names((number += 1))
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
    swaps.push(await timed(async () => void (await restores.swap(names, never))))
    await restores.swapBack(names, never)
    await restores.discard(names, never)
  }
  const psql = await inTurns(
    runs,
    async () => {
      await empty.renew()
      await run('psql', ['--no-psqlrc', '--quiet', `--dbname=${empty.url}`, `--file=${plain}`])
    },
    ours,
  )
  const restored = await inTurns(
    runs,
    async () => {
      await empty.renew()
      await run('pg_restore', [`--jobs=${jobs}`, `--dbname=${empty.url}`, raw])
    },
    ours,
  )
  await empty.drop()
  await rm(directory, { recursive: true, force: true })
  return [
    {
      what: 'backup, raw tool',
      rival: { name: `pg_dump -Fd -j${jobs}`, milliseconds: dumps.rival },
      ours: { name: 'dump, counts, read-through, checksum', milliseconds: dumps.ours },
      runs,
    },
    {
      what: 'restore, runbook',
      rival: { name: 'psql < file.sql', milliseconds: psql.rival },
      ours: { name: 'restore, analyze, compare, swap', milliseconds: psql.ours },
      runs,
    },
    {
      what: 'restore, raw tool',
      rival: { name: `pg_restore -j${jobs}`, milliseconds: restored.rival },
      ours: { name: 'restore, analyze, compare, swap', milliseconds: restored.ours },
      runs,
      note: `without a database under its name: ${Math.round(median(swaps))} ms (the swap), against the whole of psql's time`,
    },
  ]
}

async function emptyDatabase(url: string) {
  const name = 'bench_restore'
  const address = new URL(url)
  address.pathname = `/${name}`
  const sql = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(text)
    await client.end()
  }
  const drop = () => sql(`drop database if exists ${name} with (force)`)
  return {
    url: address.href,
    drop,
    renew: async () => {
      await drop()
      await sql(`create database ${name} template template0`)
    },
  }
}
