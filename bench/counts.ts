import { setMaxListeners } from 'node:events'
import { openDatabase } from '../src/adapters/postgres/database.ts'
import type { ServiceConfig } from '../src/config/service-schema.ts'
import { counts } from '../src/runbook/verify/query-checks.ts'
import type { PhaseContext } from '../src/runbook/phase.ts'
import { Sensitive } from '../src/sensitive.ts'
import { run } from './commands.ts'
import { inTurns, type Result } from './measure.ts'

/** The four counts of `/billing verify` beside the runbook's four `psql -c`, one after the other; and both with the invariants. */
export async function measureCounts(url: string, service: ServiceConfig, runs: number): Promise<readonly Result[]> {
  const { queries, invariants } = service.verify
  const countsOnly = { ...service, verify: { ...service.verify, invariants: [] } }
  return [
    await compared(`${queries.length} verification counts`, url, countsOnly, runs),
    await compared(`${queries.length} counts, ${invariants.length} invariants`, url, service, runs),
  ]
}

async function compared(what: string, url: string, service: ServiceConfig, runs: number): Promise<Result> {
  const { signal } = new AbortController()
  // Every query listens to it, for each of them more than once.
  setMaxListeners(0, signal)
  // What `counts` reads of its context, and nothing else.
  const context = {
    service,
    signal,
    world: { database: openDatabase({ url: new Sensitive(url) }) },
  } as unknown as PhaseContext
  const every = [...service.verify.queries, ...service.verify.invariants]

  const times = await inTurns(
    runs,
    async () => {
      for (const { sql } of every) await run('psql', [url, '-c', sql])
    },
    async () => {
      const bad = (await counts(context)).find((check) => check.verdict !== 'pass')
      if (bad !== undefined) throw new Error(`${bad.name}: ${bad.value}`)
    },
  )
  return {
    what,
    rival: { name: `${every.length} × psql -c`, milliseconds: times.rival },
    ours: { name: '/billing verify', milliseconds: times.ours },
    runs,
  }
}
