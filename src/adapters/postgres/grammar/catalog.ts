import type { Session } from '../connection/session.ts'

/** A function, operator or type that a text uses by name; without a schema it may be any of that name. */
export interface Used {
  readonly how: 'call' | 'attribute' | 'operator' | 'type'
  readonly name: readonly string[]
}

/** What the catalog says of a use: it may change something, there is no such thing, or neither. */
interface UsedInCatalog {
  readonly volatile: boolean
  readonly known: boolean
}

/**
 * Functions of the server that are volatile only because their answer changes: they read, and change nothing. Of another schema the same
 * names count for nothing.
 */
const reading = [
  'bernoulli clock_timestamp currval gen_random_uuid lastval pg_blocking_pids pg_control_checkpoint pg_control_system pg_current_wal_flush_lsn',
  'pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_get_replication_slots pg_indexes_size pg_is_in_recovery',
  'pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status',
  'pg_notification_queue_usage pg_prepared_xact pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_table_size',
  'pg_tablespace_size pg_total_relation_size random random_normal system timeofday uuidv4 uuidv7',
]
  .join(' ')
  .split(' ')

/** Functions that run the SQL in their arguments, whatever they are declared as. */
const running = [
  'connectby crosstab crosstab2 crosstab3 crosstab4 cursor_to_xml cursor_to_xmlschema dblink query_to_xml query_to_xml_and_xmlschema',
  'query_to_xmlschema ts_stat xpath_table',
]
  .join(' ')
  .split(' ')

/**
 * Looks up what the uses may be: every function of the name counts, an aggregate with the functions that it is made of, an operator with
 * its function, a type with its casts and its input. What a function that is declared stable does inside is not seen.
 */
export async function lookUp(session: Session, used: readonly Used[]): Promise<readonly UsedInCatalog[]> {
  const wanted = used.map(({ how, name }, place) => ({
    place,
    how,
    schema: name.length > 1 ? name.at(-2) : null,
    name: name.at(-1),
  }))
  const { rows } = await session.query<{ place: number; volatile: boolean }>(
    `with wanted as (select * from json_to_recordset($1) as w (place int, how text, schema text, name text)),
      candidates as (
        select w.place, p.oid from wanted w
          join pg_catalog.pg_proc p on p.proname = w.name
          join pg_catalog.pg_namespace n on n.oid = p.pronamespace and (w.schema is null or n.nspname = w.schema)
          where w.how = 'call'
        union all
        select w.place, p.oid from wanted w
          join pg_catalog.pg_proc p on p.proname = w.name and p.pronargs >= 1 and p.pronargs - p.pronargdefaults <= 1
          join pg_catalog.pg_type t on t.oid = p.proargtypes[0] and t.typtype in ('c', 'd', 'p')
          where w.how = 'attribute'
        union all
        select w.place, o.oprcode from wanted w
          join pg_catalog.pg_operator o on o.oprname = w.name
          join pg_catalog.pg_namespace n on n.oid = o.oprnamespace and (w.schema is null or n.nspname = w.schema)
          where w.how = 'operator'
        union all
        select w.place, f.oid from wanted w
          join pg_catalog.pg_type t on t.typname = w.name
          join pg_catalog.pg_namespace n on n.oid = t.typnamespace and (w.schema is null or n.nspname = w.schema)
          left join pg_catalog.pg_cast c on c.casttarget = t.oid
          cross join lateral (values (c.castfunc), (t.typinput::oid)) as f (oid)
          where w.how = 'type' and f.oid <> 0
        union all
        select c.place, part.oid from (select w.place, p.oid from wanted w join pg_catalog.pg_proc p on p.proname = w.name where w.how = 'call') c
          join pg_catalog.pg_aggregate a on a.aggfnoid = c.oid
          cross join lateral (values (a.aggtransfn::oid), (a.aggfinalfn::oid), (a.aggcombinefn::oid), (a.aggmtransfn::oid), (a.aggmfinalfn::oid)) as part (oid)
          where part.oid <> 0)
     select c.place, bool_or(p.proname = any ($3) or p.provolatile = 'v' and not (n.nspname = 'pg_catalog' and p.proname = any ($2))) as volatile
     from candidates c join pg_catalog.pg_proc p on p.oid = c.oid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     group by c.place`,
    [JSON.stringify(wanted), reading, running],
  )
  const found = new Map(rows.map(({ place, volatile }) => [place, volatile]))
  return used.map((_, place) => ({ volatile: found.get(place) ?? false, known: found.has(place) }))
}

/** Reads the definitions of those of these relations that are views; without a schema every view of the name. */
export async function viewDefinitions(
  session: Session,
  relations: readonly (readonly string[])[],
): Promise<readonly { readonly name: string; readonly sql: string }[]> {
  const wanted = relations.map((name) => ({ schema: name.length > 1 ? name.at(-2) : null, name: name.at(-1) }))
  const { rows } = await session.query<{ name: string; sql: string }>(
    `select distinct n.nspname || '.' || c.relname as name, pg_catalog.pg_get_viewdef(c.oid) as sql
     from json_to_recordset($1) as w (schema text, name text)
       join pg_catalog.pg_class c on c.relname = w.name and c.relkind = 'v'
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace and (w.schema is null or n.nspname = w.schema)`,
    [JSON.stringify(wanted)],
  )
  return rows
}
