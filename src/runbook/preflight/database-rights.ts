import type { LeftOut, MissingRight } from '../../adapters/postgres/rights/port.ts'
import type { LeaningFunction } from '../../adapters/postgres/backups/port.ts'
import { counted } from '../../text.ts'
import { CheckFailed } from '../errors.ts'

/** Raises when the user of the database address lacks a right that the deploy needs for certain: it would end in pre-flight, or later. */
export function refuseMissingRights(missing: readonly MissingRight[]): void {
  const [first] = missing
  if (first === undefined) return
  const more = missing.length > 1 ? `, and ${counted(missing.length - 1, 'more right')} missing` : ''
  throw new CheckFailed('rights_missing', `asking for rights in the database: ${first.what}${more}`, {
    hint: `Let a superuser or the owner run \`${first.mend}\`${missing.length > 1 ? ' and what else is listed' : ''}. docs/database.md has the whole role.`,
    evidence: missing.map(({ what, mend }) => `${what}: ${mend}`),
  })
}

/** Says what a test restore does not try out. */
export function leftOutRisks(leftOut: readonly LeftOut[]): readonly string[] {
  return leftOut.map(({ what, why, mend }) => {
    const remedy = mend === undefined ? '' : ` \`${mend}\` would change that.`
    return `The backup is restore-tested without ${what}: ${why}.${remedy}`
  })
}

/** Says which functions will keep the backup from being restored. */
export function leaningRisks(functions: readonly LeaningFunction[]): readonly string[] {
  return functions.map(
    ({ name, schema, usedBy, missing }) =>
      `${name} finds ${missing} only by the search_path, which is empty in a restore, and ${usedBy} uses it. \`alter function ${name} set search_path = ${schema}\` fixes that.`,
  )
}
