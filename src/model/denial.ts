/** Why somebody may not do something; `src/messages/answers/not-allowed.ts` words it. */
export type Denial =
  /** Commands for the environment are taken in other channels. */
  | { readonly reason: 'channel'; readonly environment: string; readonly channels: readonly string[] }
  /** `ask`: users and groups who may. */
  | {
      readonly reason: 'right'
      readonly right: 'deploy' | 'approve'
      readonly environment: string
      readonly ask: readonly string[]
    }
  /** Nobody approves alone what they asked for. */
  | { readonly reason: 'own_run'; readonly ask: readonly string[] }
