/** A part of the plan as plain text, one fact a line: rendered as mrkdwn, in dialogs, and in the report. */
export interface Chapter {
  readonly title: string
  readonly lines: readonly string[]
  /** Whether the lines are shown as they are, in a code block. */
  readonly verbatim?: boolean
  /** Whether the order of the lines matters. */
  readonly ordered?: boolean
  /** A page that tells more. */
  readonly link?: { readonly url: string; readonly label: string }
}
