import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { openBackups } from '../src/adapters/postgres/backups/backups.ts'
import { parallelJobs } from '../src/adapters/postgres/restores/new-database.ts'
import { openRestores } from '../src/adapters/postgres/restores/restores.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import { type Result, takeTurns, timed } from './measure.ts'

const never = new AbortController().signal
const quiet = (): void => {}

/**
 * The runbook's `psql < file.sql` and the raw `pg_restore -j`, each into an empty database, beside Purser's own, which also
 * analyzes and compares with the snapshot. The service stands still for psql's whole time there, for the swap of names here.
 */
export async function measureRestore(url: string, directory: string, runs: number): Promise<readonly Result[]> {
  const secret = new Sensitive(url)
  const backups = openBackups({ url: secret, directory, testRestore: { enabled: false } })
  const restores = openRestores({ url: secret, directory })
  await mkdir(directory, { recursive: true })
  const plain = join(directory, 'file.sql')
  const raw = join(directory, 'raw')
  const jobs = parallelJobs()
  await run('pg_dump', [url], plain)
  await run('pg_dump', ['--format=directory', `--jobs=${jobs}`, '--compress=1', `--file=${raw}`, url])
  const { file, sha256 } = await backups.create('bench-1', quiet, never)

  const empty = emptyDatabase(url)
  let number = 0
  const prepared: number[] = []
  const swaps: number[] = []
  const times = await takeTurns(runs, {
    psql: async () => {
      await empty.renew()
      await run('psql', ['--no-psqlrc', '--quiet', `--dbname=${empty.url}`, `--file=${plain}`])
    },
    raw: async () => {
      await empty.renew()
      await run('pg_restore', [`--jobs=${jobs}`, `--dbname=${empty.url}`, raw])
    },
    analyzed: async () => {
      await empty.renew()
      await run('pg_restore', [`--jobs=${jobs}`, `--dbname=${empty.url}`, raw])
      await run('psql', ['--no-psqlrc', '--quiet', `--dbname=${empty.url}`, '--command=analyze'])
    },
    ours: async () => {
      const names = restores.names((number += 1))
      prepared.push(
        await timed(async () => void (await restores.prepare({ names, file, sha256, onProgress: quiet }, never))),
      )
      swaps.push(await timed(async () => void (await restores.swap(names, never))))
      await restores.swapBack(names, never)
      await restores.discard(names, never)
    },
  })
  await empty.drop()
  await rm(directory, { recursive: true, force: true })
  const counted = (all: readonly number[]) => all.slice(-runs)
  const ours = {
    name: 'restore, analyze, compare, swap',
    milliseconds: counted(prepared.map((one, index) => one + (swaps[index] ?? 0))),
  }
  return [
    { what: 'restore, runbook', rival: { name: 'psql < file.sql', milliseconds: times.psql }, ours, runs },
    { what: 'restore, raw tool', rival: { name: `pg_restore -j${jobs}`, milliseconds: times.raw }, ours, runs },
    {
      what: 'restore, raw tool, ready to serve',
      rival: { name: `pg_restore -j${jobs}, analyze`, milliseconds: times.analyzed },
      ours,
      runs,
    },
    {
      what: 'downtime, without the pods’ own',
      rival: { name: 'psql < file.sql', milliseconds: times.psql },
      ours: { name: 'swap', milliseconds: counted(swaps) },
      runs,
    },
  ]
}

function emptyDatabase(url: string) {
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
