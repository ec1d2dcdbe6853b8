/** A part of the plan as plain text, one fact a line: rendered as mrkdwn, in dialogs, and in the report. */
export interface Chapter {
  readonly title: string
  readonly lines: readonly string[]
  /** Shown as it is, in a code block. */
  readonly verbatim?: boolean
  /** The order of the lines matters. */
  readonly ordered?: boolean
}
