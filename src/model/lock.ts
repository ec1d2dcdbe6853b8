/** Someone has closed an environment for changes, with a reason others can read. */
export interface Lock {
  readonly environment: string
  readonly reason: string
  readonly lockedBy: string
  readonly at: Date
  /** When it ends by itself; undefined: when somebody unlocks. */
  readonly until: Date | undefined
}
