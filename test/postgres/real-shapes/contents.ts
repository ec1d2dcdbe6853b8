import { spawn } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import type { ClientTools } from '../../../src/adapters/postgres/connection/client-tools.ts'
import { libpqEnvironment } from '../../../src/adapters/postgres/connection/libpq.ts'
import { Sensitive } from '../../../src/sensitive.ts'

/** Every object that is not the server's own or Purser's, by its kind and name, and what the server says of it in words. */
const catalogs: readonly string[] = [
  'am cast class collation constraint conversion event_trigger extension foreign_data_wrapper foreign_server language namespace',
  'opclass operator opfamily policy proc publication publication_rel rewrite statistic_ext subscription trigger ts_config ts_dict',
  'type user_mapping attrdef amop amproc',
]
  .join(' ')
  .split(' ')
  .map(
    (
      name,
    ) => `select i.type, i.identity, coalesce(obj_description(c.oid, 'pg_${name}'), '') from pg_catalog.pg_${name} c,
    pg_identify_object('pg_${name}'::regclass, c.oid, 0) i where c.oid >= 16384`,
  )

const definitions: readonly string[] = [
  `select 'relation', c.oid::regclass::text, concat_ws('|', relkind, relpersistence, relowner::regrole, relacl, reloptions, relrowsecurity, relforcerowsecurity,
     relreplident, (select amname from pg_am where oid = relam), pg_get_expr(relpartbound, c.oid), pg_get_partkeydef(c.oid), reltablespace, reloftype::regtype,
     case when relkind in ('v', 'm') then pg_get_viewdef(c.oid) when relkind in ('i', 'I') then pg_get_indexdef(c.oid) end,
     (select concat(indisvalid, indisready, indisclustered, indisreplident) from pg_index where indexrelid = c.oid),
     (select string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = c.oid))
   from pg_class c where c.oid >= 16384 and relkind <> 't'`,
  `select 'column', attrelid::regclass || ' ' || attnum, concat_ws('|', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
     attcollation::regcollation, attstattarget, attstorage, attcompression, attoptions, attacl, attislocal, attinhcount,
     (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum), col_description(attrelid, attnum))
   from pg_attribute join pg_class c on c.oid = attrelid where attrelid >= 16384 and attnum > 0 and relkind <> 't' and not attisdropped`,
  `select 'constraint', concat(conrelid::regclass, contypid::regtype, ' ', conname), concat(pg_get_constraintdef(oid), convalidated, condeferrable, condeferred) from pg_constraint where oid >= 16384`,
  `select 'trigger', tgrelid::regclass || ' ' || tgname, concat(pg_get_triggerdef(oid), tgenabled) from pg_trigger where oid >= 16384 and not tgisinternal`,
  `select 'rule', ev_class::regclass || ' ' || rulename, concat(pg_get_ruledef(oid), ev_enabled) from pg_rewrite where oid >= 16384`,
  `select 'policy', polrelid::regclass || ' ' || polname, concat_ws('|', polcmd, polpermissive, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) from pg_policy`,
  `select 'function', oid::regprocedure::text, concat_ws('|', proowner::regrole, proacl, case when prokind = 'a' then 'aggregate' else pg_get_functiondef(oid) end) from pg_proc where oid >= 16384`,
  `select 'aggregate', aggfnoid::text, concat_ws('|', aggtransfn, aggfinalfn, agginitval) from pg_aggregate where aggfnoid >= 16384`,
  `select 'type', t.oid::regtype::text, concat_ws('|', typtype, typowner::regrole, typacl, typnotnull, typdefault, typbasetype::regtype, typcollation::regcollation,
     (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid), (select rngsubtype::regtype from pg_range where rngtypid = t.oid))
   from pg_type t where oid >= 16384 and typtype <> 'c' and typelem = 0`,
  `select 'schema', nspname, concat_ws('|', nspowner::regrole, nspacl) from pg_namespace where nspname !~ '^pg_'`,
  `select 'defaults', concat(defaclrole::regrole, ' ', nullif(defaclnamespace, 0)::regnamespace, defaclobjtype), defaclacl::text from pg_default_acl`,
  `select 'extension', extname, concat_ws(' ', extversion, extnamespace::regnamespace) from pg_extension`,
  `select 'publication', pubname, concat(puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot) from pg_publication`,
  `select 'published', prrelid::regclass::text, concat_ws('|', prattrs, pg_get_expr(prqual, prrelid)) from pg_publication_rel`,
  `select 'event trigger', evtname, concat_ws('|', evtevent, evttags, evtenabled, evtfoid::regproc) from pg_event_trigger`,
  `select 'statistics', stxname, concat(pg_get_statisticsobjdef(oid), stxstattarget) from pg_statistic_ext`,
  `select 'cast', castsource::regtype || ' ' || casttarget::regtype, concat(castfunc::regproc, castcontext, castmethod) from pg_cast where oid >= 16384`,
  `select 'operator', oid::regoperator::text, concat_ws('|', oprcode, oprcom::regoperator, oprresult::regtype) from pg_operator where oid >= 16384`,
  `select 'sequence', concat(schemaname, '.', sequencename), (to_jsonb(s) - 'sequencename' - 'schemaname')::text from pg_sequences s`,
  `select 'settings', concat(setrole), setconfig::text from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())`,
  `select 'database', 'acl', replace(datacl::text, '"', '') from pg_database where datname = current_database()`,
  `select 'large object', oid::text, encode(lo_get(oid), 'hex') from pg_largeobject_metadata`,
  `select 'server', srvname, concat_ws('|', srvoptions, (select string_agg(ftoptions::text, ',') from pg_foreign_table where ftserver = s.oid)) from pg_foreign_server s`,
]

