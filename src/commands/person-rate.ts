import { PurserError } from '../errors.ts'

/** Raised for somebody who looks too often; nothing was looked at. */
export class TooManyLooks extends PurserError {
  readonly code = 'too_many_looks'

  constructor(looks: number, waitMs: number) {
    super(`you checked ${looks} times within a minute`, {
      hint: `Wait ${seconds(waitMs)} s. Deploys, rollbacks and locks aren't counted with it.`,
    })
  }
}

/** Raised for somebody who asks for plan after plan; no run was made. */
export class TooManyDeploys extends PurserError {
  readonly code = 'too_many_deploys'

  constructor(deploys: number, waitMs: number) {
    super(`you asked for ${deploys} deploys within a minute`, {
      hint: `Wait ${seconds(waitMs)} s. Rollbacks, decisions and locks aren't limited.`,
    })
  }
}

type Refusal = new (times: number, waitMs: number) => TooManyLooks | TooManyDeploys

/** Tells that somebody asked too often: what was refused for it has no line of its own in the audit. */
export function isTooOften(error: unknown): boolean {
  return error instanceof TooManyLooks || error instanceof TooManyDeploys
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}

const windowMs = 60_000
const most = 10
/** Beyond so many people the one who asked first is forgotten. */
const rememberedPeople = 1_000

/**
 * How often each person has asked for something within the last minute. In this process only: a look writes nothing, and a count in the
 * state database would make one write of each. What a look costs elsewhere is bounded there: one of a kind at a time.
 */
export class PersonRate {
  readonly #refusal: Refusal
  readonly #times = new Map<string, readonly number[]>()

  constructor(refusal: Refusal) {
    this.#refusal = refusal
  }

  /** Counts one time more. Raises TooManyLooks or TooManyDeploys. */
  take(user: string, now: Date): void {
    const at = now.getTime()
    const recent = (this.#times.get(user) ?? []).filter((time) => time > at - windowMs)
    if (recent.length >= most) throw new this.#refusal(most, (recent[0] ?? at) + windowMs - at)
    this.#times.delete(user)
    this.#times.set(user, [...recent, at])
    const [first] = this.#times.keys()
    if (this.#times.size > rememberedPeople && first !== undefined) this.#times.delete(first)
  }
}
