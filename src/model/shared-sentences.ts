import type { ForeignChange } from './foreign-change.ts'
import type { SchemaRefusal } from './schema-compatibility.ts'

/*
 * Sentences that an error of the runbook and a message of Slack both need. All others are in `src/messages`, or beside
 * their error.
 */

/**
 * Words a foreign change: "kubectl-set changed deployment valuecanvas-api at 11:20 UTC, after run #2 had set it: it
 * runs api:v3, not api:v2."
 */
export function foreignChangeSentence(change: ForeignChange): string {
  const { deployment, manager, at, otherRun, changeCause, since, image, recordedImage, lines } = change
  const who = manager ?? (otherRun === undefined ? 'Somebody' : `Purser run #${otherRun}`)
  const time = at === undefined ? '' : ` at ${at.slice(11, 16)} UTC`
  const why = changeCause === undefined ? '' : ` (“${changeCause}”)`
  const when = since.kind === 'planned' ? 'since the plan was made' : `after run #${since.run} had set it`
  const not = recordedImage === undefined ? '' : `, not ${recordedImage}`
  const [first = `it runs ${image}${not}`, ...others] = lines
  const rest = others.length === 0 ? '' : ` and ${others.length} more`
  return `${who} changed deployment ${deployment}${time}${why}, ${when}: ${first}${rest}.`
}

/** Words why a version cannot run on the schema, as an error's message, and what to do instead. */
export function schemaRefusalWords(refusal: SchemaRefusal): { readonly text: string; readonly next: string } {
  const { version, environment, reasons, nearest, backupOfRun } = refusal
  const forward =
    nearest === undefined
      ? 'No other version that ran here is known to run on it.'
      : `Nearest version that can: ${nearest} (/billing deploy ${nearest}).`
  const back =
    backupOfRun === undefined
      ? 'There is no backup from before it.'
      : `To go back to ${version}, restore the backup from before it first: /billing restore #${backupOfRun}`
  return {
    text: `the schema of ${environment} is too new for ${version}: ${reasons.join('; ')}`,
    next: `${forward} ${back}`,
  }
}
