import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerEntry, MigrationFile } from '../../src/adapters/postgres/port.ts'
import type { MigrationsConfig } from '../../src/config/service-schema.ts'
import { expectedTables, migrationFiles, pendingMigrations, severity } from '../../src/runbook/migrate/migrations.ts'
import { worldOf } from './phase-context.ts'

const config: MigrationsConfig = {
  directory: 'supabase/migrations',
  lockTimeoutSeconds: 2,
  statementTimeoutMinutes: 5,
  needs: [],
  blockers: 'name',
  expect: [
    { file: '2_b.sql', tables: ['b', 'public.bb'] },
    { file: '3_c.sql', tables: ['c'] },
  ],
}

function file(name: string, sha256 = 'a'.repeat(64)): MigrationFile {
  return { version: /^\d+/.exec(name)?.[0] ?? '', name, sql: 'select 1', sha256 }
}
function applied(name: string, sha256 = 'a'.repeat(64)): LedgerEntry {
  return { version: /^\d+/.exec(name)?.[0] ?? '', name, sha256, appliedAt: '', appliedBy: '' }
}

describe('pending migrations', () => {
  const files = ['1_a.sql', '2_b.sql', '3_c.sql'].map((name) => file(name))
  it.each<[string, Partial<MigrationsConfig>, LedgerEntry[], string[]]>([
    ['are all of them on an empty ledger', {}, [], ['1_a.sql', '2_b.sql', '3_c.sql']],
    ['are those newer than the baseline', { baseline: '1' }, [], ['2_b.sql', '3_c.sql']],
    ['are those that the ledger has not', {}, [applied('1_a.sql'), applied('2_b.sql')], ['3_c.sql']],
    ['are also older ones that came late', {}, [applied('3_c.sql')], ['1_a.sql', '2_b.sql']],
    ['are none when all is applied', {}, files.map((it) => applied(it.name)), []],
  ])('%s', (_, more, ledger, names) => {
    expect(pendingMigrations(files, ledger, { ...config, ...more }).map((it) => it.name)).toEqual(names)
  })

  it('are refused when an applied file was edited since, with both checksums', () => {
    const edited = [file('1_a.sql', 'b'.repeat(64))]
    expect(() => pendingMigrations(edited, [applied('1_a.sql')], config)).toThrow(
      expect.objectContaining({
        code: 'migration_drift',
        evidence: ['1_a.sql: sha256 bbbbbbbbbbbb now, aaaaaaaaaaaa when applied'],
      }),
    )
  })

  it('are refused when two files carry the same version: only one of them would ever run', () => {
    const twins = [file('1_a.sql'), file('1_b.sql'), file('01_c.sql'), file('2_d.sql')]
    expect(() => pendingMigrations(twins, [], config)).toThrow(
      expect.objectContaining({
        code: 'migration_twins',
        message: expect.stringContaining('1_a.sql, 1_b.sql, 01_c.sql'),
      }),
    )
  })

  it('are compared by looking a few times at each, not at each pair', () => {
    let looks = 0
    const many = Array.from({ length: 3_000 }, (_, index) => ({
      ...file(`${index}_m.sql`),
      get version() {
        looks += 1
        return String(index)
      },
    }))
    expect(pendingMigrations(many, [], config)).toHaveLength(3_000)
    expect(looks).toBeLessThan(10 * many.length)
  })

  it('may have twins below the baseline, which Purser never applies', () => {
    const twins = [file('1_a.sql'), file('1_b.sql'), file('2_c.sql')]
    expect(pendingMigrations(twins, [], { ...config, baseline: '1' }).map((it) => it.name)).toEqual(['2_c.sql'])
  })
})

describe('migration files', () => {
  const repository = (names: readonly string[]) =>
    worldOf({
      repository: {
        list: async () => ({ path: 'supabase/migrations', files: names, submodules: [] }),
        readAll: async (_, wanted) => wanted.map((one) => ({ ...one, text: `-- ${one.path}` })),
      },
    })

  it('are the numbered SQL files, oldest first by number and not by letter', async () => {
    const names = ['10_j.sql', 'README.md', '9_i.sql', 'seed.sql', '20260101091000_k.sql', '9_i.sql.bak']
    const files = await migrationFiles(repository(names), config, 'abc', AbortSignal.timeout(1_000))
    expect(files.map((it) => it.name)).toEqual(['9_i.sql', '10_j.sql', '20260101091000_k.sql'])
    expect(files[0]).toMatchObject({ version: '9', sql: '-- supabase/migrations/9_i.sql' })
  })

  it('come in one order, whatever order git lists them in', async () => {
    const names = fc.uniqueArray(fc.bigInt({ min: 0n, max: 99999999999999999n }).map((it) => `${it}_m.sql`))
    await fc.assert(
      fc.asyncProperty(names, async (listed) => {
        const there = await migrationFiles(repository(listed), config, 'abc', AbortSignal.timeout(1_000))
        const back = await migrationFiles(repository([...listed].reverse()), config, 'abc', AbortSignal.timeout(1_000))
        expect(there).toEqual(back)
        expect(there.every((it, at) => at === 0 || BigInt(there[at - 1]?.version ?? 0) < BigInt(it.version))).toBe(true)
      }),
    )
  })
})

it('tables are expected of the files that this release has', () => {
  expect(expectedTables([{ name: '1_a.sql' }, { name: '2_b.sql' }], config)).toEqual(['b', 'public.bb'])
  expect(expectedTables([], config)).toEqual([])
})

it('findings block when they lock for long or destroy, and advise otherwise; settled time-outs are left out', () => {
  const found = ['ban-drop-column', 'prefer-text-field', 'require-lock-timeout'].map((rule) => ({
    rule,
    message: '',
    line: 1,
    more: 0,
  }))
  expect(severity(found).map((it) => `${it.rule}: ${it.severity}`)).toEqual([
    'ban-drop-column: block',
    'prefer-text-field: advise',
  ])
})
