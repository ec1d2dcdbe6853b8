import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openBackups } from '../src/adapters/postgres/backups/backups.ts'
import { parallelJobs } from '../src/adapters/postgres/restores/new-database.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import { median, type Result, takeTurns } from './measure.ts'

const signal = new AbortController().signal

/**
 * The runbook's `pg_dump > file.sql` and the raw `pg_dump -Fd -j` (at its own compression level, and at Purser's), which prove nothing,
 * beside Purser's backup: its dump with counts and checksum, and the whole of it with the restore that tries it out.
 */
export async function measureBackup(url: string, directory: string, runs: number): Promise<readonly Result[]> {
  const backups = openBackups({ url: new Sensitive(url), directory })
  await mkdir(directory, { recursive: true })
  const plain = join(directory, 'backup.sql')
  const raw = join(directory, 'raw')
  const jobs = parallelJobs()
  const dump = async (...more: readonly string[]): Promise<void> => {
    await rm(raw, { recursive: true, force: true })
    await run('pg_dump', ['--format=directory', `--jobs=${jobs}`, ...more, `--file=${raw}`, url])
  }
  const sizes = { raw6: 0, raw1: 0, ours: 0 }
  const dumped: number[] = []
  let turn = 0
  const times = await takeTurns(runs, {
    plain: () => run('pg_dump', [url], plain),
    raw6: async () => {
      await dump()
      sizes.raw6 = await sizeOf(raw)
    },
    raw1: async () => {
      await dump('--compress=1')
      sizes.raw1 = await sizeOf(raw)
    },
    ours: async () => {
      const began = performance.now()
      let proving = 0
      const file = `bench-${(turn += 1)}`
      const { bytes } = await backups.create(
        file,
        (line) => {
          // The first line of the restore that tries it out.
          if (proving === 0 && !line.startsWith('dumping')) proving = performance.now() - began
        },
        signal,
      )
      sizes.ours = bytes
      dumped.push(proving)
      await rm(join(directory, `${file}.dump`), { recursive: true })
      await rm(join(directory, `${file}.dump.json`))
    },
  })
  const written = (await stat(plain)).size
  await rm(directory, { recursive: true, force: true })
  const counted = dumped.slice(-runs)
  const ours = { name: 'dump, counts, checksum', milliseconds: counted }
  return [
    { what: 'backup, runbook', rival: { name: 'pg_dump > file.sql', milliseconds: times.plain }, ours, runs },
    { what: 'backup, raw tool', rival: { name: `pg_dump -Fd -j${jobs}`, milliseconds: times.raw6 }, ours, runs },
    {
      what: 'backup, raw tool, same level',
      rival: { name: `pg_dump -Fd -j${jobs} -Z1`, milliseconds: times.raw1 },
      ours,
      runs,
    },
    {
      what: 'backup, proven, same level',
      rival: { name: `pg_dump -Fd -j${jobs} -Z1`, milliseconds: times.raw1 },
      ours: { name: 'dump and test restore', milliseconds: times.ours },
      runs,
    },
    {
      what: 'backup, proven',
      rival: { name: 'pg_dump > file.sql', milliseconds: times.plain },
      ours: { name: 'dump and test restore', milliseconds: times.ours },
      runs,
      note: `backup files: file.sql ${megabytes(written)}, raw -Z6 ${megabytes(sizes.raw6)}, -Z1 ${megabytes(sizes.raw1)}, Purser's dump ${megabytes(sizes.ours)}; the proof takes ${(median(times.ours.map((our, index) => our - (counted[index] ?? 0))) / 1_000).toFixed(1)} s`,
    },
  ]
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
