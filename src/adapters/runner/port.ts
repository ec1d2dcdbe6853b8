import type { Writable } from 'node:stream'
import type { CommandOutcome } from '../process/port.ts'

/** How the commands of a version are kept apart from Purser. */
interface Isolation {
  readonly kind: 'runner' | 'bubblewrap' | 'none'
  /** In one sentence: what keeps them apart, or why nothing does. */
  readonly sentence: string
}

export interface WorkspaceRequest {
  /** Names the workspace where it stands on a disk of ours; one of the same name is replaced. */
  readonly name: string
  /** Writes the checkout as a tar archive; it need not end the stream. */
  readonly checkout: (to: Writable, signal: AbortSignal) => Promise<void>
  /** Somebody else's commands run there, and this workspace comes after them. */
  readonly onWaiting?: () => void
}

export interface WorkspaceCommand {
  /** The program, then its arguments; never a shell string. */
  readonly argv: readonly [string, ...string[]]
  /** The whole environment of the command, beside PATH, HOME, LANG and TMPDIR. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Gets each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void
}

/** A checkout in which the commands of a version run, one after the other. */
export interface Workspace {
  /**
   * Runs one command. Whatever it has started has ended when this returns. A non-zero exit is an outcome; raises CommandError,
   * RunnerError `runner_lost` when nobody knows how it ended, or the abort reason.
   */
  run(command: WorkspaceCommand, signal: AbortSignal): Promise<CommandOutcome>
  /** Ends what runs in it and removes it. Raises nothing: what cannot be removed is the next workspace's to find. */
  close(): Promise<void>
}

/** Runs what a version brings along, as far away from Purser as there are means for it. */
export interface Runner {
  readonly isolation: Isolation
  open(request: WorkspaceRequest, signal: AbortSignal): Promise<Workspace>
}
