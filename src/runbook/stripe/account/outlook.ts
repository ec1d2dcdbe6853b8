import { synchronousEventType } from '../../../adapters/stripe/events.ts'
import type { DeployPlan } from '../../../model/deploy-plan.ts'
import type { PhaseContext } from '../../phase.ts'
import { sameShape } from '../missed/resend.ts'

interface Outlook {
  /** Facts for the plan's chapter on Stripe. */
  readonly notes: readonly string[]
  readonly risks: readonly string[]
}

type Planned = DeployPlan['stripe']

interface OutlookFacts {
  readonly planned: Planned
  /** The API version that the service wants its events in, and the one that a new endpoint gets without it. */
  readonly configured: string | undefined
  readonly builtWith: string
  /** The account's default API version of now; undefined: Stripe did not tell. */
  readonly accountDefault: string | undefined
  /** Whether Stripe sends a missed event again for this key. */
  readonly mayResend: boolean
  readonly resendsOtherVersions: boolean
  /** Whether any live key would do. */
  readonly unpinned: boolean
}

/**
 * Looks at what is to be known of the account beside the plan, such as its default release, which is as old as the account unless
 * somebody has upgraded it. It is only for reading: nothing of it is done, or compared later. Changes nothing.
 */
export async function stripeOutlook(
  { world, service, environment, signal }: PhaseContext,
  planned: Planned,
): Promise<Outlook> {
  const [accountDefault, missing] = await Promise.all([
    world.stripe.defaultVersion(signal),
    world.stripe.missingResendRight(signal),
  ])
  return outlookOf({
    planned,
    configured: service.stripe.apiVersion,
    builtWith: world.stripe.apiVersion,
    accountDefault,
    mayResend: missing === undefined,
    resendsOtherVersions: service.stripe.resendOtherVersions,
    unpinned: environment.stripe.account === undefined,
  })
}

/** Judges those facts. Pure. */
export function outlookOf(facts: OutlookFacts): Outlook {
  const missed = missedEvents(facts)
  return {
    notes: [...ownDefault(facts), ...missed.notes],
    risks: [
      ...(facts.unpinned
        ? ["`stripe.account` isn't set for this environment, so a live key of any account would be accepted."]
        : []),
      ...notReplaced(facts),
      ...changedUnasked(facts),
      ...missed.risks,
      ...synchronous(facts),
    ],
  }
}

/** The release in which the endpoint delivers after the deploy, as far as anybody knows. */
function releaseAfter({ planned, configured, builtWith, accountDefault }: OutlookFacts): string | undefined {
  if (planned.action === 'create' || planned.action === 'replace') return configured ?? builtWith
  return planned.apiVersion?.stands ?? accountDefault
}

function followsDefault({ action, apiVersion }: Planned): boolean {
  return action !== 'create' && action !== 'replace' && apiVersion?.stands === null
}

function ownDefault({ planned, configured, accountDefault }: OutlookFacts): readonly string[] {
  if (!followsDefault(planned)) return []
  if (accountDefault === undefined) return ["the account's default API version isn't known"]
  const wanted = accountDefault === configured ? ', as configured' : ''
  return [`the account's default API version is ${accountDefault} today${wanted}`]
}

/** An endpoint without a release of its own is unknown, not wrong: people decide whether another one takes its place. */
function notReplaced({ planned, configured, accountDefault }: OutlookFacts): readonly string[] {
  if (!followsDefault(planned) || configured === undefined || accountDefault === configured) return []
  const now = accountDefault === undefined ? "which can't be seen" : `${accountDefault} today`
  return [
    `${planned.endpoint} gets events in the account's default API version (${now}), but \`service.stripe.apiVersion\` is ${configured}. ` +
      'It is left as it is. To replace it, deploy with `--rotate-secret`.',
  ]
}

/** A new endpoint without a configured release gets Purser's, whatever the one before it had. */
function changedUnasked({ planned, configured, builtWith, accountDefault }: OutlookFacts): readonly string[] {
  if (planned.action !== 'replace' || configured !== undefined) return []
  const now = planned.apiVersion?.stands ?? accountDefault
  if (now === builtWith) return []
  const had = now === undefined ? "the account's default" : now
  return [
    `The new endpoint gets events in API version ${builtWith}, the old one in ${had}. Set \`service.stripe.apiVersion\` to keep that.`,
  ]
}

/** Stripe keeps an event in the account's release of its day; only Stripe itself renders it in the endpoint's. */
function missedEvents(facts: OutlookFacts): Outlook {
  const { accountDefault, mayResend, resendsOtherVersions } = facts
  const after = releaseAfter(facts)
  if (accountDefault === undefined || after === undefined || sameShape(accountDefault, after)) {
    const note = 'the key lacks Events: Write, so Purser posts missed events itself'
    return { notes: mayResend ? [] : [note], risks: [] }
  }
  const kept = `Stripe keeps events in the account's default API version ${accountDefault}, and the endpoint gets ${after}`
  if (mayResend) return { notes: [`${kept}: missed events are sent again by Stripe`], risks: [] }
  const what = resendsOtherVersions
    ? 'Missed events are posted in the version in which they are kept.'
    : "Missed events can't be sent again."
  return { notes: [], risks: [`${kept}. The key lacks Events: Write. ${what}`] }
}

function synchronous({ planned }: OutlookFacts): readonly string[] {
  if (planned.removed.includes(synchronousEventType))
    return [
      `This deploy takes \`${synchronousEventType}\` from the endpoint. Families don't include it. Name it in \`service.stripe.events\` to keep it.`,
    ]
  if (!planned.added.includes(synchronousEventType)) return []
  return [
    `The endpoint will get \`${synchronousEventType}\`: Stripe waits 2 s for the service to decide on each card payment.`,
  ]
}
