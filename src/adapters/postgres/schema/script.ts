import { type Node, parse } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { walk } from '../grammar/walk.ts'
import { migrationText } from '../migrations/file-text.ts'
import { doBlock } from './do-block.ts'
import type { Script, Step } from './steps.ts'

export async function readScript(sql: string): Promise<Script> {
  const needs = /^\s*--\s*purser:\s*needs\s+(\S+)/im.exec(sql)?.[1]
  const steps = await stepsOf(sql).catch((): readonly Step[] => [
    { kind: 'anything', what: 'cannot be read by the grammar of PostgreSQL' },
  ])
  return {
    steps,
    ...(needs === undefined ? {} : { needs }),
    byStatement: migrationText(sql).runs === 'by statement',
  }
}

/** Raises when the text cannot be parsed. */
async function stepsOf(sql: string): Promise<readonly Step[]> {
  if (sql.trim() === '') return []
  const bytes = Buffer.from(sql)
  const steps: Step[] = []
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of (await parse(sql)).stmts ?? []) {
    if (stmt === undefined) continue
    if ('DoStmt' in stmt) {
      const text = bytes.subarray(start, length === undefined ? bytes.length : start + length).toString()
      steps.push(...(await doBlock(text, stepsOf)))
    } else steps.push(...stepOf(stmt))
  }
  return steps
}

/** Statements that change rows or read them; their schema is changed by a function that they call, if by anything. */
const rowKinds = [
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'ExplainStmt',
  'SelectStmt',
] as const

function stepOf(stmt: Node): readonly Step[] {
  if (!rowKinds.some((kind) => kind in stmt)) return [{ kind: 'statement', stmt }]
  const select = 'SelectStmt' in stmt ? stmt.SelectStmt : undefined
  const names = new Map<string, readonly string[]>()
  let into = select?.intoClause !== undefined
  let setsPath = false
  walk(stmt, ({ kind, node }) => {
    if (kind === 'IntoClause') into = true
    if (kind !== 'FuncCall' || !('funcname' in node)) return
    const name = partsOf((node.funcname ?? []) as readonly Node[])
    if (name.at(-1) === 'set_config') setsPath = true
    names.set(JSON.stringify(name), name)
  })
  const calls: readonly Step[] = names.size === 0 ? [] : [{ kind: 'calls', names: [...names.values()] }]
  return into || setsPath ? [{ kind: 'statement', stmt }, ...calls] : calls
}

/** Every text in the files that may be a name, for whoever looks them up; with what is taken or renamed as a whole. */
export function namesIn(scripts: readonly Script[]): {
  readonly names: readonly string[]
  readonly whole: readonly string[]
} {
  const names = new Set<string>()
  const whole = new Set<string>()
  const visit = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === 'branch') visit(step.steps)
      if (step.kind === 'calls') for (const name of step.names) names.add(name.at(-1) ?? '')
      if (step.kind === 'statement') gather(step.stmt, names, whole)
    }
  }
  for (const { steps } of scripts) visit(steps)
  return { names: [...names], whole: [...whole] }
}

function gather(stmt: Node, names: Set<string>, whole: Set<string>): void {
  const dropped = 'DropStmt' in stmt ? stmt.DropStmt : undefined
  if (dropped?.removeType === 'OBJECT_SCHEMA' || dropped?.removeType === 'OBJECT_EXTENSION')
    for (const name of partsOf(dropped.objects ?? [])) whole.add(name)
  if ('RenameStmt' in stmt && stmt.RenameStmt.renameType === 'OBJECT_SCHEMA') whole.add(stmt.RenameStmt.subname ?? '')
  for (const [, text = '""'] of JSON.stringify(stmt).matchAll(/:("(?:[^"\\]|\\.){1,256}")/g))
    names.add(String(JSON.parse(text)))
}
