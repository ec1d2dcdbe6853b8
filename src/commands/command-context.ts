import type { Logger } from 'pino'
import type { Remembered, SlackPerson, SlackWorkspace } from '../adapters/slack/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { Message } from '../messages/blocks/message.ts'
import type { BoardRefusal } from '../model/board-refusal.ts'
import type { KeptBackup, KeptDatabase } from '../model/backup.ts'
import type { PhaseName } from '../model/kinds.ts'
import type { DeploymentSeen } from '../model/deployment-seen.ts'
import type { Run } from '../model/run.ts'
import type { KnownRelease, SchemaNow } from '../model/schema-compatibility.ts'
import type { BackupSummary } from '../store/backups.ts'
import type { BoardStore } from '../store/boards.ts'
import type { LockStore } from '../store/locks.ts'
import type { RunStore } from '../store/runs.ts'
import type { PersonRate } from './person-rate.ts'

/** Who asks, and where. `src/commands/caller.ts` makes it of a payload. */
export interface Caller {
  readonly user: string
  readonly channel: string
}

/** Members of a group or a channel that counted although Slack could not be asked again. */
export interface StaleList {
  /** `S…` or `C…` */
  readonly list: string
  readonly readAt: Date
  readonly why: string
}

/** What commands are handed. */
export interface CommandContext {
  readonly runs: RunStore
  readonly locks: LockStore
  readonly config: PurserConfig
  readonly jobs: {
    enqueue(run: Run, phase: PhaseName): Promise<void>
    publish(run: number): Promise<void>
  }
  /** Who people are and where they belong, as Slack tells within the time that people wait; raises when it does not. */
  readonly directory: {
    readonly workspace: () => Promise<SlackWorkspace>
    readonly person: (user: string) => Promise<SlackPerson | undefined>
    readonly groupMembers: (group: string) => Promise<Remembered<readonly string[]>>
    readonly channelMembers: (channel: string) => Promise<Remembered<readonly string[]>>
  }
  /** While a command is carried out: the lists that counted although they are old. */
  readonly staleLists?: StaleList[]
  readonly requests: {
    /** True for whoever takes a request of Slack up first, in any process. */
    readonly isFirst: (keys: readonly string[]) => Promise<boolean>
    /**
     * The same for a request that is acknowledged before it is done: it is kept until then, and its id returned; undefined when
     * it was taken up before. Raises when it could not be kept in the time that Slack leaves.
     */
    readonly keep: (keys: readonly string[], request: object) => Promise<string | undefined>
    readonly done: (request: string) => Promise<void>
  }
  /** While a command is carried out: the id of its kept request. */
  readonly request?: string
  /** Counts how often each person looks; raises TooManyLooks. */
  readonly lookRate: Pick<PersonRate, 'take'>
  /** Counts how often each person asks for a deploy or a plan; raises TooManyDeploys. */
  readonly deployRate: Pick<PersonRate, 'take'>
  /** Names of the tags that the service's repository has now; raises when it does not tell within so many milliseconds. */
  readonly tagNames: (withinMs: number) => Promise<readonly string[]>
  /** Tags of the service's repository, newest first. */
  readonly versions: () => Promise<readonly { readonly name: string; readonly createdAt: string }[]>
  /** Reads the backups of an environment whose files are there, the newest first. */
  readonly backups: (environment: string) => Promise<readonly KeptBackup[]>
  /** Reads the newest backup of each of these environments, and how many each has. */
  readonly newestBackups: (environments: readonly string[]) => Promise<ReadonlyMap<string, BackupSummary>>
  /** Counts the rows of those of these tables (`schema.table`) that can be counted quickly. */
  readonly rowsNow: (
    environment: string,
    tables: readonly string[],
  ) => Promise<readonly { readonly table: string; readonly rows: number }[]>
  /** Asks the cluster about the service's Deployment, masked; raises when it does not answer. Changes nothing. */
  readonly deployment: (environment: string, signal: AbortSignal) => Promise<DeploymentSeen>
  /** Lists the databases that restores have left beside the live one; raises when the server does not answer. */
  readonly keptDatabases: (environment: string) => Promise<readonly KeptDatabase[]>
  /**
   * Tells how a backup of that name would come back: by a swap of names, in place, or not at all (raises). Undefined
   * when it is not known in time.
   */
  readonly restoreStrategy: (environment: string, file: string) => Promise<RestoreStrategy | undefined>
  /** Tells what is applied there and what is known of releases; undefined when the database does not answer in time. */
  readonly schema: (environment: string) => Promise<SchemaFacts | undefined>
  /** Tells one person, in a channel in which both are. Raises when Slack does not take it. */
  readonly tellPrivately: (to: Caller, message: Message) => Promise<void>
  /** Says something in a channel that belongs to no run. Raises when Slack does not take it. */
  readonly announce: (channel: string, message: Message) => Promise<void>
  /** Masks what a person is answered; what Slack alone reads stays as it is. */
  readonly mask: <T>(value: T) => T
  /**
   * Waits until the board of a new run stands in Slack, for so many milliseconds at most. Returns what Slack refused when it lets
   * nothing be posted there; undefined when the board stands, and when nothing is known by then.
   */
  readonly boardRefused: (run: number, withinMs: number) => Promise<BoardRefusal | undefined>
  /** What Slack refuses of the messages of runs in these environments. */
  readonly refusedBySlack: BoardStore['refusals']
  /** Returns the link to a run's board in Slack; undefined while there is none. */
  readonly linkTo: (run: number) => Promise<string | undefined>
  /** The same for many runs at once; a run without a board is left out. */
  readonly linksTo: (runs: readonly number[]) => Promise<ReadonlyMap<number, string>>
  readonly now: () => Date
  readonly log: Logger
}

/** What tells whether a release can run on the schema as it is. */
export interface SchemaFacts {
  readonly now: SchemaNow
  readonly releases: readonly KnownRelease[]
}

export type RestoreStrategy =
  | { readonly kind: 'swap' }
  | { readonly kind: 'in-place'; readonly why: string }
  | { readonly kind: 'none'; readonly why: string }
