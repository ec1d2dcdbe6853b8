import type { EarlierDeploy } from '../model/environment-order.ts'
import type { KnownRelease, SchemaChange } from '../model/schema-compatibility.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'

/** Stores a release with the schema on which it was seen to run; a later sight replaces an earlier one. */
async function recordRelease(sql: Sql, environment: string, run: number, release: KnownRelease): Promise<void> {
  await sql.query(
    `insert into purser.releases (environment, version, migrations, image, schema, run) values ($1, $2, $3, $4, $5, $6)
     on conflict (environment, version) do update
       set migrations = excluded.migrations, image = excluded.image, schema = excluded.schema, run = excluded.run, at = now()`,
    [environment, release.version, JSON.stringify(release.migrations), release.image, release.schema ?? null, run],
  )
}

/** Reads the releases that were seen to run in the environment, the one last seen first. */
export async function knownReleases(sql: Sql, environment: string): Promise<readonly KnownRelease[]> {
  const { rows } = await sql.query<Omit<KnownRelease, 'schema'> & { readonly schema: string | null }>(
    'select version, migrations, image, schema from purser.releases where environment = $1 order by at desc limit 200',
    [environment],
  )
  return rows.map(({ schema, ...release }) => (schema === null ? release : { ...release, schema }))
}

async function recordSchemaChange(sql: Sql, environment: string, run: number, change: SchemaChange): Promise<void> {
  await sql.query(
    `insert into purser.schema_changes (environment, migration, change, run) values ($1, $2, $3, $4)
     on conflict (environment, migration) do update set change = excluded.change, run = excluded.run, at = now()`,
    [environment, change.migration, JSON.stringify(change), run],
  )
}

export async function schemaChanges(sql: Sql, environment: string): Promise<readonly SchemaChange[]> {
  const { rows } = await sql.query<{ change: SchemaChange }>(
    'select change from purser.schema_changes where environment = $1',
    [environment],
  )
  return rows.map(({ change }) => change)
}

/** Reads the deploys that have succeeded in an environment, the newest first, with what became of each. */
async function succeededIn(sql: Sql, environment: string): Promise<readonly EarlierDeploy[]> {
  const { rows } = await sql.query<{
    number: string
    version: string
    commit: string
    image: string | null
    rolled_back_by: string | null
  }>(
    `select r.number, r.version, r.plan -> 'commit' ->> 'sha' as commit,
       (select e."after" ->> 'image' from purser.effects e where e.run = r.number and e.kind = 'image' order by e.id desc limit 1) as image,
       (select b.number from purser.runs b where b.parent = r.number and b.kind = 'rollback'
          and b.status in ('executing', 'cancelling', 'succeeded') order by b.number desc limit 1) as rolled_back_by
     from purser.runs r where r.kind = 'deploy' and not r.dry_run and r.status = 'succeeded' and r.environment = $1
     order by r.number desc limit 200`,
    [environment],
  )
  return rows.map(({ number, version, commit, image, rolled_back_by: by }) => ({
    run: Number(number),
    version,
    commit,
    image: image ?? undefined,
    rolledBackBy: by === null ? undefined : Number(by),
  }))
}

/** Gives a phase what it writes and reads of releases and of what migrations take from them. */
export function phaseReleases({ claim, environment, read, mask, write }: Fence) {
  return {
    knownReleases: () => knownReleases(read, environment),
    succeededIn: (other: string) => succeededIn(read, other),
    recordRelease: (release: KnownRelease) => write((sql) => recordRelease(sql, environment, claim.run, mask(release))),
    schemaChanges: () => schemaChanges(read, environment),
    recordSchemaChange: (change: SchemaChange) =>
      write((sql) => recordSchemaChange(sql, environment, claim.run, mask(change))),
  }
}
