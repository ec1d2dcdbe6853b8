import type { FileChanges, SchemaForecast, TakenObject } from '../port.ts'
import { differences } from './differences.ts'
import { parseKey } from './keys.ts'
import { type Catalog, type SchemaState, temporary } from './model.ts'
import type { Script, Step } from './steps.ts'
import { columnKey, Simulation } from './simulation.ts'
import { act } from './statements.ts'

/**
 * Tells, before anything is run, what files do one after the other to a schema that looks as the catalog says. Pure; the catalog's state is
 * left as it is.
 */
export function forecast(scripts: readonly Script[], { state, facts }: Catalog): SchemaForecast {
  const from = structuredClone(state)
  const on = new Simulation(structuredClone(state), facts)
  const files = scripts.map((script) => changesOf(on, script))
  const { makes } = differences(from, on.state, new Map())
  const ofViews = columnsOfViews(on)
  const checked = makes.filter((key) => parseKey(key) !== undefined && !ofViews.has(key))
  const unsure = unsureOf(on)
  return {
    files,
    there: on.blind ? [] : checked.filter((key) => !unsure.has(key)),
    perhaps: checked.filter((key) => on.blind || unsure.has(key)),
  }
}

function changesOf(on: Simulation, { steps, needs, byStatement }: Script): FileChanges {
  const before = structuredClone(on.state)
  on.words.clear()
  on.doubts.length = 0
  on.remarks.length = 0
  on.savepoints.clear()
  take(on, steps, byStatement)
  // A file has a session of its own, with which its temporary relations end.
  for (const [id, one] of on.state.relations) if (one.schema === temporary) on.state.relations.delete(id)
  on.state.path = on.facts.path
  const { takes, may, makes } = differences(before, on.state, on.words)
  return {
    takes: unique(takes),
    may: unique([...may, ...doubtsAbout(on, before)]),
    makes: [...new Set(makes)],
    remarks: [...new Set(on.remarks)],
    ...(needs === undefined ? {} : { needs }),
  }
}

/** Leaves out what was done to things that the file itself made, or took away altogether. */
function doubtsAbout(on: Simulation, before: SchemaState): readonly TakenObject[] {
  const known = (id: string): boolean => {
    const [was, is] = [before, on.state].map(
      ({ relations, routines, types }) => relations.has(id) || routines.has(id) || types.has(id),
    )
    return was === true && is === true
  }
  return on.doubts
    .filter(({ about }) => about === undefined || known(about))
    .map(({ object, what }) => ({ object, what }))
}

function take(on: Simulation, steps: readonly Step[], byStatement: boolean): void {
  for (const step of steps) {
    if (step.kind === 'statement') {
      const local = 'VariableSetStmt' in step.stmt && step.stmt.VariableSetStmt.is_local === true
      if (!local || !byStatement) act(on, step.stmt)
    }
    if (step.kind === 'calls' && step.names.some((name) => changesSchema(on, name))) on.blind = true
    if (step.kind === 'anything') {
      on.blind = true
      on.doubt('file', step.what)
    }
    if (step.kind === 'branch') branch(on, step.steps, byStatement)
  }
}

/** Whether a function may change the schema: not one of the server's, nor one that is declared to change nothing. */
function changesSchema({ facts }: Simulation, name: readonly string[]): boolean {
  return name.at(-2) !== 'pg_catalog' && !facts.harmless.has(name.at(-1) ?? '')
}

/** Copying a whole schema takes its time: so many relations are copied for branches, in all. */
const mostTried = 100_000

/** Tries on a copy what may be done or not. Whatever is different there is unsure from now on, and what it takes may be taken. */
function branch(on: Simulation, steps: readonly Step[], byStatement: boolean): void {
  on.tried.relations += on.state.relations.size
  if (on.tried.relations > mostTried) {
    on.blind = true
    on.doubt('file', 'has more conditions than are tried')
    return
  }
  const copy = new Simulation(structuredClone(on.state), on.facts, on)
  take(copy, steps, byStatement)
  const { takes, may } = differences(on.state, copy.state, copy.words)
  for (const { object, what } of [...takes, ...may]) on.doubt(object, conditional(what))
  for (const { what, ...one } of copy.doubts) on.doubts.push({ ...one, what: conditional(what) })
  on.blind = copy.blind
  merge(on.state.relations, copy.state.relations)
  merge(on.state.routines, copy.state.routines)
  merge(on.state.types, copy.state.types)
  for (const schema of copy.state.schemas) on.state.schemas.add(schema)
  if (copy.state.path?.join('\0') !== on.state.path?.join('\0')) {
    on.state.path = undefined
    on.blind = true
  }
}

const conditional = (what: string): string => (what.endsWith(' under a condition') ? what : `${what} under a condition`)

interface Mergeable {
  readonly schema: string
  readonly name: string
  unsure?: boolean
  readonly columns?: Map<string, { unsure?: boolean }> | undefined
  readonly policies?: Map<string, { unsure?: boolean }>
}

function merge<T extends Mergeable>(into: Map<string, T>, from: ReadonlyMap<string, T>): void {
  for (const [id, one] of into) {
    const other = from.get(id)
    if (other === undefined || other.schema !== one.schema || other.name !== one.name) one.unsure = true
    else for (const part of ['columns', 'policies'] as const) mergeParts(one[part], other[part])
  }
  for (const [id, one] of from) if (!into.has(id)) into.set(id, { ...one, unsure: true })
}

function mergeParts<V extends { unsure?: boolean }>(
  into: Map<string, V> | undefined,
  from: ReadonlyMap<string, V> | undefined,
): void {
  if (into === undefined || from === undefined) return
  for (const [name, one] of into) if (!from.has(name)) one.unsure = true
  for (const [name, one] of from) if (!into.has(name)) into.set(name, { ...one, unsure: true })
}

/** A view is asked for as a whole: its columns are those of its query. */
function columnsOfViews({ state }: Simulation): ReadonlySet<string> {
  const views = [...state.relations.values()].filter(({ kind }) => kind === 'view' || kind === 'materialized view')
  return new Set(views.flatMap((view) => [...(view.columns?.keys() ?? [])].map((column) => columnKey(view, column))))
}

/** The keys of what may be there or not. */
function unsureOf({ state }: Simulation): ReadonlySet<string> {
  const sure: SchemaState = { ...state, relations: new Map() }
  for (const [id, one] of state.relations) {
    if (one.unsure === true) continue
    const certain = <V extends { unsure?: boolean }>(all: ReadonlyMap<string, V>): Map<string, V> =>
      new Map([...all].filter(([, part]) => part.unsure !== true))
    sure.relations.set(id, {
      ...one,
      columns: one.columns === undefined ? undefined : certain(one.columns),
      policies: certain(one.policies),
    })
  }
  const empty: SchemaState = { ...state, relations: new Map() }
  const certain = new Set(differences(empty, sure, new Map()).makes)
  return new Set(differences(empty, state, new Map()).makes.filter((key) => !certain.has(key)))
}

function unique(all: readonly TakenObject[]): readonly TakenObject[] {
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()]
}
