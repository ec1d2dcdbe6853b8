import { BackupError } from '../errors.ts'

/** What failed, read off the messages of `pg_restore`. */
interface FailedEntry {
  /** "index customers_norm"; undefined where the messages do not say. */
  readonly object: string | undefined
  /** The server's or the program's words. */
  readonly error: string
  /** The statement, as far as it was kept. */
  readonly statement: string
  /** The function in which it happened, as the server names it: without a schema where it is written in SQL. */
  readonly inside: string | undefined
}

/** How the table of contents names what it holds, and how people do. The longer names come first. */
const kinds: readonly (readonly [string, string])[] = [
  ['MATERIALIZED VIEW DATA', 'the rows of materialized view'],
  ['MATERIALIZED VIEW', 'materialized view'],
  ['FOREIGN DATA WRAPPER', 'foreign data wrapper'],
  ['PROCEDURAL LANGUAGE', 'language'],
  ['TEXT SEARCH CONFIGURATION', 'text search configuration'],
  ['TEXT SEARCH DICTIONARY', 'text search dictionary'],
  ['SEQUENCE OWNED BY', 'the owner of sequence'],
  ['CHECK CONSTRAINT', 'check'],
  ['PUBLICATION TABLE', 'the table of publication'],
  ['EVENT TRIGGER', 'event trigger'],
  ['FOREIGN TABLE', 'foreign table'],
  ['FK CONSTRAINT', 'foreign key'],
  ['LARGE OBJECT', 'large object'],
  ['BLOB METADATA', 'large object'],
  ['SEQUENCE SET', 'the value of sequence'],
  ['ROW SECURITY', 'row level security of'],
  ['DEFAULT ACL', 'the default grants of'],
  ['USER MAPPING', 'user mapping'],
  ['TABLE DATA', 'the rows of table'],
  ['CONSTRAINT', 'constraint'],
  ['EXTENSION', 'extension'],
  ['PUBLICATION', 'publication'],
  ['AGGREGATE', 'aggregate'],
  ['COLLATION', 'collation'],
  ['PROCEDURE', 'procedure'],
  ['STATISTICS', 'statistics'],
  ['FUNCTION', 'function'],
  ['OPERATOR', 'operator'],
  ['SEQUENCE', 'sequence'],
  ['TRIGGER', 'trigger'],
  ['DEFAULT', 'the default of'],
  ['COMMENT', 'the comment on'],
  ['DOMAIN', 'domain'],
  ['POLICY', 'policy'],
  ['SCHEMA', 'schema'],
  ['SERVER', 'server'],
  ['INDEX', 'index'],
  ['BLOBS', 'large objects'],
  ['TABLE', 'table'],
  ['BLOB', 'large object'],
  ['CAST', 'cast'],
  ['RULE', 'rule'],
  ['TYPE', 'type'],
  ['VIEW', 'view'],
  ['ACL', 'the grants on'],
]

/** Reads the first error: what follows it is often its consequence. */
function failedEntry(complaints: readonly string[]): FailedEntry {
  const at = complaints.findIndex((line) => /: (error|fatal)\b/i.test(line))
  const next = complaints.findIndex((line, index) => index > at && /^(pg_restore|psql):/.test(line))
  const own = complaints.slice(Math.max(0, at), next === -1 ? undefined : next)
  const entry = complaints.slice(0, Math.max(0, at)).findLast((line) => / from TOC entry /.test(line))
  const statement = own.slice(own.findIndex((line) => line.startsWith('Command was: ')))
  const error = /(?:ERROR|FATAL): +(.+)$/.exec(own[0] ?? '')?.[1] ?? own[0]?.replace(/^\w+: (error|fatal): /, '') ?? ''
  return {
    object: objectOf(entry),
    error,
    statement: statement[0]?.startsWith('Command was: ') ? statement.join(' ').slice('Command was: '.length) : '',
    inside: own.flatMap((line) => functionIn(line) ?? [])[0],
  }
}

/** "…; 1259 16396 INDEX customers_norm app": the kind, the name, and the owner, who is left out. */
function objectOf(entry: string | undefined): string | undefined {
  const said = /from TOC entry \d+; \d+ \d+ (.+)$/.exec(entry ?? '')?.[1]
  if (said === undefined) return undefined
  const kind = kinds.find(([name]) => said.startsWith(`${name} `))
  if (kind === undefined) return said
  const name = said.slice(kind[0].length + 1)
  return `${kind[1]} ${name.includes(' ') ? name.slice(0, name.lastIndexOf(' ')) : name}`
}

