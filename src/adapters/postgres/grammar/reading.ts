import { type LockStep, needDependencies } from '../locks/steps.ts'
import type { RiskWeight } from '../port.ts'
import type { Used } from './catalog.ts'
import type { Judgement } from './judgement.ts'

/** Where something stands: its line, and the function whose body it is, if it is not done at once. */
export interface Place {
  readonly line: number
  readonly within?: string
  /** The name of that function, without its schema. */
  readonly routine?: string
  /** How many texts it is nested in: a body that executes a text that holds a body … */
  readonly depth: number
}

export interface Found {
  readonly weight: RiskWeight
  readonly line: number
  readonly more: number
  readonly what: string
  readonly rowsOf?: string
  readonly within?: string
}

/** What is used by name; what that does is told by the catalog. */
export interface Call {
  /** One part, or schema and name. */
  readonly name: readonly string[]
  readonly how: Used['how']
  readonly line: number
  readonly more: number
  readonly within?: string
}

/** What was read of a migration; plain data, so that it may come from another thread. */
export interface MigrationText {
  readonly statements: number
  readonly found: readonly Found[]
  readonly calls: readonly Call[]
  readonly locks: LockText
}

/** What of a migration may lock something. */
interface LockText {
  /** LockStep[] as JSON: a thread hands a text over at once, and not a tree. */
  readonly steps: string
  readonly needsDependencies: boolean
}

/** Gathers what is found. What is said more than once is counted, so the list stays as short as there are different things to say. */
export class Reading {
  readonly #found = new Map<string, Found>()
  readonly #calls = new Map<string, Call>()
  readonly #steps: LockStep[] = []
  readonly #routines = new Set<string>()
  statements = 0

  add({ weight, what, rowsOf }: Judgement, { line, within }: Place): void {
    const key = JSON.stringify([weight, what, within ?? ''])
    const known = this.#found.get(key)
    const more = known === undefined ? 0 : known.more + 1
    const about = { ...(rowsOf === undefined ? {} : { rowsOf }), ...(within === undefined ? {} : { within }) }
    this.#found.set(key, { weight, line: known?.line ?? line, more, what, ...about })
  }

  call(name: readonly string[], how: Call['how'], { line, within }: Place): void {
    const key = JSON.stringify([name, how, within ?? ''])
    const known = this.#calls.get(key)
    const more = known === undefined ? 0 : known.more + 1
    this.#calls.set(key, { name, how, line: known?.line ?? line, more, ...(within === undefined ? {} : { within }) })
  }

  makesRoutine(name: string): void {
    this.#routines.add(name)
  }

  /** What a routine of the migration locks is locked when the migration calls it. */
  callsRoutine(name: string, place: Place): void {
    if (this.#routines.has(name)) this.step({ calls: name }, place)
  }

  step(step: Pick<LockStep, 'statement' | 'calls'>, { line, routine, depth }: Place): void {
    this.#steps.push({ line, sure: depth === 0, ...(routine === undefined ? {} : { within: routine }), ...step })
  }

  get text(): MigrationText {
    const locks = { steps: JSON.stringify(this.#steps), needsDependencies: needDependencies(this.#steps) }
    return { statements: this.statements, found: [...this.#found.values()], calls: [...this.#calls.values()], locks }
  }
}
