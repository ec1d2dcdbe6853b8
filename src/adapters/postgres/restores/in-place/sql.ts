import pg from 'pg'
import { randomBytes } from 'node:crypto'
import type { BackupManifest } from '../../backups/port.ts'
import { type ExpectedAccess, requireAccess } from '../access-check.ts'
import { setSchemaRights } from './schema-rights.ts'
import { putDefaultPrivilegesAside, putDefaultPrivilegesBack } from './default-privileges.ts'
import { emptyBlock } from './emptying.ts'
import { noteOutside, remakeOutside } from './outside-objects.ts'

const lockLimit = '15s'

/**
 * Begins the one transaction of a restore in place and removes what is there now: everything, or what the backup's
 * schemas hold.
 */
export function beginEmptied(archived: readonly string[], schemas: readonly string[] | undefined): string {
  return `
set client_min_messages = warning;
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set lock_timeout = '${lockLimit}';
begin;
-- One at a time: what a killed process left behind has to be gone.
select pg_advisory_xact_lock(hashtextextended('purser:restore', 0)) \\g /dev/null
${schemas === undefined ? '' : block(noteOutside(schemas))}
${block(putDefaultPrivilegesAside)}
${block(emptyBlock({ archived, schemas }))}
`
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
-- Before the search path is that of the database again.
${remadeOutside(manifest)}
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
${checkedAccess(manifest)}
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

/** Makes again what other schemas had made of the restored ones. */
export function remadeOutside({ schemas }: Pick<BackupManifest, 'schemas'>): string {
  return schemas === undefined ? '' : block(remakeOutside(schemas))
}

/** Sets the rights of schemas, and compares all others and owners with those that the backup had, where its manifest says them. */
export function checkedAccess(manifest: ExpectedAccess): string {
  const { access } = manifest
  return access === undefined ? '' : `${block(setSchemaRights(access))}\n${block(requireAccess(manifest))}\n`
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
