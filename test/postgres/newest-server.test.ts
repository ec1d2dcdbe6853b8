import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { withSession } from '../../src/adapters/postgres/connection/session.ts'
import { createAlike } from '../../src/adapters/postgres/restores/new-database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { databaseContract } from '../contract/database.ts'
import { ask, startTestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal

databaseContract('the service database on PostgreSQL 18', (url) => openDatabase({ url: new Sensitive(url) }), 18)

/** Where the machine has no client tools of 18 (Debian 12 has none), that they are missing is what can be shown. */
it('backs up a PostgreSQL 18 server with the tools of 18, or says at once that it needs them', async () => {
  const postgres = await startTestPostgres(18)
  const directory = await mkdtemp(join(tmpdir(), 'purser-newest-'))
  try {
    const url = await postgres.database()
    await ask(url, 'create table numbers as select n from generate_series(1, 1000) n')
    const backups = openBackups({ url: new Sensitive(url), directory })
    const tools = await backups.clientVersion(never).catch((error: unknown) => error)
    if (tools instanceof Error) {
      expect(tools).toMatchObject({
        code: 'client_tools_too_old',
        message: expect.stringMatching(/^choosing pg_dump: pg_dump \d.* cannot dump a PostgreSQL 18 server$/),
        hint: expect.stringContaining('Install postgresql-client-18 where Purser runs'),
      })
      await expect(backups.create('x', () => {}, never)).rejects.toMatchObject({ code: 'client_tools_too_old' })
      expect(await readdir(directory)).toEqual([])
      return
    }
    expect(tools).toMatchObject({ major: 18 })
    const { file, restoreTest, serverVersion } = await backups.create('x', () => {}, never)
    expect({ restoreTest, serverVersion }).toMatchObject({
      restoreTest: { outcome: 'passed' },
      serverVersion: expect.stringMatching(/^18/),
    })
    // zstd, where the tools have it.
    expect(await readdir(join(directory, file))).toContainEqual(expect.stringMatching(/\.zst$/))
  } finally {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)

/** Every kind of locale that a database may have. */
describe.each([15, 18] as const)('a database like another one, on PostgreSQL %i', (major) => {
  const kinds = [
    ['of the C library', 15, "locale 'C'"],
    ['of ICU', 15, "locale 'C' locale_provider icu icu_locale 'de-DE'"],
    ['of ICU with rules of its own', 16, "locale 'C' locale_provider icu icu_locale 'de-DE' icu_rules '&a < g'"],
    ['of the server itself', 17, "locale 'C' locale_provider builtin builtin_locale 'C.UTF-8'"],
  ] as const
  it.each(kinds.filter(([, since]) => major >= since))('has its locale: %s', async (_, _since, locale) => {
    const postgres = await startTestPostgres(major)
    try {
      const url = await postgres.database()
      await ask(url, `create database alike_from template template0 encoding 'UTF8' ${locale}`)
      const from = new URL(url)
      from.pathname = '/alike_from'
      await withSession(new Sensitive(from.href), 'making a database', never, (session) =>
        createAlike(session, 'alike_to'),
      )
      const rows = await ask(
        url,
        `select to_jsonb(d) - '{oid,datname,datfrozenxid,datminmxid,datacl}'::text[] as facts from pg_database d where datname ~ '^alike_' order by datname`,
      )
      expect(rows[1]).toEqual(rows[0])
      await ask(url, 'drop database alike_from')
      await ask(url, 'drop database alike_to')
    } finally {
      await postgres.close()
    }
  })
})
