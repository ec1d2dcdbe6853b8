import { readFileSync } from 'node:fs'
import { parse } from 'libpg-query'
import { tasks } from '../src/adapters/off-thread/tasks.ts'
import { openDatabase } from '../src/adapters/postgres/database.ts'
import { Sensitive } from '../src/sensitive.ts'
import { type Result, takeTurns } from './measure.ts'

const never = new AbortController().signal

/**
 * What a plan reads off a migration of many rows, beside PostgreSQL's grammar alone on the same text. Both run in this thread here; a plan
 * has it done in another one, and how long that keeps the main thread is told beside.
 */
export async function measureMigrations(url: string, quick: boolean, runs: number): Promise<readonly Result[]> {
  const sql = rowsOf(quick ? 100_000 : 4_000_000)
  const times = await takeTurns(runs, {
    rival: async () => {
      await parse(sql)
    },
    ours: async () => {
      tasks.text(sql)
      await tasks.migration(sql)
    },
  })
  const what = `${(sql.length / 1_000_000).toFixed(1)} MB of INSERTs, read for a plan`
  const busy = await longestBusy(async () => {
    const database = openDatabase({ url: new Sensitive(url) })
    await database.applicability(sql, { lockTimeoutMs: 2_000 }, never)
    await database.risks(sql, never)
    await database.locks([sql], never)
  })
  return [
    {
      what,
      rival: { name: 'libpg-query, parsed', milliseconds: times.rival },
      ours: { name: 'divided, parsed, judged, locks', milliseconds: times.ours },
      runs,
      note: `${what}: in a plan the main thread was busy for ${busy.toFixed(1)} ms at a time at most.`,
    },
  ]
}

/** The longest time between two turns of the event loop that this thread spent on a processor, in milliseconds; Linux only. */
async function longestBusy(work: () => Promise<void>): Promise<number> {
  const spent = (): number =>
    Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1_000_000
  let [longest, before] = [0, spent()]
  const timer = setInterval(() => {
    const now = spent()
    longest = Math.max(longest, now - before)
    before = now
  }, 1)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return longest
}

function rowsOf(size: number): string {
  const lines: string[] = ['alter table webhook_events add column note text;\n']
  for (let length = 0, n = 1; length < size; n += 1) {
    const line = `INSERT INTO public.webhook_events (id, kind, payload) VALUES (${n}, 'invoice.paid', '{"amount": ${n}, "note": "it''s"}');\n`
    lines.push(line)
    length += line.length
  }
  return lines.join('')
}
