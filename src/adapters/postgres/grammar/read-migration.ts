import { type CreateFunctionStmt, type DoStmt, type Node, parse, type RangeVar } from 'libpg-query'
import { splitStatements } from '../migrations/statements.ts'
import { type Judgements, quoted, type Earlier } from './judgement.ts'
import { judges } from './judges.ts'
import { dotted, partsOf, spelled } from './names.ts'
import { type NodeOf, partKinds, type StatementKind } from './node-kinds.ts'
import { readPlpgsql } from './plpgsql.ts'
import { type MigrationText, type Place, Reading } from './reading.ts'
import { isMild } from './rights.ts'
import { lockingPart } from '../locks/steps.ts'
import type { Used } from './catalog.ts'
import { isInside, type Visited, walk } from './walk.ts'

/** The most texts within texts that are read; no honest migration nests so deep. */
const deepest = 20

/**
 * Reads a migration by PostgreSQL's own grammar. A statement is judged whatever it is nested in: a query, a function's body, a `do`
 * block, a text that is executed. What cannot be read is found as such. It takes time in proportion to the text.
 */
export async function readMigration(sql: string): Promise<MigrationText> {
  const reading = new Reading()
  await readText(sql, { depth: 0 }, reading)
  return reading.text
}

/** `line`: of the statement that the text stands in; undefined for the file itself, whose statements have lines of their own. */
type Outer = Omit<Place, 'line'> & { readonly line?: number }

async function readText(sql: string, outer: Outer, reading: Reading): Promise<void> {
  const place = { ...outer, line: outer.line ?? 1 }
  if (sql.trim() === '') return
  if (outer.depth > deepest) {
    reading.add({ weight: 'unreadable', what: 'nests texts within texts deeper than they are read' }, place)
    return
  }
  // The parser would take it for the end of the text.
  if (sql.includes('\0')) {
    reading.add({ weight: 'unreadable', what: 'holds a zero byte, behind which nothing can be read' }, place)
    return
  }
  const around = { made: new Set<string>(), prepared: new Set<string>() }
  const parsed = await parse(sql).catch((error: unknown) => error)
  if (parsed instanceof Error) {
    await readPieces(sql, outer, parsed, reading, around)
    return
  }
  const bytes = Buffer.from(sql)
  const lines = lineCounter(bytes)
  // `parse` gives an Error or a tree.
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of (parsed as Awaited<ReturnType<typeof parse>>)
    .stmts ?? []) {
    if (stmt === undefined) continue
    if (outer.line === undefined) reading.statements += 1
    const end = length === undefined ? bytes.length : start + length
    const at = { ...outer, line: outer.line ?? lines(firstWord(bytes, start)) }
    await readStatement(stmt, at, () => bytes.subarray(start, end).toString(), reading, around)
  }
}

/** Reads statement by statement a text that cannot be read as a whole, so that one that is broken hides no other. */
async function readPieces(sql: string, outer: Outer, error: Error, reading: Reading, around: Around): Promise<void> {
  const broken = (text: string, why: Error, line: number): void =>
    reading.add({ weight: 'unreadable', what: `cannot be read (${why.message}): ${quoted(text)}` }, { ...outer, line })
  const pieces = splitStatements(sql)
  // The grammar says that something is wrong; if no piece is, the whole is not understood.
  let wrong = false
  for (const { line, text } of pieces) {
    if (outer.line === undefined) reading.statements += 1
    const at = { ...outer, line: outer.line ?? line }
    const tree = await parse(text).catch((why: unknown) => why)
    if (tree instanceof Error) {
      wrong = true
      broken(text, tree, at.line)
      continue
    }
    for (const { stmt } of (tree as Awaited<ReturnType<typeof parse>>).stmts ?? [])
      if (stmt !== undefined) await readStatement(stmt, at, () => text, reading, around)
  }
  if (!wrong) broken(sql, error, outer.line ?? 1)
}

interface Around extends Earlier {
  readonly made: Set<string>
  readonly prepared: Set<string>
}

/** Where a function call is only written down, to be made by others later: a default, a policy, a view, a trigger. */
const definitions: ReadonlySet<string> = new Set([
  'CreateStmt',
  'CreateForeignTableStmt',
  'CreatePolicyStmt',
  'AlterPolicyStmt',
  'CreateTrigStmt',
  'CreateDomainStmt',
  'ViewStmt',
  'FunctionParameter',
])

