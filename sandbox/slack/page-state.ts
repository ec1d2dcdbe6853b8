import type { Channel, Json, Message, User, UserGroup, View } from './model.ts'

/** A thing to reach in the sandbox, with a command ready to be copied. */
export interface Address {
  readonly label: string
  readonly command: string
  /** Holds a password or a key: shown only when asked for. */
  readonly secret?: boolean
}

/** A whole run in a few clicks, and what can be tried after it. */
export interface Tour {
  /** The channel in which it takes place. */
  readonly channel: string
  readonly steps: readonly TourStep[]
  readonly failures: readonly { readonly title: string; readonly failures: readonly Failure[] }[]
}

/** Something that the page does for whoever presses its chip: at least it becomes the person who does it. */
export interface TourStep {
  readonly label: string
  /** The id of the person who does it. */
  readonly as: string
  /** What is typed after the slash command. */
  readonly types?: string
  /** The action id of a button, pressed in the newest message that has it. */
  readonly presses?: string
}

/** Something that goes wrong on purpose. */
export interface Failure {
  readonly name: string
  readonly about: string
  /** What is typed after the slash command to see it. */
  readonly command: string
  /** The world is broken by this name before. */
  readonly breaks?: boolean
}

/** What may follow the slash command. */
export interface CommandHint {
  /** The word after the slash command: `deploy`. */
  readonly name: string
  /** Its arguments and options as its usage text has them: `[VERSION]`, `[--to-revision K]`. */
  readonly parts: readonly string[]
  readonly description: string
}

export interface PageFacts {
  readonly command: string
  /** The app is reached by HTTP: no connection of its own shows whether it is there. */
  readonly http: boolean
  readonly commandHints: readonly CommandHint[]
}

export interface PageChannel extends Pick<Channel, 'id' | 'name' | 'kind'> {
  readonly messages: readonly Message[]
}

/** Everything the page shows to one person: `GET /control/state?user=…`. */
export interface PageState extends PageFacts {
  readonly me: string
  readonly bot: string
  readonly connections: number
  readonly users: readonly User[]
  readonly userGroups: readonly UserGroup[]
  readonly channels: readonly PageChannel[]
  /** The dialogs this person has open, the topmost last. */
  readonly views: readonly View[]
  readonly home: View | null
  readonly addresses: readonly Address[]
  readonly tour: Tour | null
}

/** One exchange between the app and Slack. */
export interface TrafficLine {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly direction: 'to Slack' | 'to the app'
  readonly name: string
  readonly outcome: string
  readonly failed: boolean
  /** Milliseconds until the answer; left out when it was not measured. */
  readonly tookMs?: number
}

export interface TrafficDetail extends TrafficLine {
  readonly sent: Json
  /** Undefined while there is no answer, or when it was empty. */
  readonly answer: Json | undefined
}
