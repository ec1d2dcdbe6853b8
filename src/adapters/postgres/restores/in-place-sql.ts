import pg from 'pg'
import { randomBytes } from 'node:crypto'
import type { BackupManifest } from '../port.ts'
import { putDefaultPrivilegesAside, putDefaultPrivilegesBack } from './default-privileges.ts'
import { dependentsQuery } from './dependents.ts'

/** What belongs to the database as a whole and stays as it is: it is emptied, not made anew. */
export interface Existing {
  readonly schemas: readonly string[]
  readonly extensions: readonly string[]
  readonly others: readonly string[]
}

export interface ArchiveSelection {
  /** A list for `pg_restore --use-list` that has everything but the data of large objects. */
  readonly list: string
  /** A list of the large objects alone: pg_restore wraps their data into transactions of its own. */
  readonly largeObjects: string | undefined
  readonly schemas: readonly string[]
}

const whole = 'SCHEMA|EXTENSION|PUBLICATION|EVENT TRIGGER|FOREIGN DATA WRAPPER|SERVER|PROCEDURAL LANGUAGE'
const ofTheWhole = new RegExp(String.raw`^\d+; \d+ \d+ (${whole}) - (.+) \S*$`)
const aboutTheWhole = new RegExp(String.raw`^\d+; \d+ \d+ (?:COMMENT|ACL|SECURITY LABEL) \S+ (${whole}) (.+) \S*$`)

/** Selects from the archive's table of contents, without what is there already and stays. Pure. */
export function selectContents(lines: readonly string[], existing: Existing): ArchiveSelection {
  const stays = (kind: string | undefined, name: string | undefined): boolean => {
    if (name === undefined) return false
    if (kind === 'SCHEMA') return existing.schemas.includes(name)
    return (kind === 'EXTENSION' ? existing.extensions : existing.others).includes(name)
  }
  const items = lines.filter((line) => /^\d+; /.test(line))
  const wanted = items.filter((line) => {
    const [, kind, name] = ofTheWhole.exec(line) ?? aboutTheWhole.exec(line) ?? []
    return !stays(kind, name) && !/^\d+; \d+ \d+ (DEFAULT ACL|SUBSCRIPTION)\b/.test(line)
  })
  const isData = (line: string): boolean => /^\d+; \d+ \d+ BLOBS /.test(line)
  const largeObjects = wanted.filter(isData)
  return {
    list: `${wanted.filter((line) => !isData(line)).join('\n')}\n`,
    largeObjects: largeObjects.length === 0 ? undefined : `${largeObjects.join('\n')}\n`,
    schemas: items.flatMap((line) => {
      const [, kind, name] = ofTheWhole.exec(line) ?? []
      return kind === 'SCHEMA' && name !== undefined ? [name] : []
    }),
  }
}

const lockLimit = '15s'

/**
 * Begins the one transaction of a restore in place and removes what is there now: everything, or what the backup's
 * schemas hold. `pg_restore --clean` would leave what came after the backup, and trip over what depends on it.
 */
export function beginEmptied(archived: readonly string[], schemas: readonly string[] | undefined): string {
  const names = (list: readonly string[]): string => list.map((name) => pg.escapeLiteral(name)).join(', ')
  const own = (catalog: string, oid: string): string => ownIn(catalog, oid, schemas === undefined ? '' : names(schemas))
  return `
set client_min_messages = warning;
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set lock_timeout = '${lockLimit}';
begin;
-- One at a time: what a killed process left behind has to be gone.
select pg_advisory_xact_lock(hashtextextended('purser:restore', 0)) \\g /dev/null
${schemas === undefined ? '' : block(refuseDependents(schemas))}
${block(putDefaultPrivilegesAside)}
${block(`
declare it record;
begin
  for it in
    select format('drop %s if exists %I.%I cascade', case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
      when 'S' then 'sequence' when 'f' then 'foreign table' else 'table' end, n.nspname, c.relname) as sql, 1 as turn
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${own('pg_class', 'c.oid')}
    union all
    select format('drop routine if exists %I.%I(%s) cascade', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), 2
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${own('pg_proc', 'p.oid')}
    union all
    select format('drop type if exists %I.%I cascade', n.nspname, t.typname), 3
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where (t.typtype in ('e', 'd', 'r') or c.relkind = 'c') and ${own('pg_type', 't.oid')}
    union all
    select format('drop collation if exists %I.%I cascade', n.nspname, k.collname), 4
    from pg_collation k join pg_namespace n on n.oid = k.collnamespace where ${own('pg_collation', 'k.oid')}
    union all
    select format('drop text search configuration if exists %I.%I cascade', n.nspname, k.cfgname), 5
    from pg_ts_config k join pg_namespace n on n.oid = k.cfgnamespace where ${own('pg_ts_config', 'k.oid')}
    union all
    select format('drop text search dictionary if exists %I.%I cascade', n.nspname, k.dictname), 6
    from pg_ts_dict k join pg_namespace n on n.oid = k.dictnamespace where ${own('pg_ts_dict', 'k.oid')}
    union all
    select format('drop schema if exists %I cascade', n.nspname), 7 from pg_namespace n
    where n.nspname not in (${names(['public', ...archived, ...(schemas ?? [])])}) and ${own('pg_namespace', 'n.oid')}
    order by turn
  loop execute it.sql; end loop;
  ${schemas === undefined ? 'perform lo_unlink(oid) from pg_largeobject_metadata;' : ''}
end`)}
`
}

