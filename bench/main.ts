import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../sandbox/postgres/server.ts'
import { parsePurserYaml } from '../src/config/purser-yaml.ts'
import { redisIsHere } from '../test/support/redis.ts'
import { measureBackup } from './backup.ts'
import { run } from './commands.ts'
import { measureCounts } from './counts.ts'
import { fillBilling } from './database.ts'
import { measureGit } from './git.ts'
import { measureJobHop } from './job-hop.ts'
import { measureLatency } from './latency/latency.ts'
import { measureMigrations } from './migrations.ts'
import { measureOutsideText } from './outside-text.ts'
import { measureRestore } from './restore.ts'
import { type Result, tableOf } from './measure.ts'
import { type BenchOptions, benchOptions, usage } from './options.ts'
import { measureStep } from './step.ts'
import { measureVerify } from './verify.ts'

const say = (line: string) => process.stderr.write(`${line}\n`)

interface Benchmark {
  readonly name: string
  measure(): Promise<readonly Result[]>
}

async function main(options: BenchOptions): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'purser-bench-'))
  const began = performance.now()
  say('starting PostgreSQL and filling it …')
  const postgres = await startPostgres({ directory: join(directory, 'postgres') })
  try {
    await postgres.createDatabase('billing')
    await postgres.createDatabase('state')
    const bytes = await fillBilling(postgres.url('billing'), options.events)
    const size = `${Math.round(bytes / 1_000_000)} MB`
    const notes: string[] = []
    const results: Result[] = []
    for (const one of benchmarks(options, directory, postgres.url, notes)) results.push(...(await tried(one)))
    const load = loadavg().map((one) => one.toFixed(1))
    const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`
    notes.unshift(...results.flatMap(({ note }) => (note === undefined ? [] : [note])))
    notes.push(`load ${load.join(', ')} at the end, database of ${size}`, machine)
    if (options.quick) notes.push('--quick only shows that everything runs: these figures mean nothing.')
    process.stdout.write(`\n${tableOf(results)}\n\n${notes.join('\n')}\n`)
  } finally {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  }
  say(`took ${Math.round((performance.now() - began) / 1_000)} s`)
}

/** A benchmark that fails makes the program fail, but the others are still run. */
async function tried({ name, measure }: Benchmark): Promise<readonly Result[]> {
  const began = performance.now()
  say(`${name} …`)
  try {
    const results = await measure()
    say(`${name}: done in ${((performance.now() - began) / 1_000).toFixed(1)} s`)
    return results
  } catch (error) {
    process.exitCode = 1
    say(`FAILED ${name}: ${error instanceof Error ? error.stack : String(error)}`)
    return []
  }
}

function benchmarks(
  options: BenchOptions,
  directory: string,
  url: (database: string) => string,
  notes: string[],
): readonly Benchmark[] {
  const { service } = parsePurserYaml(readFileSync(new URL('../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
  const billing = url('billing')
  const copies: readonly Benchmark[] = [
    { name: 'backups', measure: () => measureBackup(billing, join(directory, 'backups'), options.runs) },
    {
      name: 'restores',
      measure: () => measureRestore(billing, join(directory, 'restores'), options.runs),
    },
  ]
  if (options.copiesOnly) return copies
  const latency: Benchmark = {
    name: 'latency',
    measure: () => measureLatency({ directory: join(directory, 'latency'), ...options.latency }),
  }
  if (options.latencyOnly) return [latency]
  if (!redisIsHere) say('job hops: skipped, there is no redis-server (apt-get install redis-server)')
  return [
    { name: 'a large repository', measure: () => measureGit(join(directory, 'git'), options.quick) },
    { name: 'text from outside', measure: () => measureOutsideText(options.quick, options.runs) },
    { name: 'migrations', measure: () => measureMigrations(billing, options.quick, options.runs) },
    { name: 'counts', measure: () => measureCounts(billing, service, options.countRuns) },
    {
      name: 'verifications in the sandbox',
      measure: async () => [await measureVerify(join(directory, 'sandbox'), service, options.verifyRuns)],
    },
    ...copies,
    latency,
    ...(redisIsHere
      ? [
          { name: 'job hops', measure: async () => [await measureJobHop(url('state'), options.hops)] },
          { name: 'steps', measure: async () => [await measureStep(options.hops)] },
        ]
      : []),
    {
      name: 'many watches at once',
      measure: async () => {
        const urls = [url('state'), billing]
        for (const watches of options.watches)
          notes.push(await scaleOf(watches, options.watchSeconds, urls, join(directory, 'scale')))
        return []
      },
    },
    {
      name: 'following logs',
      measure: async () => {
        notes.push(`Logs: ${await followLogs(options.logLines, join(directory, 'follow-logs'))}`)
        return []
      },
    },
  ]
}

/** In a process of its own, whose memory and time are measured: ten, fifty and two hundred are each other's rivals. */
async function scaleOf(watches: number, seconds: number, urls: readonly string[], output: string): Promise<string> {
  const program = fileURLToPath(new URL('scale.ts', import.meta.url))
  await run(process.execPath, ['--import', 'tsx', program, String(watches), String(seconds), ...urls], output)
  return (await readFile(output, 'utf8')).trim()
}

/** In a process of its own, whose memory is measured. It has no rival. */
async function followLogs(lines: number, output: string): Promise<string> {
  const program = fileURLToPath(new URL('follow-logs.ts', import.meta.url))
  await run(process.execPath, ['--import', 'tsx', program, String(lines)], output)
  return (await readFile(output, 'utf8')).trim()
}

function optionsOrExit(): BenchOptions {
  try {
    return benchOptions(process.argv.slice(2))
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
}

await main(optionsOrExit())
