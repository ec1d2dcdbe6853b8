import { openDatabase } from '../src/adapters/postgres/database.ts'
import type { ServiceConfig } from '../src/config/service-schema.ts'
import { counts } from '../src/runbook/verify/query-checks.ts'
import type { PhaseContext } from '../src/runbook/phase.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import { inTurns, type Result } from './measure.ts'

const runs = 15

/** The four counts of `/billing verify` beside the runbook's four `psql -c`, one after the other. */
export async function measureCounts(url: string, service: ServiceConfig): Promise<Result> {
  // What `counts` reads of its context, and nothing else.
  const context = {
    service,
    signal: new AbortController().signal,
    world: { database: openDatabase({ url: new Sensitive(url) }) },
  } as unknown as PhaseContext
  const { queries } = service.verify

  const times = await inTurns(
    runs,
    async () => {
      for (const { sql } of queries) await run('psql', [url, '-c', sql])
    },
    async () => {
      const bad = (await counts(context)).find((check) => check.verdict === 'unknown')
      if (bad !== undefined) throw new Error(`${bad.name}: ${bad.value}`)
    },
  )
  return {
    what: `${queries.length} verification counts`,
    rival: { name: `${queries.length} × psql -c`, milliseconds: times.rival },
    ours: { name: '/billing verify', milliseconds: times.ours },
    runs,
  }
}
