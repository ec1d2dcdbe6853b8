import type { WebhookEndpoint } from '../adapters/stripe/port.ts'
import type { Finding } from '../model/finding.ts'
import { sameUrl } from '../model/same-url.ts'
import { requireAccount, requireMode, requireRelease, requireRights } from '../runbook/stripe/account/requirements.ts'
import { requireRoom } from '../runbook/stripe/account/room.ts'
import { sameShape } from '../runbook/stripe/missed/resend.ts'
import { counted } from '../text.ts'
import type { Outlook } from './outlook.ts'
import { look, note, type Seen, unseen, works } from './look.ts'

/** Looks at key, account, rights, API release and endpoints. It posts nothing, to Stripe or to the service. */
export async function lookAtStripe(area: string, outlook: Outlook): Promise<readonly Finding[]> {
  const found = await Promise.all([
    look(area, (signal) => accountOf(outlook, signal)),
    look(area, (signal) => rightsOf(outlook, signal)),
    look(area, (signal) => releaseOf(outlook, signal)),
    look(area, (signal) => endpointsOf(outlook, signal)),
  ])
  return found.flat()
}

async function accountOf(outlook: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { account, mode } = outlook.environment.stripe
  await requireAccount({ ...outlook, signal })
  if (account !== undefined) return [works(`The key is of ${account}, in ${mode} mode.`)]
  return [
    note(
      "stripe.account isn't set, so a live key of any account would be accepted.",
      'Set it to the id of your account (acct_…).',
    ),
  ]
}

async function rightsOf(outlook: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  await requireRights({ ...outlook, signal })
  const lacking = await outlook.world.stripe.missingResendRight(signal)
  const resends =
    lacking === undefined
      ? works('The key may have Stripe send missed events again.')
      : note(`The key lacks ${lacking.right}, so Purser posts missed events itself.`)
  return [works('The key has the rights that every deploy uses.'), resends]
}

async function releaseOf(outlook: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { service, world } = outlook
  const risks = await requireRelease({ ...outlook, signal })
  const version = service.stripe.apiVersion ?? world.stripe.apiVersion
  const configured = service.stripe.apiVersion === undefined ? '' : ', as configured'
  return [works(`New endpoints get events in API version ${version}${configured}.`), ...risks.map((risk) => note(risk))]
}

async function endpointsOf(outlook: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { environment, world } = outlook
  const [endpoints, accountDefault] = await Promise.all([
    world.stripe.endpoints(signal),
    world.stripe.defaultVersion(signal),
  ])
  requireMode(outlook, endpoints)
  const risks = await requireRoom({ ...outlook, signal }, { endpoints, freed: 0 })
  const ours = endpoints.filter(({ url }) => sameUrl(url, environment.webhookUrl))
  return [
    works(
      `The account has ${counted(endpoints.length, 'webhook endpoint')}, ${ours.length} for this environment's webhook URL.`,
    ),
    ...ours.map(endpointWords),
    ...ours.flatMap((endpoint) => releaseDiffers(endpoint, accountDefault)),
    ...(accountDefault === undefined ? [unseen("Stripe doesn't tell the account's default API version.")] : []),
    ...risks.map((risk) => unseen(risk)),
  ]
}

function endpointWords({ id, status, enabledEvents, apiVersion }: WebhookEndpoint): Seen {
  const words = `${id} is ${status}, has ${counted(enabledEvents.length, 'event type')} and API version ${apiVersion ?? "the account's default"}.`
  return status === 'enabled' ? works(words) : note(words)
}

/** Events are kept in the account's release of their day: an account that is years old keeps them in another one than its endpoint gets. */
function releaseDiffers({ id, apiVersion }: WebhookEndpoint, accountDefault: string | undefined): readonly Seen[] {
  if (apiVersion === null || accountDefault === undefined || sameShape(accountDefault, apiVersion)) return []
  return [
    note(`Stripe keeps events in the account's default API version ${accountDefault}, and ${id} gets ${apiVersion}.`),
  ]
}
