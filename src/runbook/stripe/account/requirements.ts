import type { WebhookEndpoint } from '../../../adapters/stripe/port.ts'
import { releaseKnown, releasesNear } from '../../../adapters/stripe/releases.ts'
import { PurserError } from '../../../errors.ts'
import { CheckFailed } from '../../errors.ts'
import type { LookContext } from '../../phase.ts'

/*
 * What must be so of key, account and configuration before anything is changed anywhere: each of these would fail a deploy
 * after its migrations. All of them only look.
 */

/**
 * Raises when the Stripe key is not of the pinned account: however valid it is, it must change nothing elsewhere. In test mode
 * an account has to be pinned, because the keys of all sandboxes look alike and a webhook in another one is a deaf service
 * behind green checks. https://docs.stripe.com/sandboxes
 */
export async function requireAccount(context: LookContext): Promise<void> {
  const { account: pinned, mode } = context.environment.stripe
  if (pinned === undefined && mode === 'test') throw unpinned(context, await accountOf(context))
  requirePinned(context, await otherAccount(context))
}

/** Returns the account of the Stripe key where the environment is pinned to another one. */
export async function otherAccount({
  world,
  environment,
  signal,
}: Pick<LookContext, 'world' | 'environment' | 'signal'>): Promise<string | undefined> {
  const { account: pinned } = environment.stripe
  if (pinned === undefined) return undefined
  const { id } = await world.stripe.account(signal)
  return id === pinned ? undefined : id
}

/** Raises when the key is of another account: whatever Stripe says for it is not about this environment. */
export function requirePinned({ environment }: Pick<LookContext, 'environment'>, other: string | undefined): void {
  if (other === undefined) return
  const { account, secretKeyEnv } = environment.stripe
  throw new CheckFailed('wrong_stripe_account', `checking the Stripe account: ${secretKeyEnv} belongs to ${other}`, {
    hint: `This environment is pinned to ${account} (stripe.account in purser.yaml): put a key of that account there.`,
  })
}

function unpinned({ run, environment }: Pick<LookContext, 'run' | 'environment'>, id: string | undefined): CheckFailed {
  const at = `environments.${run.environment}.stripe.account`
  const { secretKeyEnv } = environment.stripe
  const belongs = id === undefined ? "can't read its own account" : `belongs to ${id}`
  return new CheckFailed('stripe_account_unpinned', `checking the Stripe account: ${at} isn't set`, {
    evidence: [`${secretKeyEnv} ${belongs}`, 'Test keys of every account and sandbox look alike.'],
    hint:
      id === undefined
        ? `Give the key the right Accounts: Read, set ${at} to the id of your sandbox (acct_…), and restart Purser.`
        : `If ${id} is the sandbox you mean, set ${at} to it in purser.yaml and restart Purser.`,
  })
}

/** A restricted key may lack the right to read its own account. */
async function accountOf({ world, signal }: Pick<LookContext, 'world' | 'signal'>): Promise<string | undefined> {
  try {
    return (await world.stripe.account(signal)).id
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PurserError && error.code === 'stripe_permission_missing') return undefined
    throw error
  }
}

/** Raises when a restricted key lacks a right that every deploy uses, and names all of them at once. */
export async function requireRights({ world, environment, signal }: LookContext): Promise<void> {
  const missing = await world.stripe.missingRights(signal)
  if (missing.length === 0) return
  throw new CheckFailed(
    'stripe_permission_missing',
    `checking the Stripe key: ${environment.stripe.secretKeyEnv} lacks ${missing.map(({ right }) => right).join(', ')}`,
    {
      evidence: missing.map(({ answer }) => answer),
      hint: 'Give the restricted key these rights in the Stripe dashboard (API keys). All rights are in docs/stripe.md.',
    },
  )
}

/** Raises when the key, or what it leads to, is of the other mode. */
export function requireMode(
  { world, environment }: Pick<LookContext, 'world' | 'environment'>,
  endpoints: readonly WebhookEndpoint[],
): void {
  const { mode, secretKeyEnv } = environment.stripe
  if (world.stripe.keyMode !== mode)
    throw new CheckFailed(
      'wrong_stripe_mode',
      `checking the Stripe key: ${secretKeyEnv} is a ${world.stripe.keyMode} mode key, the environment is ${mode}`,
      { hint: `Put a ${mode} mode key into ${secretKeyEnv} and restart Purser.` },
    )
  const [stranger] = endpoints.filter(({ livemode }) => livemode !== (mode === 'live'))
  if (stranger === undefined) return
  throw new CheckFailed(
    'wrong_stripe_mode',
    `looking at webhook endpoints: ${stranger.id} is a ${stranger.livemode ? 'live' : 'test'} mode endpoint, the environment is ${mode}`,
    { hint: "The Stripe key has the wrong mode. Set the right key in Purser's environment." },
  )
}

/**
 * Raises when Stripe has no such release as `service.stripe.apiVersion`. One that the SDK does not list and that only Stripe can
 * tell of is asked for, and is a risk when Stripe has it. Returns the risks.
 */
export async function requireRelease({ world, service, signal }: LookContext): Promise<readonly string[]> {
  const { apiVersion: version } = service.stripe
  const known = version === undefined ? 'listed' : releaseKnown(version)
  if (version === undefined || known === 'listed') return []
  const answer = known === 'none' ? undefined : await world.stripe.takesVersion(version, signal)
  if (known === 'none' || answer !== undefined)
    throw new CheckFailed(
      'unknown_stripe_version',
      `planning the Stripe endpoint: Stripe has no API version ${version}`,
      {
        hint: `Correct service.stripe.apiVersion in purser.yaml. The nearest ones are ${releasesNear(version).join(' and ')}.`,
        ...(answer === undefined ? {} : { evidence: [answer.refused] }),
      },
    )
  return [
    `Purser was built before API version ${version}. Event types that are new in it aren't part of families such as \`invoice.*\`.`,
  ]
}
