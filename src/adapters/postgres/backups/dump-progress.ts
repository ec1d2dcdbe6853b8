import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../../sensitive.ts'
import { nameOf, type Table } from './contents.ts'
import { withSession } from '../connection/session.ts'
import { sizeOf } from '../../../text.ts'

const everyMs = 1_000

/** What a dump has read so far, from its own messages and from the server's view of the tables under way. */
interface DumpProgress {
  /** Takes a line of `pg_dump --verbose`. */
  line(text: string): void
  /** Asks the server each second until the signal fires; never fails itself. */
  watch(signal: AbortSignal): Promise<void>
}

interface UnderWay {
  readonly oid: string
  readonly rows: number
}

export function dumpProgress(
  url: Sensitive,
  tables: readonly Table[],
  onProgress: (line: string) => void,
): DumpProgress {
  const byName = new Map(tables.map((table) => [nameOf(table), table]))
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0)
  const begun: Table[] = []
  let said = ''
  let underWay: readonly UnderWay[] = []

  const say = (): void => {
    const open = new Set(underWay.map(({ oid }) => oid))
    const last = begun.at(-1)
    if (last === undefined) return
    const read = begun.reduce((sum, table) => {
      const now = underWay.find(({ oid }) => oid === table.oid)
      // A table that began and is not being copied any more is done; the newest may not have got to the server yet.
      return sum + (now === undefined ? (table === last ? 0 : table.bytes) : shareOf(table, now.rows))
    }, 0)
    const names = begun.filter(({ oid }) => open.has(oid)).map(nameOf)
    const what = names.length === 0 ? nameOf(last) : names.join(', ')
    const line = `dumping ${what} (table ${begun.length} of ${tables.length}, about ${sizeOf(read)} of ${sizeOf(total)})`
    if (line === said) return
    said = line
    onProgress(line)
  }

  return {
    line: (text) => {
      const named = /dumping contents of table "(.+)"/.exec(text)?.[1]?.replace('"."', '.')
      const table = named === undefined ? undefined : byName.get(named)
      if (table === undefined) return
      begun.push(table)
      say()
    },
    watch: (signal) =>
      withSession(url, 'watching the dump', signal, async (session) => {
        while (!signal.aborted) {
          await sleep(everyMs, undefined, { signal })
          const { rows } = await session.query<{ oid: string; rows: string }>(
            `select relid::text as oid, tuples_processed::text as rows from pg_stat_progress_copy
             where datname = current_database() and command = 'COPY TO'`,
          )
          underWay = rows.map((row) => ({ oid: row.oid, rows: Number(row.rows) }))
          say()
        }
      }).catch(() => {}),
  }
}

function shareOf({ bytes, estimate }: Table, rows: number): number {
  return estimate > 0 ? bytes * Math.min(1, rows / estimate) : 0
}
