/** Test events that a service had to refuse, and did: an unsigned one, and one signed with a made-up secret. */
export interface RefusedProbe {
  /** When they were posted, by RFC 3339. */
  readonly at: string
  /** The HTTP statuses. */
  readonly unsigned: number
  readonly madeUp: number
}
