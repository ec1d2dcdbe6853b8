import { join } from 'node:path'
import { openRepository } from '../src/adapters/git/repository.ts'
import type { MigrationsConfig } from '../src/config/service-schema.ts'
import { migrationFiles, pendingMigrations } from '../src/runbook/migrate/migrations.ts'
import type { World } from '../src/runbook/world.ts'
import { makeGitRepository } from '../test/support/git-repository.ts'
import { run } from './commands.ts'
import { inTurns, type Result, takeTurns } from './measure.ts'

const counted = (count: number) => count.toLocaleString('en-US')
const signal = new AbortController().signal
const runs = 5
/** So many are read one by one, as reading all of them so would take most of a minute. */
const sample = 50
const everyMigration = 3_000
const everyTag = 20_000

/** A repository with 3,000 migrations and 20,000 tags (a hundred and two hundred when quick), beside what a person types into a mirror of it. */
export async function measureGit(directory: string, quick: boolean): Promise<readonly Result[]> {
  const migrationCount = quick ? 100 : everyMigration
  const tagCount = quick ? 200 : everyTag
  const url = join(directory, 'origin.git')
  const names = Array.from({ length: migrationCount }, (_, index) => `${20_200_101_000_000 + index}_table.sql`)
  const tags = Array.from({ length: tagCount }, (_, index) => `v${Math.floor(index / 100)}.${index % 100}.0`)
  const sql = (name: string) => `create table t${name.slice(0, 14)} (id bigint primary key);\n`.padEnd(800, '-- why\n')
  const files = new Map(names.map((name) => [`supabase/migrations/${name}`, Buffer.from(sql(name))]))
  await makeGitRepository({ directory: url, files, tags })
  const mirror = join(directory, 'rival.git')
  await run('git', ['clone', '--quiet', '--mirror', url, mirror])
  const repository = openRepository({ url, mirrorDirectory: join(directory, 'mirror.git') })
  const version = tags[tagCount / 2] ?? ''
  const { sha } = await repository.resolveVersion(version, signal)
  const git = (...args: readonly string[]) => run('git', [`--git-dir=${mirror}`, ...args])
  const fetch = () => git('fetch', '--quiet', '--prune', 'origin')

  const read = await inTurns(
    runs,
    async () => {
      for (const path of [...files.keys()].slice(0, sample)) await git('show', `${sha}:${path}`)
    },
    () => readMigrations({ repository } as unknown as World, sha, migrationCount),
  )
  const asked = await takeTurns(runs, {
    resolveByHand: async () => {
      await fetch()
      await git('log', '-1', '--format=%H', version)
    },
    resolve: async () => void (await repository.resolveVersion(version, signal)),
    unknown: () =>
      repository.resolveVersion('v50.50.1', signal).then(
        () => Promise.reject(new Error('v50.50.1 was found')),
        () => undefined,
      ),
    tagsByHand: async () => {
      await fetch()
      await git('for-each-ref', '--sort=-creatordate', '--format=%(refname) %(objectname) %(creatordate)', 'refs/tags')
    },
    tags: async () => void (await repository.tags(signal)),
  })
  const all = read.rival.map((milliseconds) => (milliseconds / sample) * migrationCount)
  const resolveByHand = { name: 'git fetch, git log', milliseconds: asked.resolveByHand }
  return [
    {
      what: `${counted(migrationCount)} migration files, compared`,
      rival: { name: `git show per file (${sample}, × ${migrationCount / sample})`, milliseconds: all },
      ours: { name: 'one git cat-file --batch', milliseconds: read.ours },
      runs,
    },
    {
      what: `a version of ${counted(tagCount)} tags`,
      rival: resolveByHand,
      ours: { name: 'resolveVersion', milliseconds: asked.resolve },
      runs,
    },
    {
      what: `a version that is none of ${counted(tagCount)} tags`,
      rival: resolveByHand,
      ours: { name: 'resolveVersion, the nearest named', milliseconds: asked.unknown },
      runs,
    },
    {
      what: `${counted(tagCount)} tags, newest first`,
      rival: { name: 'git fetch, git for-each-ref', milliseconds: asked.tagsByHand },
      ours: { name: 'tags of the dialog', milliseconds: asked.tags },
      runs,
    },
  ]
}

async function readMigrations(world: World, commit: string, expected: number): Promise<void> {
  const config: MigrationsConfig = {
    directory: 'supabase/migrations',
    lockTimeoutSeconds: 2,
    statementTimeoutMinutes: 5,
    needs: [],
    blockers: 'name',
    expect: [],
  }
  const pending = pendingMigrations(await migrationFiles(world, config, commit, signal), [], config)
  if (pending.length !== expected) throw new Error(`${pending.length} of ${expected} migrations were read`)
}
