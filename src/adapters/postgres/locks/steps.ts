import type { Node, SelectStmt } from 'libpg-query'
import type { Facts } from './facts.ts'
import { takeStatement, takes } from './statements.ts'
import { type LockOnRelation, Taking } from './taking.ts'
import { tell, type ToldLock } from './tell.ts'

/** A statement of a migration that may lock something, or a call of a function that the migration itself has made. */
export interface LockStep {
  readonly line: number
  /** Whether it runs whenever the migration does; in a block it may stand behind a condition. */
  readonly sure: boolean
  /** The name of the function whose body it stands in: it is done when that is called. */
  readonly within?: string
  readonly statement?: Node
  readonly calls?: string
}

/** The part of a statement that says what it locks; undefined when it locks nothing that is told. */
export function lockingPart(statement: Node): Node | undefined {
  if (!Object.keys(statement).some((kind) => Object.hasOwn(takes, kind))) return undefined
  if ('SelectStmt' in statement) return lockingQuery(statement.SelectStmt)
  // A query only reads; it may be long.
  if ('CreateTableAsStmt' in statement) {
    const { query: _query, ...rest } = statement.CreateTableAsStmt
    return { CreateTableAsStmt: rest }
  }
  if ('ViewStmt' in statement) {
    const { query: _query, ...rest } = statement.ViewStmt
    return { ViewStmt: rest }
  }
  return statement
}

function lockingQuery({ intoClause, targetList = [] }: SelectStmt): Node | undefined {
  const calls = targetList.some(
    (target) => 'ResTarget' in target && target.ResTarget.val !== undefined && 'FuncCall' in target.ResTarget.val,
  )
  if (intoClause !== undefined) return { SelectStmt: { intoClause } }
  return calls ? { SelectStmt: { targetList } } : undefined
}

/** Statements for which it matters what hangs on what. */
const needs: ReadonlySet<string> = new Set(['DropStmt', 'DropOwnedStmt', 'AlterDomainStmt', 'LockStmt'])

/** Tells whether the steps can only be judged with the dependencies of the catalog at hand. */
export function needDependencies(steps: readonly LockStep[]): boolean {
  return steps.some(({ statement }) => {
    if (statement === undefined) return false
    if (!('AlterTableStmt' in statement)) return Object.keys(statement).some((kind) => needs.has(kind))
    return (statement.AlterTableStmt.cmds ?? []).some(
      (cmd) =>
        'AlterTableCmd' in cmd &&
        (cmd.AlterTableCmd.subtype === 'AT_DropColumn' || cmd.AlterTableCmd.subtype === 'AT_DropConstraint'),
    )
  })
}

/**
 * Tells what each of some files locks, one after the other: what one makes or drops, those after it find made or dropped. Pure.
 */
export function locksTaken(
  files: readonly (readonly LockStep[])[],
  facts: Facts,
): readonly (readonly LockOnRelation[])[] {
  const taking = new Taking(facts)
  return files.map((steps) => {
    taking.model.searchIn(undefined)
    const bodies = new Map<string, LockStep[]>()
    for (const step of steps) take(step, bodies, taking, 0)
    return taking.finish()
  })
}

/** As `locksTaken`, from `{ files, facts }` as JSON: it is done in another thread when it is long. */
export function locksFromText(text: string): readonly (readonly ToldLock[])[] {
  const { files, facts } = JSON.parse(text) as { readonly files: readonly string[]; readonly facts: string }
  const steps = files.map((file) => JSON.parse(file) as readonly LockStep[])
  return locksTaken(steps, JSON.parse(facts) as Facts).map(tell)
}

/** The most calls in calls that are followed: a function may call itself. */
const deepest = 10

function take(step: LockStep, bodies: Map<string, LockStep[]>, taking: Taking, depth: number): void {
  const { line, sure, within, statement, calls } = step
  if (within !== undefined && depth === 0) {
    bodies.set(within, [...(bodies.get(within) ?? []), step])
    return
  }
  if (calls !== undefined && depth < deepest)
    for (const one of bodies.get(calls) ?? []) take({ ...one, line, sure: false }, bodies, taking, depth + 1)
  if (statement === undefined) return
  taking.line = line
  taking.sure = sure
  takeStatement(statement, taking)
}
