import { pino } from 'pino'
import { expect, it } from 'vitest'
import { DatabaseError } from '../../src/adapters/postgres/port.ts'
import { refuseWritingQueries } from '../../src/start/queries.ts'
import { committed, worldOf } from '../runbook/phase-context.ts'

const logged: string[] = []
const log = pino({}, { write: (line: string) => void logged.push(line) })

const database = (whyNotReadOnly: (sql: string) => Promise<string | undefined>) => () =>
  worldOf({ database: { whyNotReadOnly } })

it('purser does not start with a query that could change something, and names each by its place', async () => {
  const asked: string[] = []
  const one = database(async (sql) => {
    asked.push(sql)
    return /dead_letter_queue/.test(sql) ? 'wipe() may change something: it is volatile' : undefined
  })
  await expect(refuseWritingQueries(committed, one, log)).rejects.toMatchObject({
    code: 'config_invalid',
    hint: expect.stringContaining('readOnlyDatabaseUrlEnv'),
    problems: ['production', 'staging'].flatMap((environment) => [
      `service.verify.queries, webhook_dead_letter_queue: wipe() may change something: it is volatile (${environment})`,
      `service.monitor.metrics, dead_letters: wipe() may change something: it is volatile (${environment})`,
    ]),
  })
  const { verify, monitor } = committed.service
  expect(asked).toHaveLength(2 * (verify.queries.length + verify.invariants.length + monitor.metrics.length + 1))
  expect(asked.filter((sql) => sql.includes('{events}'))).toEqual([])
})

it('a database that is away keeps nobody from starting: the log says that nobody looked', async () => {
  const away = database(async () => {
    throw new DatabaseError('database_unreachable', 'looking at a query: connection refused', { transient: true })
  })
  await refuseWritingQueries(committed, away, log)
  expect(logged.join('')).toContain('the queries of purser.yaml could not be looked at')
})
