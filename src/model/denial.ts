/** Why somebody may not do something; `src/messages/answers/not-allowed.ts` words it. */
export type Denial =
  /** Commands for the environment are taken in other channels. */
  | { readonly reason: 'channel'; readonly environment: string; readonly channels: readonly string[] }
  /** The right is missing; `ask` are the users and groups who have it. */
  | {
      readonly reason: 'right'
      readonly right: 'deploy' | 'approve' | 'view' | 'break_glass'
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
  /** The list names nobody by id who asks, and Slack did not tell who is in its groups. */
  | {
      readonly reason: 'unread_group'
      readonly right: 'deploy' | 'approve' | 'view' | 'break_glass'
      readonly environment: string
      readonly groups: readonly string[]
      readonly why: string
    }
  /** App Home acts in a channel of the environment, and whoever presses is in none of them. */
  | { readonly reason: 'not_member'; readonly environment: string; readonly channels: readonly string[] }
  /** Slack did not tell who is in the channels of the environment. */
  | {
      readonly reason: 'unread_channel'
      readonly environment: string
      readonly channels: readonly string[]
      readonly why: string
    }
  /** The payload comes from another workspace than the one in which the app is installed, or names none. */
  | { readonly reason: 'workspace' }
  | { readonly reason: Outsider }
  /** Slack did not tell who it is. */
  | { readonly reason: 'unseen'; readonly why: string }

/** Who may not use Purser at all, whatever the lists of purser.yaml say. `unknown`: Slack knows nobody by that id. */
export type Outsider = 'stranger' | 'guest' | 'bot' | 'deactivated' | 'unknown'
