/** Why somebody may not do something; `src/messages/answers/not-allowed.ts` words it. */
export type Denial =
  /** Commands for the environment are taken in other channels. */
  | { readonly reason: 'channel'; readonly environment: string; readonly channels: readonly string[] }
  /** The right is missing; `ask` are the users and groups who have it. */
  | {
      readonly reason: 'right'
      readonly right: 'deploy' | 'approve'
      readonly environment: string
      readonly ask: readonly string[]
    }
  /** Somebody else has closed the environment. */
  | {
      readonly reason: 'foreign_lock'
      readonly environment: string
      readonly by: string
      readonly ask: readonly string[]
    }
  /** Nobody approves alone what they asked for. */
  | { readonly reason: 'own_run'; readonly ask: readonly string[] }