function functionIn(line: string): string | undefined {
  const said =
    /^(?:CONTEXT: +)?(?:SQL function "(.+?)"|PL\/pgSQL function (.+?\))) (?:line|statement|during|while|at)/.exec(line)
  return said?.[1] ?? said?.[2]
}

interface Remedy {
  readonly code?: 'lock_table_full' | 'permission_denied' | 'database_unreachable'
  readonly hint: string
  readonly transient?: boolean
}

const unresolved = /^(?:function|operator|relation|type|schema|collation|text search \w+) .* does not exist/
const mayNot =
  /must be (?:able to SET ROLE|member of role|owner of)|permission denied|[Mm]ust be superuser|[Oo]nly superusers? can/

/** Says what to do about it. Pure. */
function remedyOf({ error, statement, inside }: FailedEntry, said: string): Remedy {
  if (unresolved.test(error) && inside !== undefined) return { hint: leansOnSearchPath(inside, statement) }
  if (/out of shared memory/.test(said))
    return {
      code: 'lock_table_full',
      hint: 'Raise max_locks_per_transaction on the server. Each table that is touched in one transaction needs a lock.',
    }
  const extension = /extension "(.+?)"/.exec(error)?.[1]
  if (/could not open extension control file|extension ".+" is not available/.test(error))
    return { hint: `Install extension ${extension ?? named(error)} on the server where the backup is restored.` }
  if (/permission denied to create extension/.test(error))
    return {
      code: 'permission_denied',
      hint: `Only a superuser may create extension ${extension ?? ''} there. docs/database.md says what to do.`,
    }
  const role = /^role "(.+)" does not exist/.exec(error)?.[1]
  if (role !== undefined) return { hint: `Create role ${role} on the server where the backup is restored.` }
  const tablespace = /tablespace "(.+?)" does not exist/i.exec(said)?.[1]
  if (tablespace !== undefined)
    return { hint: `Create tablespace ${tablespace} on the server where the backup is restored.` }
  const member = /must be (?:able to SET ROLE|member of role) "(.+)"/.exec(error)?.[1]
  if (member !== undefined)
    return {
      code: 'permission_denied',
      hint: `Make the user of the database address a member: \`grant ${member} to …\`.`,
    }
  if (mayNot.test(error))
    return {
      code: 'permission_denied',
      hint: 'Give the user of the database address this right, as docs/database.md says.',
    }
  if (/No space left on device|could not (?:extend|write to) file/.test(said))
    return { hint: 'The server has no disk space left for a second copy. Free some, or name a larger scratch server.' }
  if (/server closed the connection|terminating connection|connection to server|could not connect/.test(said))
    return {
      code: 'database_unreachable',
      hint: 'Check that the database server runs, then try again.',
      transient: true,
    }
  return { hint: 'The messages say which object could not be made.' }
}

/** Names are read with an empty search_path, as in every dump: a function has to say itself where it looks. */
function leansOnSearchPath(inside: string, statement: string): string {
  const bare = inside.replace(/\(.*$/, '')
  const called = [...statement.matchAll(/((?:"[^"]+"|[\w$]+)\.(?:"[^"]+"|[\w$]+))\(/g)].flatMap(
    ([, name]) => name ?? [],
  )
  const full = bare.includes('.')
    ? inside
    : (called.find((name) => /[^.]+$/.exec(name)?.[0].replaceAll('"', '') === bare) ?? bare)
  const schema = full.includes('.') ? full.slice(0, full.indexOf('.')) : 'public'
  return `Function ${bare} leans on search_path, which is empty in every restore. Give it its own: \`alter function ${full} set search_path = ${schema}\`.`
}

function named(error: string): string {
  return /extension\/(.+?)\.control/.exec(error)?.[1] ?? ''
}

/** Tells why a restore ended, with the object, the reason and what to do. The messages are the evidence. */
export function restoreFailed(
  doing: string,
  exitCode: number,
  complaints: readonly string[],
  tools: string,
): BackupError {
  const entry = failedEntry(complaints)
  const said = complaints.join('\n')
  const tooNew = said.includes('unrecognized configuration parameter')
  const {
    code = 'restore_failed',
    hint,
    transient = false,
  } = tooNew ? { hint: newerTools(tools) } : remedyOf(entry, said)
  const what = entry.object === undefined ? '' : `${entry.object}: `
  const why = entry.error === '' ? `pg_restore exited ${exitCode}` : `${what}${entry.error}`
  return new BackupError(code, `${doing}: ${why}`, {
    hint: `The live database is unchanged. ${hint}`,
    evidence: complaints,
    transient,
  })
}

function newerTools(version: string): string {
  return `pg_restore ${version} is newer than the server. Install the client tools of the server's own version beside it.`
}
