import type { Claim, FieldOwner } from '../../adapters/kubernetes/owners/port.ts'
import { CheckFailed } from '../errors.ts'

/**
 * Whose fields a deploy changes beside its own. What people have set by hand is taken over once the plan says so and is
 * approved. Of what comes back by itself nothing is ever forced: a plan that would need it is refused, and one that
 * merely may be undone by it says so.
 */

/** What is known of one object that a deploy writes. */
export interface Ownership {
  /** What it is, as in "CronJob webhook-retry". */
  readonly object: string
  readonly owners: readonly FieldOwner[]
  readonly claims: readonly Claim[]
}

/**
 * Returns the managers whose fields may be taken over, and raises `apply_conflict` for any other. `instead` says how to
 * do without the object.
 */
export function requireByHand({ object, owners }: Ownership, instead: string): readonly string[] {
  const lasting = owners.filter(({ byHand }) => !byHand)
  if (lasting.length === 0) return owners.map(({ manager }) => manager)
  const who = lasting.map(({ manager, fields }) => `${manager} manages ${fields.join(', ')}`).join('; ')
  const steps = lasting.flatMap(({ manager, advice, giveUp }) => [
    `for ${manager}: ${advice}`,
    ...(giveUp === undefined ? [] : [`then give its fields up: ${giveUp}`]),
  ])
  throw new CheckFailed('apply_conflict', `planning ${object}: ${who}`, {
    evidence: lasting.map(({ manager, fields, habit }) => `${manager} ${habit}: ${fields.join(', ')}`),
    hint: `Purser won't overwrite them. Either ${steps.join('; ')}. Then plan again. Or ${instead}.`,
  })
}

/** Says which fields are taken over, and whose they were. */
export function takeOverRisks({ object, owners }: Ownership): readonly string[] {
  return owners.map(({ manager, fields, script }) => {
    if (script === true)
      return `${manager}, probably a script, has set ${fields.join(', ')} of ${object}. This deploy overwrites it. If it is run again, it may write its own value.`
    const who = manager === 'before-first-apply' ? 'An unknown client' : manager
    return `${who} has set ${fields.join(', ')} of ${object} by hand. This deploy overwrites it.`
  })
}

/** Says who may put back what the deploy writes: managers of its fields, and whoever says that the object is theirs. */
export function comesBackRisks({ object, owners, claims }: Ownership): readonly string[] {
  return [
    ...owners
      .filter(({ byHand }) => !byHand)
      .map(({ manager, fields, habit }) => `${manager} manages ${fields.join(', ')} of ${object}, and ${habit}.`),
    ...claims.map(({ by, habit }) => `${object} belongs to ${by}, which ${habit}.`),
  ]
}

/** Puts the owners of several requests for one object together. */
export function merged(lists: readonly (readonly FieldOwner[])[]): readonly FieldOwner[] {
  const all = new Map<string, FieldOwner>()
  for (const owner of lists.flat()) {
    const known = all.get(owner.manager)
    const fields = [...new Set([...(known?.fields ?? []), ...owner.fields])].sort()
    all.set(owner.manager, { ...known, ...owner, fields })
  }
  return [...all.values()].sort((a, b) => a.manager.localeCompare(b.manager))
}
