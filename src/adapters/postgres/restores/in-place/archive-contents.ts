import type { Session } from '../../connection/session.ts'

/** What belongs to the database as a whole and stays as it is: it is not made anew. Names are as `pg_restore --list` writes them. */
interface Existing {
  readonly schemas: readonly string[]
  readonly extensions: readonly string[]
  readonly others: readonly string[]
  /** Relations of extensions, as "schema name": rows that an extension has as its configuration stay too. */
  readonly extensionRelations: readonly string[]
  /** What schemas are published by, as "schema publication schema". */
  readonly publishedSchemas: readonly string[]
}

export interface ArchiveSelection {
  /** A list for `pg_restore --use-list` that has everything but large objects. */
  readonly list: string
  /** A list of the large objects alone: pg_restore wraps their data into transactions of its own. */
  readonly largeObjects: string | undefined
  readonly schemas: readonly string[]
}

const whole =
  'SCHEMA|EXTENSION|PUBLICATION|EVENT TRIGGER|FOREIGN DATA WRAPPER|SERVER|USER MAPPING|PROCEDURAL LANGUAGE|CAST|ACCESS METHOD'
const ofTheWhole = new RegExp(String.raw`^\d+; \d+ \d+ (${whole}) - (.+) \S*$`)
const aboutTheWhole = new RegExp(
  String.raw`^\d+; \d+ \d+ (?:COMMENT|ACL|SECURITY LABEL) \S+ (${whole.replace('USER MAPPING|', '')}) (.+) \S*$`,
)

/** Selects from the archive's table of contents, without what is there already and stays. Pure. */
export function selectContents(lines: readonly string[], existing: Existing): ArchiveSelection {
  const items = lines.filter((line) => /^\d+; /.test(line))
  const wanted = items.filter(
    (line) => !stays(line, existing) && !/^\d+; \d+ \d+ (DEFAULT ACL|SUBSCRIPTION)\b/.test(line),
  )
  const largeObjects = wanted.filter(isLargeObject)
  return {
    list: `${wanted.filter((line) => !isLargeObject(line)).join('\n')}\n`,
    largeObjects: largeObjects.length === 0 ? undefined : `${largeObjects.join('\n')}\n`,
    schemas: items.flatMap((line) => {
      const [, kind, name] = ofTheWhole.exec(line) ?? []
      return kind === 'SCHEMA' && name !== undefined ? [name] : []
    }),
  }
}

/** Their definitions, data, rights and comments; since 17 many are one entry of the list. */
function isLargeObject(line: string): boolean {
  return /^\d+; \d+ \d+ (BLOBS?|BLOB METADATA|(ACL|COMMENT|SECURITY LABEL) - LARGE OBJECTS?) /.test(line)
}

function stays(line: string, existing: Existing): boolean {
  const [, entry, rest = ''] =
    /^\d+; \d+ \d+ (TABLE DATA|SEQUENCE SET|PUBLICATION TABLES IN SCHEMA) (.+)$/.exec(line) ?? []
  if (entry !== undefined) {
    const names = entry === 'PUBLICATION TABLES IN SCHEMA' ? existing.publishedSchemas : existing.extensionRelations
    return names.some((name) => rest.startsWith(`${name} `))
  }
  const [, kind, name] = ofTheWhole.exec(line) ?? aboutTheWhole.exec(line) ?? []
  if (name === undefined) return false
  if (kind === 'SCHEMA') return existing.schemas.includes(name)
  return (kind === 'EXTENSION' ? existing.extensions : existing.others).includes(name)
}

/** Reads what stays when the database is emptied. */
export async function readExisting(session: Session): Promise<Existing> {
  const names = async (sql: string) => (await session.query<{ name: string }>(sql)).rows.map((row) => row.name)
  // Schemas are published since 15.
  const [published] = await names(
    `select 'there' as name where to_regclass('pg_catalog.pg_publication_namespace') is not null`,
  )
  return {
    schemas: await names('select nspname as name from pg_namespace'),
    extensions: await names('select extname as name from pg_extension'),
    // An event trigger goes with its function, which is dropped unless an extension has it, and comes back with it. A cast goes with a type
    // or function of one's own.
    others: await names(`select pubname as name from pg_publication union all select evtname from pg_event_trigger
        where exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = evtfoid and deptype = 'e')
      union all select fdwname from pg_foreign_data_wrapper union all select srvname from pg_foreign_server
      union all select lanname from pg_language union all select amname from pg_am
      union all select format('USER MAPPING %s SERVER %s', usename, srvname) from pg_user_mappings
      union all select format('CAST (%s AS %s)', format_type(castsource, null), format_type(casttarget, null)) from pg_cast c
        where oid >= 16384 and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = c.oid
          and d.deptype in ('n', 'a'))`),
    extensionRelations: await names(`select format('%s %s', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_depend d on d.classid = 'pg_class'::regclass
        and d.objid = c.oid and d.deptype = 'e' where c.relkind in ('r', 'p', 'S')`),
    publishedSchemas:
      published === undefined
        ? []
        : await names(`select format('%s %s %s', nspname, pubname, nspname) as name from pg_publication_namespace
            join pg_publication p on p.oid = pnpubid join pg_namespace n on n.oid = pnnspid`),
  }
}
