import type { PlanDifference } from './plan-difference.ts'

/** What an address or a key of Purser's environment leads to. */
export interface Identity {
  /** What tells it from every other one, in words; missing where it may not be read. */
  readonly id?: string
  /** How it is reached, without a login: what is compared where the identity is not told. */
  readonly address: string
}

/** What each is called. */
export const identityNames = {
  database: 'database',
  cluster: 'cluster',
  deployment: 'Deployment',
  stripe: 'Stripe account',
} as const

/** What a plan acts upon, beside the names that purser.yaml has for it. */
export type Identities = { readonly [Thing in keyof typeof identityNames]: Identity }

/** In the order in which they are told. */
export const identityKeys = [
  'database',
  'cluster',
  'deployment',
  'stripe',
] as const satisfies readonly (keyof Identities)[]

/** A name that is known is compared; a known address only where it is not: one database may be reached by several. Pure. */
export function identityDrift(planned: Identities, now: Identities): readonly PlanDifference[] {
  return identityKeys.flatMap((key) => drift(identityNames[key], planned[key], now[key]))
}

function drift(thing: string, planned: Identity, now: Identity): readonly PlanDifference[] {
  if (planned.id !== undefined && now.id === undefined)
    return [{ now: `which ${thing} it is can no longer be read (${now.address})`, planned: planned.id }]
  const [before, after] = planned.id === undefined ? [planned.address, now.address] : [planned.id, now.id]
  return before === after ? [] : [{ now: `the ${thing} has changed (${after})`, planned: before }]
}