async function readStatement(
  stmt: Node,
  outer: Place,
  text: () => string,
  reading: Reading,
  around: Around,
): Promise<void> {
  const fn = 'CreateFunctionStmt' in stmt ? stmt.CreateFunctionStmt : undefined
  const place =
    fn === undefined
      ? outer
      : {
          ...outer,
          routine: partsOf(fn.funcname ?? []).at(-1) ?? '',
          within: `${fn.is_procedure === true ? 'procedure' : 'function'} ${dotted(fn.funcname ?? [])}`,
        }
  // What a function's body does is done later, to tables that are there by then.
  const seen: Earlier = fn === undefined ? around : { made: new Set(), prepared: new Set() }
  let calls = false
  const locking = lockingPart(stmt)
  if (locking !== undefined) reading.step({ statement: locking }, place)
  walk(stmt, (visited) => {
    const { kind, node } = visited
    if (isStatement(kind)) for (const judgement of judged(kind, node, seen)) reading.add(judgement, place)
    else if (!partKinds.has(kind))
      reading.add({ weight: 'unreadable', what: `holds ${kind}, which cannot be judged` }, place)
    if (kind === 'AlterTableCmd' && 'subtype' in node && node.subtype === 'AT_ColumnDefault') return false
    if (kind === 'FuncCall' && 'funcname' in node && !isInside(visited, definitions))
      reading.callsRoutine(used('call', node.funcname)?.name.at(-1) ?? '', place)
    const called = usedBy(visited)
    if (called?.how === 'call') calls = true
    if (called !== undefined && !isInside(visited, definitions)) reading.call(called.name, called.how, place)
    return true
  })
  if (place.routine !== undefined && fn !== undefined) reading.makesRoutine(place.routine)
  if (fn !== undefined) await readFunction(fn, outer, place, text, reading)
  if ('DoStmt' in stmt) await readDo(stmt.DoStmt, place, text, reading)
  remember(stmt, around, calls)
}

function isStatement(kind: string): kind is StatementKind {
  return kind in judges
}

function judged<K extends StatementKind>(kind: K, node: object, around: Earlier): Judgements {
  // The walk found the node under the name of its kind: this is what the grammar means by it.
  return judges[kind](node as NodeOf<K>, around)
}

/** What a node uses by name: a function, also one that is written as a column, an operator, a cast. */
function usedBy({ kind, node, above }: Visited): Used | undefined {
  if (kind === 'FuncCall' && 'funcname' in node)
    return above?.kind === 'CallStmt' ? undefined : used('call', node.funcname)
  if (kind === 'A_Expr' && 'name' in node) return used('operator', node.name)
  if (kind === 'TypeName' && above?.kind === 'TypeCast' && 'names' in node) return used('type', node.names)
  if (kind === 'ColumnRef' && 'fields' in node) return attribute(node.fields, 2)
  return kind === 'A_Indirection' && 'indirection' in node ? attribute(node.indirection, 1) : undefined
}

function used(how: Used['how'], nodes: unknown): Used | undefined {
  const name = partsOf((nodes ?? []) as readonly Node[])
  return name.length === 0 ? undefined : { how, name }
}

/** `row.name` calls the function `name(row)` where the row has no such column. */
function attribute(nodes: unknown, least: number): Used | undefined {
  const names = partsOf((nodes ?? []) as readonly Node[])
  const last = names.at(-1)
  return last === undefined || names.length < least ? undefined : { how: 'attribute', name: [last] }
}

/** Keeps what the text has made, and forgets it as soon as a name could mean something else. */
function remember(stmt: Node, around: Around, calls: boolean): void {
  if ('PrepareStmt' in stmt) around.prepared.add(stmt.PrepareStmt.name ?? '')
  if ('DeallocateStmt' in stmt || 'DiscardStmt' in stmt) around.prepared.clear()
  const renamed = [
    'DropStmt',
    'RenameStmt',
    'AlterObjectSchemaStmt',
    'DoStmt',
    'CallStmt',
    'TransactionStmt',
    'DropOwnedStmt',
    'ExecuteStmt',
  ]
  const resets = 'VariableSetStmt' in stmt && !isMild(stmt.VariableSetStmt.name ?? '')
  if (resets || (calls && 'SelectStmt' in stmt) || renamed.some((kind) => kind in stmt)) around.made.clear()
  if ('CreateStmt' in stmt && stmt.CreateStmt.if_not_exists !== true) makes(stmt.CreateStmt.relation, around)
}

