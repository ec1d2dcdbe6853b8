import { describe, expect, it } from 'vitest'
import {
  incompatibility,
  isOlder,
  type KnownRelease,
  nearestThatRuns,
  type SchemaChange,
  type SchemaNow,
  schemaRefusal,
  withDeclared,
} from '../../src/model/schema-compatibility.ts'
import { schemaRefusalWords } from '../../src/model/shared-sentences.ts'

/** `+x` makes it, `-x` takes it away, `?x` may make statements about it fail, `needs v1` declares. */
function change(migration: string, ...what: readonly string[]): SchemaChange {
  const needs = what.find((it) => it.startsWith('needs '))?.slice(6)
  return {
    migration,
    name: `${migration}_m.sql`,
    takes: what.filter((it) => it.startsWith('-')).map((it) => ({ object: it.slice(1), what: `drops ${it.slice(1)}` })),
    may: what.filter((it) => it.startsWith('?')).map((it) => ({ object: it.slice(1), what: `wants ${it.slice(1)}` })),
    makes: what.filter((it) => it.startsWith('+')).map((it) => it.slice(1)),
    ...(needs === undefined ? {} : { needs }),
  }
}

function schema(...changes: readonly SchemaChange[]): SchemaNow {
  const applied = changes.map(({ migration, name }) => ({ version: migration, name, appliedAt: `2026-0${migration}` }))
  return { applied, changes }
}

const release = (version: string, ...migrations: readonly string[]): KnownRelease => ({
  version,
  migrations,
  image: `api:${version}`,
})

describe('a release cannot run on the schema', () => {
  const old = release('v1.2.0', '1')
  it.each<[string, SchemaNow, KnownRelease, readonly string[]]>([
    [
      'when a column it may read was dropped',
      schema(change('1'), change('2', '-column a.b')),
      old,
      ['2_m.sql drops column a.b'],
    ],
    ['unless it has the migration itself', schema(change('2', '-column a.b')), release('v1.3.0', '1', '2'), []],
    ['unless only something was added', schema(change('2', '+table t', '+column a.c')), old, []],
    ['unless it never knew what was dropped', schema(change('2', '+column a.c'), change('3', '-column a.c')), old, []],
    [
      'unless the table itself was unknown to it',
      schema(change('2', '+table t'), change('3', '-column t.c', '-empty t.d')),
      old,
      [],
    ],
    ['unless the name is there again', schema(change('2', '-function f', '+function f')), old, []],
    [
      'unless a later one took the new duty away',
      schema(change('2', '-empty a.c', '+column a.c'), change('3', '-column a.c')),
      old,
      [],
    ],
    ['unless one gives back what another took', schema(change('2', '-empty a.c'), change('3', '+empty a.c')), old, []],
    [
      'when what was there again is taken once more',
      schema(change('2', '-table t'), change('3', '+table t'), change('4', '-table t')),
      old,
      ['4_m.sql drops table t'],
    ],
    [
      'when a column that it does not know wants a value by a later file',
      schema(change('2', '+column a.c'), change('3', '?empty a.c')),
      old,
      ['3_m.sql wants empty a.c'],
    ],
    ['unless only some statements may fail', schema(change('2', '?column a.b')), old, []],
    [
      'unless the odd name is a column of a new table',
      schema(change('2', '+table a'), change('3', '-column a."b.c"')),
      old,
      [],
    ],
    [
      'when the odd name is another table than the new one',
      schema(change('2', '+table a'), change('3', '-column "a.b".c')),
      old,
      ['3_m.sql drops column "a.b".c'],
    ],
    ['in whatever order the ledger lists them', schema(change('3', '-table t'), change('2', '+table t')), old, []],
    [
      'when a newer one is declared to be needed',
      schema(change('2', 'needs v1.3.0')),
      old,
      ['2_m.sql needs v1.3.0 or newer'],
    ],
    ['unless it is declared to run', schema(change('2', '-column a.b', 'needs v1.2.0')), old, []],
    [
      'when nobody can compare what is declared',
      schema(change('2', '-table t', 'needs v1.2.0')),
      release('nightly'),
      ['2_m.sql drops table t'],
    ],
  ])('%s', (_, now, it_, reasons) => {
    expect(incompatibility(it_, now).reasons).toEqual(reasons)
  })

  it.each<[string, SchemaNow, KnownRelease, readonly string[]]>([
    [
      'of what it knows',
      schema(change('2', '?column a.b', '?table a')),
      old,
      ['2_m.sql wants column a.b, wants table a'],
    ],
    ['not of what it never knew', schema(change('2', '+table t'), change('3', '?column t.c', '?table t')), old, []],
    ['not where it is declared to run', schema(change('2', '?column a.b', 'needs v1.2.0')), old, []],
    ['not with the migration itself', schema(change('2', '?column a.b')), release('v1.3.0', '1', '2'), []],
  ])('may fail, %s', (_, now, it_, doubts) => {
    expect(incompatibility(it_, now).doubts).toEqual(doubts)
  })

  it('and nothing is claimed about files of which nothing is known', () => {
    const now = { applied: schema(change('2')).applied, changes: [] }
    expect(incompatibility(old, now)).toEqual({ reasons: [], since: '', doubts: [], unknown: ['2_m.sql'] })
  })

  it('is put right by purser.yaml, for a file that may not be edited any more', () => {
    const now = schema(change('2', '-column a.b'))
    const declared = (version: string) => ({
      ...now,
      changes: withDeclared(now.changes, [{ file: '2_m.sql', version }]),
    })
    expect(incompatibility(old, declared('v1.1.0')).reasons).toEqual([])
    expect(incompatibility(old, declared('v1.2.5')).reasons).toEqual(['2_m.sql needs v1.2.5 or newer'])
  })
})

it('the refusal names the nearest version that runs, and the backup from before', () => {
  const now = schema(change('2', '-column a.b', 'needs v1.3.0'), change('3', '-table t'))
  const releases = [
    release('v1.5.0', '1', '2', '3'),
    release('v1.4.0', '1', '2', '3'),
    release('v1.3.0', '1', '2'),
    release('v1.2.0', '1'),
  ]
  expect(nearestThatRuns('v1.2.0', releases, now)?.version).toBe('v1.4.0')
  const backups = [
    { run: 9, finishedAt: '2026-03-01' },
    { run: 7, finishedAt: '2026-01-01' },
  ]
  const verdict = incompatibility(release('v1.2.0', '1'), now)
  const wanted = { version: 'v1.2.0', environment: 'production', except: 'v1.4.0' }
  expect(schemaRefusalWords(schemaRefusal(wanted, verdict, now, releases, backups))).toEqual({
    text: "v1.2.0 can't run on the current schema of production: 2_m.sql needs v1.3.0 or newer, 3_m.sql drops table t",
    next: 'Either deploy v1.5.0: `/billing deploy v1.5.0`. Or restore the earlier backup: `/billing restore #7`',
  })
  expect(schemaRefusalWords(schemaRefusal(wanted, verdict, now, [], [])).next).toBe(
    "Purser knows no other version that can, and there's no earlier backup.",
  )
})

it.each([
  ['v1.2.0', 'v1.10.0', true],
  ['1.3.0', 'v1.3.0', false],
  ['v1.3.0-rc.1', 'v1.3.0', true],
  ['v1.3.0', 'v1.3.0-rc.1', false],
  ['v1.3.0-a', 'v1.3.0-b', undefined],
  ['nightly', 'v1.3.0', undefined],
])('%s before %s: %s', (a, b, older) => {
  expect(isOlder(a, b)).toBe(older)
})
