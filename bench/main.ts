import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../sandbox/postgres/server.ts'
import { parsePurserYaml } from '../src/config/purser-yaml.ts'
import { redisIsHere } from '../test/support/redis.ts'
import { measureBackup } from './backup.ts'
import { measureCounts } from './counts.ts'
import { fillBilling } from './database.ts'
import { measureGit } from './git.ts'
import { measureJobHop } from './job-hop.ts'
import { measureRestore } from './restore.ts'
import { type Result, tableOf } from './measure.ts'
import { measureVerify } from './verify.ts'

/** `--size 1GB`: only backups and restores, of a database of that size. `--runs 5`: how often each is measured. */
const { values } = parseArgs({ options: { size: { type: 'string' }, runs: { type: 'string', default: '3' } } })
const runs = Number(values.runs)
/** Events of 1.55 kB on disk; without a size a database of some 230 MB. */
const events = values.size === undefined ? 150_000 : Math.round(bytesOf(values.size) / 1_550)
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
  if (values.size === undefined) {
    say('counts …')
    results.push(await measureCounts(postgres.url('billing'), service))
    results.push(...(await measureGit(join(directory, 'git'))))
    say('verifications in the sandbox …')
    results.push(await measureVerify(join(directory, 'sandbox'), service))
  }
  say(`backups of ${Math.round(bytes / 1_000_000)} MB …`)
  results.push(...(await measureBackup(postgres.url('billing'), join(directory, 'backups'), runs)))
  say('restores …')
  results.push(...(await measureRestore(postgres.url('billing'), join(directory, 'restores'), runs)))
  if (values.size !== undefined) say('the rest: skipped, as a size was asked for')
  else if (redisIsHere) {
    say('job hops …')
    results.push(await measureJobHop(postgres.url('state')))
  } else say('job hops: skipped, there is no redis-server (apt-get install redis-server)')

  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
  const load = `load ${loadavg()
    .map((one) => one.toFixed(1))
    .join(', ')} at the end, database of ${Math.round(bytes / 1_000_000)} MB`
  const notes = results.flatMap(({ note }) => (note === undefined ? [] : [note]))
  process.stdout.write(`\n${tableOf(results)}\n\n${[...notes, load, machine].join('\n')}\n`)
} finally {
  await postgres.close()
  await rm(directory, { recursive: true, force: true })
}
say(`took ${Math.round((performance.now() - began) / 1_000)} s`)

function bytesOf(size: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(MB|GB)$/.exec(size) ?? []
  if (number === undefined) throw new Error(`--size ${size}: must be a number with MB or GB, as in 1GB`)
  return Number(number) * (unit === 'GB' ? 1e9 : 1e6)
}
