import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { MigrationFile, ServiceDatabase } from '../../src/adapters/postgres/port.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import type { MigrationsConfig } from '../../src/config/service-schema.ts'
import { pendingMigrations } from '../../src/runbook/migrate/migrations.ts'
import { toolOf } from '../../src/runbook/migrate/other-tools.ts'
import { refuseObstacles } from '../../src/runbook/plan/applicable.ts'

const config: MigrationsConfig = {
  directory: 'supabase/migrations',
  lockTimeoutSeconds: 2,
  statementTimeoutMinutes: 5,
  needs: [],
  blockers: 'name',
  expect: [],
}
const file = (name: string, sql: string): MigrationFile => ({
  version: /^\d+/.exec(name)?.[0] ?? '',
  name,
  sql,
  sha256: createHash('sha256').update(sql).digest('hex'),
})

describe('files of other tools, of which plain SQL would run what undoes them too, are refused', () => {
  const table = 'create table secrets (id bigint);'
  it.each([
    ['dbmate', '1_a.sql', `-- migrate:up\n${table}\n-- migrate:down\ndrop table secrets;`],
    ['dbmate', '1_a.sql', `-- migrate:up transaction:false\n${table}`],
    [
      'goose',
      '1_a.sql',
      `-- +goose Up\n-- +goose StatementBegin\n${table}\n-- +goose StatementEnd\n-- +goose Down\ndrop table secrets;`,
    ],
    ['goose', '1_a.sql', `--+goose UP\r\n${table}\r\n--+goose DOWN\r\ndrop table secrets;`],
    ['goose', '1_a.sql', `-- +goose NO TRANSACTION\n${table}`],
    ['sql-migrate', '1_a.sql', `-- +migrate Up\n${table}\n-- +migrate Down\ndrop table secrets;`],
    ['MyBatis Migrations', '1_a.sql', `-- // create secrets\n${table}\n-- //@UNDO\ndrop table secrets;`],
    ['MyBatis Migrations', '1_a.sql', `--// create secrets\n${table}\n--//@UNDO\ndrop table secrets;`],
    ['rambler', '1_a.sql', `-- rambler up\n${table}\n-- rambler down\ndrop table secrets;`],
    ['Liquibase', '1_a.sql', `--liquibase formatted sql\n--changeset dana:1\n${table}\n--rollback drop table secrets;`],
    ['golang-migrate', '1_a.up.sql', table],
    ['golang-migrate', '1_a.down.sql', 'drop table secrets;'],
  ])('%s, %s', (tool, name, sql) => {
    expect(toolOf({ name, sql })).toBe(tool)
    expect(() => pendingMigrations([file(name, sql)], [], config)).toThrow(
      expect.objectContaining({ code: 'migration_of_other_tool', evidence: [`${name}: ${tool}`] }),
    )
  })

  it('a pair of golang-migrate is no pair of twins: whoever renumbered one would have both run', () => {
    const pair = [file('1_a.up.sql', table), file('1_a.down.sql', 'drop table secrets')]
    expect(() => pendingMigrations(pair, [], config)).toThrow(
      expect.objectContaining({
        code: 'migration_of_other_tool',
        evidence: ['1_a.up.sql: golang-migrate', '1_a.down.sql: golang-migrate'],
      }),
    )
  })

  it.each([
    ['a comment about it', '1_a.sql', '-- was: migrate:up in dbmate\nselect 1'],
    ['a text that quotes a mark', '1_a.sql', "select ' -- +goose Up'"],
    ['a name with up in it', '1_startup.sql', 'select 1'],
    ['a comment on a rollback', '1_a.sql', '-- rollbacks are by hand\nselect 1'],
    ['another one', '1_a.sql', '-- Rollback plan: drop the column\n-- rollback by hand\n-- changeset notes\nselect 1'],
  ])('%s is plain SQL', (_, name, sql) => {
    expect(pendingMigrations([file(name, sql)], [], config)).toHaveLength(1)
  })

  it('only while they are pending: what was applied stays applied', () => {
    const done = file('1_a.sql', `-- +goose Up\n${table}`)
    const ledger = [{ version: '1', name: done.name, sha256: done.sha256, appliedAt: '', appliedBy: '' }]
    expect(pendingMigrations([done], ledger, config)).toEqual([])
    const named = { ...done, name: '1_a.up.sql' }
    expect(pendingMigrations([named], ledger, config)).toEqual([])
    // A pair is refused all the same: it cannot be told which of the two was applied.
    expect(() => pendingMigrations([named, { ...done, name: '1_a.down.sql' }], ledger, config)).toThrow(
      expect.objectContaining({ code: 'migration_of_other_tool' }),
    )
  })
})

describe('what the migrate phase would refuse', () => {
  // Only texts are read: nobody connects.
  const database: ServiceDatabase = openDatabase({ url: new Sensitive('postgres://purser@127.0.0.1:1/none') })
  const plan = (...files: readonly MigrationFile[]) =>
    refuseObstacles({ database }, files, config, new AbortController().signal)

  it('is refused in the plan, every file and line of it by name', async () => {
    await expect(
      plan(
        file('1_a.sql', 'select 1;\ncommit;\n\\restrict abc'),
        file('2_b.sql', 'select 1'),
        file('3_c.sql', 'create index concurrently on t (id)'),
      ),
    ).rejects.toMatchObject({
      code: 'migrations_not_applicable',
      message:
        "reading migrations: 1_a.sql:2 begins or ends a transaction of its own, and 1 more file can't be applied either",
      hint: expect.stringContaining('Remove BEGIN, COMMIT and ROLLBACK'),
      evidence: [
        '1_a.sql:2 begins or ends a transaction of its own: commit',
        expect.stringContaining('1_a.sql:3 is a command of psql'),
        expect.stringContaining('3_c.sql:1 builds an index without a name'),
      ],
    })
  })

  it('and what can be taken as meant is taken: one transaction around everything, a limit of its own', async () => {
    const { files, overruled } = await plan(
      file('1_a.sql', 'begin;\nset lock_timeout = 0;\nselect 1;\ncommit;'),
      file('2_b.sql', "set lock_timeout = '1s'; select 1"),
      file(
        '3_c.sql',
        "select 1;\ndo $$ begin set local lock_timeout = 0; end $$; select set_config('lock_timeout', '0', true)",
      ),
    )
    expect(files.slice(0, 2).map(({ sql }) => sql.trim())).toEqual([
      expect.stringMatching(/^;\nset lock_timeout = 0;\nselect 1;\n\s*;$/),
      "set lock_timeout = '1s'; select 1",
    ])
    expect(overruled).toEqual([
      "1_a.sql:2 sets lock_timeout itself. Purser's limit of 2 s applies instead.",
      "3_c.sql:2 sets lock_timeout itself. Purser's limit of 2 s applies instead.",
      "3_c.sql:2 sets lock_timeout in a block or a function. While that runs, Purser's limit of 2 s doesn't hold.",
    ])
  })
})