function makes(relation: RangeVar | undefined, around: Around): void {
  // A temporary table may hide one that stays.
  if (relation?.relpersistence === 't' || relation?.schemaname === 'pg_temp') around.made.clear()
  else around.made.add(spelled(relation))
}

async function readFunction(
  fn: CreateFunctionStmt,
  outer: Place,
  place: Place,
  text: () => string,
  reading: Reading,
): Promise<void> {
  const { options = [], sql_body: parsed } = fn
  const name = place.within ?? ''
  const language = (textOf(options, 'language')[0] ?? 'sql').toLowerCase()
  if (fn.replace === true) reading.add({ weight: 'structure', what: `replaces ${name}` }, outer)
  if (options.some((one) => 'DefElem' in one && one.DefElem.defname === 'security' && isTrue(one.DefElem.arg)))
    reading.add(
      { weight: 'access', what: `defines ${name}, which runs with the rights of its owner (SECURITY DEFINER)` },
      outer,
    )
  if (parsed !== undefined) return
  const bodies = textOf(options, 'as')
  const nested = { ...place, depth: place.depth + 1 }
  if (language === 'sql' && bodies.length === 1) await readText(bodies[0] ?? '', nested, reading)
  else if (language === 'plpgsql') await readBody(text, nested, reading)
  else reading.add({ weight: 'unreadable', what: `is in language ${language} and cannot be read` }, place)
}

async function readDo({ args = [] }: DoStmt, place: Place, text: () => string, reading: Reading): Promise<void> {
  const language = (textOf(args, 'language')[0] ?? 'plpgsql').toLowerCase()
  if (language === 'plpgsql') await readBody(text, { ...place, depth: place.depth + 1 }, reading)
  else
    reading.add({ weight: 'unreadable', what: `runs a DO block in language ${language}, which cannot be read` }, place)
}

async function readBody(text: () => string, place: Place, reading: Reading): Promise<void> {
  try {
    await readPlpgsql(text(), place, reading, (sql, at) => readText(sql, at, reading))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const what =
      place.within === undefined
        ? `runs a DO block that cannot be read (${why})`
        : `has a body that cannot be read (${why})`
    reading.add({ weight: 'unreadable', what }, place)
  }
}

/** The strings of an option: the language, the body, or a library and its symbol. */
function textOf(options: readonly Node[], wanted: string): readonly string[] {
  return options.flatMap((option) => {
    if (!('DefElem' in option) || option.DefElem.defname !== wanted || option.DefElem.arg === undefined) return []
    const { arg } = option.DefElem
    return 'List' in arg ? partsOf(arg.List.items ?? []) : partsOf([arg])
  })
}

function isTrue(node: Node | undefined): boolean {
  return node !== undefined && 'Boolean' in node && node.Boolean.boolval === true
}

/** Tells the line of an offset; asked in ascending order, it reads the text once. */
export function lineCounter(bytes: Buffer): (offset: number) => number {
  let line = 1
  let at = 0
  return (offset) => {
    for (; at < offset; at += 1) if (bytes[at] === 10) line += 1
    return line
  }
}

/** Skips the space and the comments before a statement. */
export function firstWord(bytes: Buffer, from: number): number {
  const two = (index: number): string => bytes.toString('latin1', index, index + 2)
  let at = from
  while (at < bytes.length) {
    if ((bytes[at] ?? 0) <= 32) at += 1
    else if (two(at) === '--') at = orEnd(bytes, bytes.indexOf('\n', at))
    else if (two(at) === '/*') at = endOfComment(bytes, at)
    else break
  }
  return at
}

function endOfComment(bytes: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length; at += 1) {
    const two = bytes.toString('latin1', at, at + 2)
    if (two !== '/*' && two !== '*/') continue
    depth += two === '/*' ? 1 : -1
    at += 1
    if (depth === 0) return at + 1
  }
  return bytes.length
}

function orEnd(bytes: Buffer, index: number): number {
  return index < 0 ? bytes.length : index
}
