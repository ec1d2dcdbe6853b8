import type { NeededRight } from '../grammar/needed-rights.ts'
import type { Session } from '../connection/session.ts'
import type { MissingRight } from './port.ts'

/** What the statements of a pending file need, as its text says. */
export interface FileNeeds {
  readonly file: string
  readonly needs: readonly NeededRight[]
}

interface Facts {
  readonly user: string
  readonly database: string
  readonly createsInDatabase: boolean
  /** Quoted where it needs it, like all names here. */
  readonly ledgerSchema: string
  readonly ledger: { readonly schema: boolean; readonly creates: boolean; readonly writes: boolean | null }
}

/**
 * Lists what keeps the user from applying these files and from writing the ledger, by the catalogs. Objects that do not exist are not
 * looked for: an earlier file may make them.
 */
export async function missingForMigrations(
  session: Session,
  ledgerSchema: string,
  files: readonly FileNeeds[],
): Promise<readonly MissingRight[]> {
  if (files.length === 0) return []
  const facts = await factsOf(session, ledgerSchema)
  const { rows } = await session.query<Denied>(deniedQuery, [JSON.stringify(files.flatMap(wantedOf))])
  return [...ledgerProblems(facts), ...deniedProblems(facts, rows)]
}

/** What a right is about: a relation with or without its schema, a schema (none where the search_path says it), an extension. */
function wantedOf({ file, needs }: FileNeeds) {
  return needs.map(({ line, kind, name }) => ({
    place: `${file}:${line}`,
    kind,
    schema: kind === 'create' ? (name.at(-1) ?? null) : (name.at(-2) ?? null),
    name: name.at(-1) ?? null,
  }))
}

/** Something that a statement needs and the user lacks. */
interface Denied {
  readonly place: string
  readonly kind: NeededRight['kind']
  /** What it is about, quoted where it needs it. */
  readonly object: string
  readonly owner: string | null
}

/** Names are looked up in the catalogs, as `to_regclass` raises for a schema that the user may not use. */
const deniedQuery = `
  with me as (select oid, rolsuper from pg_roles where rolname = current_user),
  wanted as (select * from rows from (json_to_recordset($1) as (place text, kind text, schema text, name text)) with ordinality
    as w (place, kind, schema, name, ordinality))
  select place, kind, object, owner from (
    select w.ordinality, w.place, w.kind, case when n.nspname = 'public' then quote_ident(c.relname) else format('%I.%I', n.nspname, c.relname) end as object,
      quote_ident(pg_get_userbyid(c.relowner)) as owner
    from wanted w join pg_class c on c.relname = w.name join pg_namespace n on n.oid = c.relnamespace
    where (n.nspname = w.schema or w.schema is null and pg_table_is_visible(c.oid))
      and case when w.kind in ('own', 'drop') then not (pg_has_role(c.relowner, 'usage') or w.kind = 'drop' and pg_has_role(n.nspowner, 'usage'))
        when w.kind in ('insert', 'update', 'references') then not (has_table_privilege(c.oid, w.kind) or has_any_column_privilege(c.oid, w.kind))
        when w.kind in ('delete', 'truncate', 'trigger') then not has_table_privilege(c.oid, w.kind) end
    union all
    select w.ordinality, w.place, w.kind, quote_ident(n.nspname), null
    from wanted w join pg_namespace n on n.nspname = coalesce(w.schema, current_schema())
    where w.kind = 'create' and not has_schema_privilege(n.oid, 'create')
    union all
    -- A schema that the user may not even use is not in the search_path.
    select w.ordinality, w.place, w.kind, 'public', null from wanted w where w.kind = 'create' and w.schema is null and current_schema() is null
    union all
    select w.ordinality, w.place, w.kind, quote_ident(current_database()), null
    from wanted w where w.kind = 'schema' and not has_database_privilege(current_database(), 'create')
    union all
    select w.ordinality, w.place, w.kind, quote_ident(a.name), null
    from wanted w join pg_available_extensions a on a.name = w.name
      join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
    where w.kind = 'extension' and a.installed_version is null and not (has_database_privilege(current_database(), 'create') and (v.trusted or not v.superuser))
      and not exists (select from pg_roles where rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin'))
  ) denied, me where not me.rolsuper order by ordinality`

async function factsOf(session: Session, schema: string): Promise<Facts> {
  const { rows } = await session.query<Facts>(
    `select quote_ident(current_user) as user, quote_ident(current_database()) as database, quote_ident($1) as "ledgerSchema",
       has_database_privilege(current_database(), 'create') as "createsInDatabase",
       json_build_object(
         'schema', to_regnamespace(quote_ident($1)) is not null,
         'creates', coalesce(has_schema_privilege(to_regnamespace(quote_ident($1)), 'create') and has_schema_privilege(to_regnamespace(quote_ident($1)), 'usage'), false),
         'writes', (select has_schema_privilege(relnamespace, 'usage') and has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
           from pg_class where relname = 'migrations' and relnamespace = to_regnamespace(quote_ident($1)))) as ledger`,
    [schema],
  )
  const [row] = rows
  if (!row) throw new Error('the server answered with no row')
  return row
}

/** The ledger is a schema of its own with two tables, which the first migration makes. */
function ledgerProblems({ user, createsInDatabase, ledgerSchema: schema, ledger }: Facts): readonly MissingRight[] {
  if (!ledger.schema)
    return createsInDatabase
      ? []
      : [
          {
            what: `${user} can't create schema ${schema} for the ledger of migrations`,
            mend: `create schema ${schema} authorization ${user}`,
          },
        ]
  if (!ledger.creates)
    return [
      {
        what: `${user} can't create tables in schema ${schema}, where the ledger of migrations is`,
        mend: `grant usage, create on schema ${schema} to ${user}`,
      },
    ]
  if (ledger.writes !== false) return []
  return [
    {
      what: `${user} can't write to the ledger ${schema}.migrations`,
      mend: `grant select, insert on all tables in schema ${schema} to ${user}`,
    },
  ]
}

/** One problem for each owner, schema or extension, with the first place that needs it. */
function deniedProblems({ user, database }: Facts, denied: readonly Denied[]): readonly MissingRight[] {
  const problems = new Map<string, MissingRight>()
  for (const { place, kind, object, owner } of denied) {
    const problem = problemOf({ place, kind, object, owner }, user, database)
    if (!problems.has(problem.mend)) problems.set(problem.mend, problem)
  }
  return [...problems.values()]
}

function problemOf({ place, kind, object, owner }: Denied, user: string, database: string): MissingRight {
  switch (kind) {
    case 'own':
    case 'drop':
      return {
        what: `${place} changes ${object}, which belongs to ${owner}, and ${user} does not have its rights`,
        mend: `grant ${owner} to ${user}`,
      }
    case 'create':
      return {
        what: `${place} creates something in schema ${object}, where ${user} isn't allowed to`,
        mend: `grant usage, create on schema ${object} to ${user}`,
      }
    case 'schema':
      return {
        what: `${place} creates a schema, which ${user} isn't allowed to in database ${database}`,
        mend: `grant create on database ${database} to ${user}`,
      }
    case 'extension':
      return {
        what: `${place} creates extension ${object}, which ${user} isn't allowed to`,
        mend: `create extension ${object}`,
      }
    default:
      return {
        what: `${place} needs ${kind} on ${object}, which ${user} lacks`,
        mend: `grant ${kind} on ${object} to ${user}`,
      }
  }
}