/** Raises when something of another schema would be dropped along; since the plan it may have come. */
function refuseDependents(schemas: readonly string[]): string {
  return `
declare names text;
begin
  select string_agg(name, '; ') into names from (select name from (${dependentsQuery(schemas)}) hanging limit 20) first_ones;
  if names is not null then raise exception 'what other schemas have depends on it: %', names; end if;
end`
}

/** Makes the condition for an object of one's own: not the system's, of no extension and no part of something else. */
function ownIn(catalog: string, oid: string, schemas: string): string {
  return `n.nspname !~ '^pg_' and n.nspname <> 'information_schema' ${schemas === '' ? '' : `and n.nspname in (${schemas})`}
      -- A partitioned table depends on its own columns.
      and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid}
        and deptype in ('e', 'i') and (refclassid, refobjid) <> (classid, objid))`
}

/**
 * The mark of what a restore in place has done, in the database itself: it is there exactly when the transaction was
 * committed.
 */
interface Mark {
  readonly run: number
  readonly file: string
  readonly sha256: string
  /** The dump of what was there before. */
  readonly safety: string
}

/** Compares what was restored with the manifest, notes it, and only then commits. */
export function checkedCommit(manifest: BackupManifest, { run, file, sha256, safety }: Mark): string {
  return `
set search_path to default;
set row_security = off;
${block(`
declare n bigint; value text; wrong text[] := '{}';
begin
${manifest.rows
  .filter(({ table }) => manifest.schemas === undefined || !table.startsWith('pg_catalog.'))
  .map(countCheck)
  .join('\n')}
${manifest.sequences.map(sequenceCheck).join('\n')}
  if wrong <> '{}' then
    raise exception 'not as in the backup: %', array_to_string(wrong[1:20], '; ');
  end if;
end`)}
${block(putDefaultPrivilegesBack)}
${manifest.schemas === undefined || manifest.schemas.includes('purser') ? '' : forgetMigrations(manifest)}
analyze;
create schema if not exists purser;
create table if not exists purser.restores (run bigint primary key, file text not null, sha256 text not null,
  safety text not null, at timestamptz not null default now());
insert into purser.restores (run, file, sha256, safety)
  values (${run}, ${[file, sha256, safety].map((one) => pg.escapeLiteral(one)).join(', ')});
commit;
`
}

/** Removes later migrations from a ledger that was not in the backup: what was applied since is gone all the same. */
function forgetMigrations({ startedAt }: BackupManifest): string {
  return block(`
begin
  if to_regclass('purser.migrations') is not null then
    delete from purser.migrations where applied_at > ${pg.escapeLiteral(startedAt)};
  end if;
  if to_regclass('purser.migration_statements') is not null then
    delete from purser.migration_statements where done_at > ${pg.escapeLiteral(startedAt)};
  end if;
end`)
}

function countCheck({ table, rows }: BackupManifest['rows'][number]): string {
  const name = pg.escapeLiteral(table)
  return `  select count(*) into n from only ${place(table)};
  if n <> ${rows} then wrong := wrong || format('%s: %s, not ${rows} rows', ${name}, n); end if;`
}

function sequenceCheck({ sequence, first, last }: BackupManifest['sequences'][number]): string {
  const literal = (value: string | null): string => (value === null ? 'null' : value)
  const [low, high] = [literal(first), literal(last)]
  // The sequence was read at some moment between the two; null means that it was never used.
  const fits = `value is not distinct from ${low}::bigint or value is not distinct from ${high}::bigint
    or value between symmetric coalesce(${low}::bigint, value) and ${high}::bigint`
  return `  select pg_sequence_last_value(${pg.escapeLiteral(place(sequence))}::regclass) into n;
  if not coalesce(${fits.replaceAll('value', 'n')}, false)
    then wrong := wrong || format('sequence %s: at %s', ${pg.escapeLiteral(sequence)}, n); end if;`
}

function place(name: string): string {
  const [schema = '', ...rest] = name.split('.')
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(rest.join('.'))}`
}

/** Quotes a block: names may hold anything, so the quotes around it are new each time. */
function block(body: string): string {
  const tag = `$purser_${randomBytes(8).toString('hex')}$`
  return `do ${tag}${body}\n${tag};`
}
