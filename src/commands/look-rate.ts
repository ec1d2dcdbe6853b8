import { PurserError } from '../errors.ts'

/** Raised for somebody who looks too often; nothing was looked at. */
export class TooManyLooks extends PurserError {
  readonly code = 'too_many_looks'

  constructor(looks: number, waitMs: number) {
    super(`you checked ${looks} times within a minute`, {
      hint: `Wait ${Math.max(1, Math.ceil(waitMs / 1000))} s. Deploys, rollbacks and locks aren't limited.`,
    })
  }
}

const windowMs = 60_000
const most = 10
/** Beyond so many people the one who looked first is forgotten. */
const rememberedPeople = 1_000

/**
 * How often each person has looked within the last minute. In this process only: a look writes nothing, and a count in the state
 * database would make one write of each. What a look costs elsewhere is bounded there: one of a kind at a time.
 */
export class LookRate {
  readonly #looks = new Map<string, readonly number[]>()

  /** Counts one look more. Raises TooManyLooks. */
  take(user: string, now: Date): void {
    const at = now.getTime()
    const recent = (this.#looks.get(user) ?? []).filter((look) => look > at - windowMs)
    if (recent.length >= most) throw new TooManyLooks(most, (recent[0] ?? at) + windowMs - at)
    this.#looks.delete(user)
    this.#looks.set(user, [...recent, at])
    const [first] = this.#looks.keys()
    if (this.#looks.size > rememberedPeople && first !== undefined) this.#looks.delete(first)
  }
}
