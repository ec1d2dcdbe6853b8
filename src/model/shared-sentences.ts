import type { ForeignChange } from './foreign-change.ts'
import type { SchemaRefusal } from './schema-compatibility.ts'

/*
 * Sentences that an error of the runbook and a message of Slack both need. All others are in `src/messages`, or beside
 * their error.
 */

/** Words a foreign change: "kubectl-set changed Deployment valuecanvas-api at 11:20 UTC after run #2: it runs api:v3, not api:v2." */
export function foreignChangeSentence(change: ForeignChange): string {
  const { deployment, manager, at, otherRun, changeCause, since, image, recordedImage, lines } = change
  const who = manager ?? (otherRun === undefined ? 'An unknown client' : `Purser run #${otherRun}`)
  const time = at === undefined ? '' : ` at ${at.slice(11, 16)} UTC`
  const why = changeCause === undefined ? '' : ` (“${changeCause}”)`
  const when = since.kind === 'planned' ? 'since the plan was made' : `after run #${since.run}`
  const not = recordedImage === undefined ? '' : `, not ${recordedImage}`
  const [first = `it runs ${image}${not}`, ...others] = lines
  const rest = others.length === 0 ? '' : ` and ${others.length} more`
  return `${who} changed Deployment ${deployment}${time}${why} ${when}: ${first}${rest}.`
}

/** Words why a version cannot run on the schema, as an error's message, and what to do instead. */
export function schemaRefusalWords(refusal: SchemaRefusal): { readonly text: string; readonly next: string } {
  const { version, environment, reasons } = refusal
  return {
    text: `${version} can't run on the current schema of ${environment}: ${reasons.join(', ')}`,
    next: waysOut(refusal),
  }
}

/** Words why a version may fail on the schema although nothing is known to keep it from running; undefined without a doubt. */
export function schemaDoubtWords(version: string | undefined, doubts: readonly string[]): string | undefined {
  if (doubts.length === 0) return undefined
  return `${version ?? 'The version that runs now'} may fail on the new schema: ${doubts.join(', ')}.`
}

function waysOut({ nearest, backupOfRun }: SchemaRefusal): string {
  const forward = nearest === undefined ? undefined : `deploy ${nearest}: \`/billing deploy ${nearest}\``
  const back =
    backupOfRun === undefined ? undefined : `restore the earlier backup: \`/billing restore #${backupOfRun}\``
  if (forward === undefined && back === undefined)
    return "Purser knows no other version that can, and there's no earlier backup."
  if (forward === undefined) return `Purser knows no other version that can. To go back, ${back}`
  return back === undefined ? `There's no earlier backup. Instead, ${forward}` : `Either ${forward}. Or ${back}`
}
