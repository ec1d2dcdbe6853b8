import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import type { MigrationsConfig } from '../../src/config/service-schema.ts'
import { ignoredRisk, readMigrations, refuseNoneTaken } from '../../src/runbook/migrate/migrations.ts'
import { worldOf } from '../runbook/phase-context.ts'

/** How people keep migrations, and what a look at the directory of purser.yaml comes to. */

const run = promisify(execFile)
const never = new AbortController().signal
let directory: string
let repository: Repository
let commit: string

const files = [
  'supabase/migrations/1_a.sql',
  'supabase/migrations/2_b.sql',
  'supabase/migrations/README.md',
  'supabase/migrations/.gitkeep',
  'supabase/seed.sql',
  'moved/db/migrations/1_a.sql',
  'prisma/migrations/20260101000000_init/migration.sql',
  'prisma/migrations/20260102000000_plans/migration.sql',
  'prisma/migrations/migration_lock.toml',
  'flyway/V1__init.sql',
  'flyway/V2__plans.sql',
  'mixed/1_a.sql',
  'mixed/plans.sql',
  'mixed/2-a.SQL',
  'mixed/archive/0_old.sql',
  'mixed/3_c.sql.bak',
  'mixed/20260101000000_init/up.sql',
  'empty/.gitkeep',
  'notes/README.md',
  'a file',
]
/** Links, and where they lead. */
const links = {
  linked: 'supabase/migrations',
  'deep/link': '../supabase',
  'twice/removed': '../linked',
  'files/1_a.sql': '../supabase/migrations/1_a.sql',
  'files/2_gone.sql': '../nowhere.sql',
  outside: '../elsewhere',
  absolute: '/etc',
  'far-away': `/${'far/'.repeat(700)}away`,
  circle: 'circle2',
  circle2: 'circle',
  'to-file': 'a file',
  'to-submodule': 'vendor/lib',
} as const

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-directories-'))
  const work = join(directory, 'work')
  const git = async (...args: string[]) => {
    const person = ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com']
    return (await run('git', [...person, '-C', work, ...args])).stdout.trim()
  }
  await run('git', ['init', '--quiet', '--initial-branch=main', work])
  for (const path of files) {
    await mkdir(dirname(join(work, path)), { recursive: true })
    await writeFile(join(work, path), `-- ${path}\n`)
  }
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(work, path)), { recursive: true })
    await symlink(target, join(work, path))
  }
  await git('add', '--all')
  // As `git submodule add` leaves it: the commit of another repository in place of a directory.
  for (const path of ['vendor/lib', 'mixed/4_sub'])
    await git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},${path}`)
  await git('commit', '--quiet', '-m', 'All of it')
  await git('tag', 'v1.0.0')
  commit = await git('rev-parse', 'HEAD')
  repository = openRepository({ url: join(work, '.git'), mirrorDirectory: join(directory, 'mirror.git') })
  await repository.tags(never)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const config = (path: string): MigrationsConfig => ({
  directory: path,
  lockTimeoutSeconds: 2,
  statementTimeoutMinutes: 5,
  needs: [],
  expect: [],
  blockers: 'name',
})
const read = (path: string) => readMigrations(worldOf({ repository }), config(path), commit, never)

describe('migrations are found', () => {
  it.each<[string, string, readonly string[]]>([
    ['where purser.yaml says', 'supabase/migrations', ['1_a.sql', '2_b.sql']],
    ['with a slash behind the path', 'supabase/migrations/', ['1_a.sql', '2_b.sql']],
    ['behind a link', 'linked', ['1_a.sql', '2_b.sql']],
    ['behind a link on the way', 'deep/link/migrations', ['1_a.sql', '2_b.sql']],
    ['behind a link to a link', 'twice/removed', ['1_a.sql', '2_b.sql']],
    [
      'in a folder each',
      'prisma/migrations',
      ['20260101000000_init/migration.sql', '20260102000000_plans/migration.sql'],
    ],
  ])('%s', async (_, path, names) => {
    const found = await read(path)
    expect(found.files.map(({ name }) => name)).toEqual(names)
    for (const { name, sql } of found.files) expect(sql).toContain(name)
    expect(ignoredRisk(path, found)).toEqual([])
  })

  it('where files are links themselves, and one that leads nowhere is an error', async () => {
    const wanted = [{ path: 'files/1_a.sql' }]
    expect(await repository.readAll(commit, wanted, never)).toEqual([
      { path: 'files/1_a.sql', text: '-- supabase/migrations/1_a.sql\n' },
    ])
    await expect(read('files')).rejects.toMatchObject({ code: 'file_missing', evidence: ['files/2_gone.sql'] })
  })

  it('where nothing else is, and what is left out is counted and named', async () => {
    expect(ignoredRisk('mixed', await read('mixed'))).toEqual([
      'mixed has 6 files that will not be applied, being named otherwise than <digits>_<name>.sql or <digits>_<name>/migration.sql: ' +
        '2-a.SQL, 20260101000000_init/up.sql, 3_c.sql.bak, archive/0_old.sql, plans.sql and 1 more.',
    ])
    for (const path of ['empty', 'notes'])
      expect(ignoredRisk(path, await read(path))).toEqual([`${path} has no migration at all at this version.`])
  })
})

describe('files of which none is a migration', () => {
  it('are refused by name: what people take for migrations would never be applied', async () => {
    const flyway = await read('flyway')
    expect(() => refuseNoneTaken('flyway', flyway)).toThrow(
      expect.objectContaining({
        code: 'migrations_not_taken',
        message: 'reading migrations: none of the 2 files in flyway is a migration (as Flyway names them)',
        evidence: flyway.ignored,
      }),
    )
    for (const path of ['empty', 'notes', 'mixed', 'supabase/migrations']) {
      const found = await read(path)
      expect(() => refuseNoneTaken(path, found)).not.toThrow()
    }
  })
})

describe('what is no directory is an error, and no empty one', () => {
  it.each<[string, string, string, RegExp]>([
    ['a slip of the pen', 'supabase/migratoins', 'directory_missing', /nearest directories are supabase\/migrations, /],
    ['another case', 'Supabase/Migrations', 'directory_missing', /supabase\/migrations/],
    ['moved', 'db/migrations', 'directory_missing', /moved\/db\/migrations/],
    ['a file', 'a file', 'directory_missing', /./],
    ['below a file', 'a file/migrations', 'directory_missing', /./],
    ['behind a link to a file', 'to-file', 'directory_missing', /./],
    ['a submodule', 'vendor/lib', 'in_submodule', /a different repository/],
    ['in a submodule', 'vendor/lib/migrations', 'in_submodule', /a different repository/],
    ['behind a link to a submodule', 'to-submodule', 'in_submodule', /a different repository/],
    ['behind a link out of the repository', 'outside', 'link_unreadable', /inside the repository/],
    ['behind a link to a place of the machine', 'absolute', 'link_unreadable', /inside the repository/],
    ['behind a link to a place with a very long name', 'far-away', 'link_unreadable', /inside the repository/],
    ['behind links in a circle', 'circle/migrations', 'link_unreadable', /inside the repository/],
  ])('%s: %s', async (_, path, code, hint) => {
    const failure: unknown = await read(path).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code })
    expect(String(failure).length).toBeLessThan(500)
    expect((failure as { readonly hint?: string }).hint ?? '.').toMatch(hint)
  })
})
