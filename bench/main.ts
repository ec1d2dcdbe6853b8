import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../sandbox/postgres/server.ts'
import { parsePurserYaml } from '../src/config/purser-yaml.ts'
import { redisIsHere } from '../test/support/redis.ts'
import { measureBackup } from './backup.ts'
import { measureCounts } from './counts.ts'
import { fillBilling } from './database.ts'
import { measureJobHop } from './job-hop.ts'
import { measureRestore } from './restore.ts'
import type { Result } from './measure.ts'
import { tableOf } from './measure.ts'

/** Rows of about 1 kB: a database of some 200 MB. */
const events = Number(process.env['BENCH_EVENTS'] ?? 150_000)
const { service } = parsePurserYaml(readFileSync(new URL('../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
const say = (line: string) => process.stderr.write(`${line}\n`)

const directory = await mkdtemp(join(tmpdir(), 'purser-bench-'))
const began = performance.now()
say('starting PostgreSQL and filling it …')
const postgres = await startPostgres({ directory: join(directory, 'postgres') })
try {
  await postgres.createDatabase('billing')
  await postgres.createDatabase('state')
  const bytes = await fillBilling(postgres.url('billing'), events)
  const results: Result[] = []
  say('counts …')
  results.push(await measureCounts(postgres.url('billing'), service))
  say(`backups of ${Math.round(bytes / 1_000_000)} MB …`)
  results.push(await measureBackup(postgres.url('billing'), join(directory, 'backups')))
  say('restores …')
  results.push(...(await measureRestore(postgres.url('billing'), join(directory, 'restores'))))
  if (redisIsHere) {
    say('job hops …')
    results.push(await measureJobHop(postgres.url('state')))
  } else say('job hops: skipped, there is no redis-server (apt-get install redis-server)')

  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
  const notes = results.flatMap(({ note }) => (note === undefined ? [] : [note]))
  process.stdout.write(`\n${tableOf(results)}\n\n${[...notes, machine].join('\n')}\n`)
} finally {
  await postgres.close()
  await rm(directory, { recursive: true, force: true })
}
say(`took ${Math.round((performance.now() - began) / 1_000)} s`)
