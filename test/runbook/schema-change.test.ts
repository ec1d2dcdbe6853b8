import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { changeOf } from '../../src/runbook/migrate/schema-check.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { migrationFile } from '../contract/database.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { service, worldOf } from './phase-context.ts'

describe('what a migration takes from the version that runs, on a real server', () => {
  let postgres: TestPostgres
  let url: string
  beforeAll(async () => {
    postgres = await startTestPostgres()
    url = await postgres.database()
    await ask(
      url,
      'create table a (id int, b text); create view v as select 1; create schema s; create table s.t (id int)',
    )
  }, 60_000)
  afterAll(() => postgres.close())

  it.each([
    ['drop table if exists never; drop view if exists nor_this', []],
    ['drop table if exists a', ['drops table a']],
    ['alter table a drop column if exists c; alter table if exists never drop column d', []],
    ['alter table a drop column b', ['drops column a.b']],
    ['drop view if exists v; drop table s.t', ['drops view v', 'drops table s.t']],
    ['set search_path to s; drop table t', ['drops table t']],
    ['alter table a add column c int not null', ['requires a value in the new column a.c']],
  ])('%s', async (sql, takes) => {
    const world = worldOf({ database: openDatabase({ url: new Sensitive(url) }) })
    const change = await changeOf(
      world,
      migrationFile('1_a.sql', sql),
      service.migrations,
      new AbortController().signal,
    )
    expect(change.takes.map(({ what }) => what)).toEqual(takes)
  })
})
