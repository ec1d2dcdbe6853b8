import { describe, expect, it } from 'vitest'
import {
  type CandidateRelease,
  fittingRelease,
  type FittingFacts,
  fitsSchema,
} from '../../src/model/fitting-release.ts'
import type { SchemaChange } from '../../src/model/schema-compatibility.ts'

const applied = (...versions: readonly string[]) =>
  versions.map((version) => ({ version, name: `${version}_x.sql`, appliedAt: '' }))
const old: CandidateRelease = { version: 'v1.1.0', image: 'api:v1.1.0', migrations: ['10'] }
const running: CandidateRelease = { version: 'v1.2.0', image: 'api:v1.2.0', migrations: ['10', '20'] }
const drops: SchemaChange = {
  migration: '20',
  name: '20_x.sql',
  takes: [{ object: 'column public.invoices.currency', what: 'drops column invoices.currency' }],
  makes: [],
}
const facts = (more: Partial<FittingFacts> & { readonly holds?: readonly string[] | undefined } = {}): FittingFacts => {
  const { holds = ['10'], ...rest } = more
  return {
    schema: { applied: applied(...holds), changes: [drops], baseline: undefined },
    running,
    served: old,
    noWayBack: undefined,
    ...rest,
  }
}

describe('the release that runs on the schema of a backup', () => {
  const unknownSchema = { applied: undefined, changes: [], baseline: undefined }
  const rows: readonly [string, FittingFacts, string][] = [
    ['is the former one where the running one needs what came later', facts(), 'former'],
    ['is the running one where the backup has all that it needs', facts({ holds: ['10', '20'] }), 'running'],
    [
      'is the running one where only the baseline is missing',
      facts({ schema: { applied: applied('20'), changes: [], baseline: '10' } }),
      'running',
    ],
    [
      'is the running one where it served then, and nothing more is known',
      facts({ schema: unknownSchema, served: running }),
      'running',
    ],
    ['is unknown where it served then but lacks a migration', facts({ served: running }), 'unknown'],
    [
      'is the former one where its ledger is not known but the records lead back',
      facts({ schema: unknownSchema }),
      'former',
    ],
    ['is unknown where no record tells what served', facts({ served: undefined }), 'unknown'],
    [
      'is unknown where nothing leads back to it',
      facts({ noWayBack: 'somebody else has changed the image' }),
      'unknown',
    ],
    [
      'is the former one also where nobody knows which migrations either needs',
      facts({ running: { ...running, migrations: undefined }, served: { ...old, migrations: undefined } }),
      'former',
    ],
    [
      'is unknown where the former one cannot run with what the backup has',
      facts({ holds: ['10', '20'], running: { ...running, migrations: ['10', '20', '30'] } }),
      'unknown',
    ],
    [
      'is the former one where the running one was never told what an applied migration does',
      facts({ holds: ['10', '15', '20'], served: { ...old, migrations: ['10', '15', '20'] } }),
      'former',
    ],
  ]
  it.each(rows)('%s', (_name, given, release) => {
    expect(fittingRelease(given).release).toBe(release)
  })

  it('says what the running one lacks, and what was taken from it', () => {
    expect(fitsSchema(running, facts().schema)).toEqual({
      fits: false,
      reasons: ['v1.2.0 needs 20, which the backup does not have'],
    })
    expect(fitsSchema(old, facts({ holds: ['10', '20'] }).schema).reasons).toEqual([
      'v1.1.0 cannot run with what 20_x.sql drops column invoices.currency',
    ])
  })

  it('tells of an unknown one whether the running one is known not to fit', () => {
    expect(fittingRelease(facts({ served: undefined }))).toMatchObject({ runningFits: false })
    expect(fittingRelease(facts({ served: undefined, running: { ...running, migrations: undefined } }))).toMatchObject({
      runningFits: undefined,
    })
  })
})

it('may fail where a migration that it lacks tightens what it writes, and that is said of whichever runs', () => {
  const what = 'makes invoices.note refuse null'
  const tightens: SchemaChange = {
    migration: '30',
    name: '30_x.sql',
    takes: [],
    may: [{ object: 'null column public.invoices.note', what }],
    makes: [],
  }
  const schema = { applied: applied('10', '20', '30'), changes: [tightens], baseline: undefined }
  expect(fittingRelease(facts({ schema }))).toEqual({ release: 'running', doubts: [`30_x.sql ${what}`] })
  const former = facts({ schema: { ...schema, applied: applied('10', '30') } })
  expect(fittingRelease(former)).toMatchObject({ release: 'former', doubts: [`30_x.sql ${what}`] })
})
