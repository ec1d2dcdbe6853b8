import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openBackups } from '../src/adapters/postgres/backups.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import type { Result } from './measure.ts'
import { inTurns } from './measure.ts'

const runs = 3

/** Dump and read-through, without the restore that tries it out, beside the runbook's `pg_dump > file.sql`, which proves nothing. */
export async function measureBackup(url: string, directory: string): Promise<Result> {
  const backups = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
  await mkdir(directory, { recursive: true })
  const plain = join(directory, 'backup.sql')
  const signal = new AbortController().signal
  let turn = 0
  let dumped = 0

  const times = await inTurns(
    runs,
    () => run('pg_dump', [url], plain),
    async () => {
      turn += 1
      const { bytes } = await backups.create(`bench-${turn}`, () => undefined, signal)
      dumped = bytes
    },
  )
  const written = (await stat(plain)).size
  await rm(directory, { recursive: true, force: true })
  return {
    what: 'backup',
    rival: { name: 'pg_dump > file.sql', milliseconds: times.rival },
    ours: { name: 'dump and read-through', milliseconds: times.ours },
    runs,
    note: `backup files: file.sql ${megabytes(written)}, Purser's dump ${megabytes(dumped)}`,
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
