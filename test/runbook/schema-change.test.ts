import { expect, it } from 'vitest'
import type { FileChanges } from '../../src/adapters/postgres/port.ts'
import { guardSchema, recordChanges, schemaRisks } from '../../src/runbook/migrate/schema-check.ts'
import { migrationFile } from '../contract/database.ts'
import { phaseContext } from './phase-context.ts'

const never = new AbortController().signal
const file = (name: string) => migrationFile(name, 'select 1')
const nothing: FileChanges = { takes: [], may: [], makes: [], remarks: [] }
const ledgerEntry = { version: '1', name: '1_a.sql', sha256: 'x', appliedAt: '2026-01-01', appliedBy: 'Purser' }
const running = { version: 'v1.1.0', image: 'api:v1.1.0', migrations: [] }
const doubt = { object: 'empty a.b', what: 'requires a value in column a.b' }

it('records nothing anew of a file that an earlier attempt has applied', async () => {
  const asked: string[] = []
  const recorded: string[] = []
  const context = phaseContext({
    world: {
      database: {
        changes: async (files) => {
          asked.push(...files.map(({ sql }) => sql))
          return { files: files.map(() => nothing), there: ['table b'], perhaps: [] }
        },
      },
    },
    records: { recordSchemaChange: async ({ name }) => void recorded.push(name) },
  })
  const files = [migrationFile('1_a.sql', 'alter table a drop column b'), migrationFile('2_b.sql', 'create table b ()')]
  expect(await recordChanges(context, files, [ledgerEntry], never)).toEqual({ there: ['table b'], perhaps: [] })
  expect(asked).toEqual(['create table b ()'])
  expect(recorded).toEqual(['2_b.sql'])
})

it('says in the plan what may fail, and what is there already, and keeps the way back open', async () => {
  const told = { ...nothing, may: [doubt], remarks: ['leaves table c as it is, because it exists already'] }
  const context = phaseContext({
    world: { database: { changes: async () => ({ files: [told], there: [], perhaps: [] }) } },
    records: { knownReleases: async () => [running], schemaChanges: async () => [] },
  })
  const pending = [file('2_b.sql')]
  const outlook = await schemaRisks(context, { files: pending, ledger: [], pending }, 'v1.1.0')
  expect(outlook).toEqual({
    mayFail: true,
    risks: [
      'A rollback stays possible. v1.1.0 may fail on the new schema: 2_b.sql requires a value in column a.b.',
      '2_b.sql leaves table c as it is, because it exists already.',
    ],
  })
})

it('rolls back all the same, and says in the thread what may fail', async () => {
  const told: unknown[] = []
  const context = phaseContext({
    tell: async (post) => void told.push(post),
    world: { database: { ledger: async () => [ledgerEntry] } },
    records: {
      knownReleases: async () => [running],
      schemaChanges: async () => [{ migration: '1', name: '1_a.sql', takes: [], may: [doubt], makes: [] }],
    },
  })
  await guardSchema(context, { version: 'v1.1.0', image: 'api:v1.1.0' })
  expect(told).toEqual([
    { kind: 'note', text: 'v1.1.0 may fail on the new schema: 1_a.sql requires a value in column a.b.' },
  ])
})
