import type { CopyStmt, DeleteStmt, InsertStmt, MergeStmt, Node, RangeVar, TruncateStmt, UpdateStmt } from 'libpg-query'
import { harmless, is, type Judgements, quoted, type Earlier } from './judgement.ts'
import { nameOf, spelled } from './names.ts'
import { someNode } from './walk.ts'

/** Statements that change rows. */

/** An unqualified `pg_…` is found in the system catalog before anything else. */
function isCatalog(relation: RangeVar | undefined): boolean {
  const { schemaname, relname = '' } = relation ?? {}
  return (
    schemaname === 'pg_catalog' ||
    schemaname === 'information_schema' ||
    (schemaname === undefined && relname.startsWith('pg_'))
  )
}

/** Tells whether a condition looks at no row: `where true` picks all of them. */
function picksAll(where: Node | undefined): boolean {
  return (
    where === undefined ||
    !someNode(where, (kind) => ['ColumnRef', 'SubLink', 'CurrentOfExpr', 'A_Indirection'].includes(kind))
  )
}

function rows(verb: string, relation: RangeVar | undefined, all: boolean, earlier: Earlier): Judgements {
  const name = nameOf(relation)
  if (isCatalog(relation)) return is('lost', `${verb} rows of the system catalog ${name}`)
  if (earlier.made.has(spelled(relation))) return []
  return all
    ? is('lost', `${verb} all rows of ${name}`, name)
    : is('changes', `${verb} the rows of ${name} that match its condition`, name)
}

export function deletes({ relation, whereClause, usingClause }: DeleteStmt, around: Earlier): Judgements {
  return rows('deletes', relation, picksAll(whereClause) && usingClause === undefined, around)
}

export function updates({ relation, whereClause, fromClause }: UpdateStmt, around: Earlier): Judgements {
  return rows('overwrites', relation, picksAll(whereClause) && fromClause === undefined, around)
}

export function merges({ relation, mergeWhenClauses = [] }: MergeStmt): Judgements {
  const name = nameOf(relation)
  const commands = mergeWhenClauses.map((clause) =>
    'MergeWhenClause' in clause ? clause.MergeWhenClause.commandType : undefined,
  )
  const verbs = [
    ...(commands.includes('CMD_DELETE') ? ['deletes'] : []),
    ...(commands.includes('CMD_UPDATE') ? ['overwrites'] : []),
    ...(commands.includes('CMD_INSERT') ? ['inserts'] : []),
  ]
  const weight = isCatalog(relation) ? 'lost' : 'changes'
  return is(weight, `merges into ${name}: ${verbs.join(', ') || 'changes'} rows`, name)
}

export function inserts({ relation, selectStmt, onConflictClause }: InsertStmt, around: Earlier): Judgements {
  const name = nameOf(relation)
  if (isCatalog(relation)) return is('lost', `inserts rows into the system catalog ${name}`)
  if (around.made.has(spelled(relation))) return []
  if (onConflictClause?.action === 'ONCONFLICT_UPDATE')
    return is('changes', `overwrites rows of ${name} that are there already`, name)
  const fromQuery =
    selectStmt !== undefined && 'SelectStmt' in selectStmt && selectStmt.SelectStmt.valuesLists === undefined
  return fromQuery ? is('changes', `inserts into ${name} what a query finds`) : harmless()
}

export function truncates({ relations = [], behavior }: TruncateStmt, { made }: Earlier): Judgements {
  const cascade = behavior === 'DROP_CASCADE'
  return relations.flatMap((relation): Judgements => {
    const table = 'RangeVar' in relation ? relation.RangeVar : undefined
    const name = nameOf(table)
    if (made.has(spelled(table)) && !cascade) return []
    return is(
      'lost',
      `deletes all rows of ${name} (TRUNCATE)${cascade ? ', and of all tables that refer to it' : ''}`,
      name,
    )
  })
}

export function copies({ relation, is_from: reads, is_program: program, filename, query }: CopyStmt): Judgements {
  const what = relation === undefined ? 'what a query finds' : nameOf(relation)
  if (program === true)
    return is('unreadable', `runs the program ${quoted(filename ?? '')} on the database server (COPY … PROGRAM)`)
  if (reads === true)
    return filename === undefined
      ? is('unreadable', `loads rows into ${what} that do not stand in the file's SQL (COPY … FROM STDIN)`)
      : is('changes', `loads rows into ${what} from the server's file ${quoted(filename)}`)
  const from = query === undefined ? `the rows of ${what}` : what
  return filename === undefined
    ? is('access', `hands out ${from} (COPY … TO STDOUT)`)
    : is('access', `writes ${from} to the server's file ${quoted(filename)}`)
}