/** Purser's own ledger, and what has a number for a name. */
const ours = /\bpurser\b|\bpg_toast_\d|\bpg_(?:toast_)?temp_\d|RI_ConstraintTrigger_/

/** What is in a database: `pg_dump` of it where its tools are there, else what the catalogs say and every row. A line for each thing. */
export async function contentsOf(url: string, tools: ClientTools | undefined): Promise<readonly string[]> {
  if (tools !== undefined) return dumpOf(url, tools)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`set search_path to pg_catalog`)
    const { rows: things } = await client.query<{ line: string }>(
      `select concat_ws(E'\\t', kind, name, what) as line from (${[...catalogs, ...definitions].join('\nunion all\n')}) all_of (kind, name, what)`,
    )
    const { rows: tables } = await client.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class where relkind in ('r', 'm') and relispopulated and oid >= 16384 order by 1`,
    )
    const read = tables.map(
      ({ name }) => `select '${name.replaceAll("'", "''")}: ' || x::text as line from only ${name} x`,
    )
    const { rows } = read.length === 0 ? { rows: [] } : await client.query<{ line: string }>(read.join(' union all '))
    const lines = [...things, ...rows].map(({ line }) => line).filter((line) => !ours.test(line))
    return lines.toSorted()
  } finally {
    await client.end()
  }
}

async function dumpOf(url: string, tools: ClientTools): Promise<readonly string[]> {
  const args = ['--exclude-schema=purser', '--no-sync']
  const { status, stdout, stderr } = await child(
    join(tools.directory ?? '', 'pg_dump'),
    args,
    libpqEnvironment(new Sensitive(url)),
  )
  if (status !== 0) throw new Error(`pg_dump exited ${status}: ${stderr}`)
  // Each dump has another key there.
  return stdout.split('\n').filter((line) => !/^\\(un)?restrict /.test(line))
}

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function child(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: Buffer | string = '',
): Promise<Ended> {
  const running = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', PGCLIENTENCODING: 'UTF8', ...env },
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  running.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  running.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // One that has stopped at an error reads no more.
  running.stdin.on('error', () => {})
  running.stdin.end(input)
  const status = await new Promise<number | null>((resolve, reject) => {
    running.once('error', reject)
    running.once('close', resolve)
  })
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
}
