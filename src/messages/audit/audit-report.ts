import type { AnchorPlace, AuditBreak, AuditReport } from '../../model/audit-report.ts'
import { counted, oneLine } from '../../text.ts'

/** What is said of the audit on a terminal and in the log. */

/** One sentence: which event or row, and what is wrong with it. */
export function breakText(found: AuditBreak): string {
  switch (found.kind) {
    case 'empty':
      return 'All events are missing: the audit is empty, although the migration writes the first one.'
    case 'edited':
      return `Event ${found.sequence} was edited: its hash doesn't match its content.`
    case 'missing':
      return found.from === found.to
        ? `Event ${found.from} is missing.`
        : `Events ${found.from} to ${found.to} are missing.`
    case 'reordered':
      return `Event ${found.sequence} was reordered: it follows a different event than when it was written.`
    case 'misplaced':
    case 'gap_closed':
      return `Events before event ${found.sequence} are missing: it follows one that is gone, and the gap was closed.`
    case 'forged':
      return `Event ${found.sequence} is forged: ${forgedBecause[found.why]}.`
    case 'head_cut':
      return `Events after event ${found.sequence} are missing: ${cutBecause[found.why]}.`
    case 'anchor':
      return anchorText(found)
    case 'unknown_run':
      return `Run #${found.run} is unknown: neither the audit nor the tables mention it.`
    case 'differs':
      return `${rowText(found)} ${found.fields.length === 0 ? '' : `(${found.fields.join(', ')}) `}${differsText(found)}`
  }
}

const forgedBecause = {
  hash: "Purser wouldn't compute this hash for it",
  weaker: 'it has no key or an older one, but events before it have the newer one',
  unknown_key: "its key isn't in PURSER_AUDIT_KEY",
  place: "its place was taken or doesn't exist",
  not_begun: 'the chain begins with an event of another kind',
} as const

const cutBecause = {
  former_format: 'it has the previous format, and the migration wrote another event after it',
  not_newest_key:
    "it doesn't have the first key of PURSER_AUDIT_KEY, which Purser uses from its first start with that key",
} as const

function placeText(place: AnchorPlace): string {
  return place.kind === 'given' ? 'the given anchor' : `the thread of run #${place.run}`
}

function anchorText({ place, sequence, how, head }: Extract<AuditBreak, { kind: 'anchor' }>): string {
  const where = placeText(place)
  switch (how) {
    case 'behind':
      return `Events ${head + 1} to ${sequence} are missing: the head is event ${head}, and ${where} has event ${sequence}.`
    case 'gone':
      return `Event ${sequence} is missing: ${where} has it.`
    case 'other_hash':
      return `Event ${sequence} was replaced: ${where} has a different hash for it.`
  }
}

function rowText({ run, of }: Extract<AuditBreak, { kind: 'differs' }>): string {
  switch (of.row) {
    case 'run':
      return `Run #${run}`
    case 'approval':
      return `The decision of ${of.user} on run #${run}`
    case 'effect':
      return `Effect ${of.id} (${oneLine(of.target)}) of run #${run}`
  }
}

function differsText({ how, sequence }: Extract<AuditBreak, { kind: 'differs' }>): string {
  if (how === 'no_event') return 'is in the tables, but no event records it.'
  return how === 'no_row'
    ? `is gone from the tables, but event ${sequence} records it.`
    : `differs from event ${sequence}.`
}

export const noKeyText =
  "PURSER_AUDIT_KEY isn't set: anyone who can write the table of audit events can rewrite the chain without a trace."

/** What was looked at and what was found, a line each. */
export function reportLines(report: AuditReport): readonly string[] {
  const { from, to, former, unkeyed, keyed, runs, approvals, effects, anchors, breaks } = report
  const parts = [
    ...(former === 0 ? [] : [`${former} in the previous format`]),
    ...(unkeyed === 0 ? [] : [`${unkeyed} without a key`]),
    ...(keyed === 0 ? [] : [`${keyed} with a key`]),
  ]
  const events =
    from === undefined || to === undefined
      ? 'There were no events to check.'
      : `Checked ${counted(former + unkeyed + keyed, 'event')}, ${from} to ${to}: ${parts.join(', ')}.`
  const compared =
    `Compared ${counted(runs, 'run')} with ${counted(approvals, 'decision')} and ${counted(effects, 'effect')}, ` +
    `and ${counted(anchors, 'anchor')}.`
  return [
    events,
    compared,
    ...(report.hasKey ? [] : [noKeyText]),
    ...(breaks.length === 0 ? soundLines(report) : brokenLines(breaks)),
  ]
}

function soundLines({ head, lastAnchor, to, unchecked }: AuditReport): readonly string[] {
  if (head === undefined) return []
  if (unchecked > 0)
    return [
      `NOT CHECKED: ${counted(unchecked, 'event')} with a key. Set PURSER_AUDIT_KEY to Purser's and verify again.`,
    ]
  const after = to === head.sequence ? head.sequence - (lastAnchor ?? 0) : 0
  const loose = `The newest anchor is at event ${lastAnchor ?? 0}: cutting off the ${counted(after, 'event')} after it would leave no trace.`
  return ['No problems found.', ...(after > 0 ? [loose] : []), `Head: ${head.sequence}:${head.hash}`]
}

function brokenLines(breaks: readonly AuditBreak[]): readonly string[] {
  const [first, ...more] = breaks.map(breakText)
  return [
    `BROKEN: ${first ?? ''}`,
    ...more.map((text) => `also: ${text}`),
    ...(breaks.length < 10 ? [] : ['… only the first ten are listed.']),
  ]
}
