import type Stripe from 'stripe'
import { STRIPE_API_VERSION } from './events.ts'

type Release = Stripe.WebhookEndpointCreateParams.ApiVersion

/**
 * Every release in which Stripe makes an endpoint, as the SDK lists them. It knows them at compile time only; the keys of this
 * record are checked against them, so an upgrade of the SDK fails the build until the new ones are here.
 * https://docs.stripe.com/api/webhook_endpoints/create#create_webhook_endpoint-api_version
 */
const known: Readonly<Record<Release, 1>> = {
  '2011-01-01': 1,
  '2011-06-21': 1,
  '2011-06-28': 1,
  '2011-08-01': 1,
  '2011-09-15': 1,
  '2011-11-17': 1,
  '2012-02-23': 1,
  '2012-03-25': 1,
  '2012-06-18': 1,
  '2012-06-28': 1,
  '2012-07-09': 1,
  '2012-09-24': 1,
  '2012-10-26': 1,
  '2012-11-07': 1,
  '2013-02-11': 1,
  '2013-02-13': 1,
  '2013-07-05': 1,
  '2013-08-12': 1,
  '2013-08-13': 1,
  '2013-10-29': 1,
  '2013-12-03': 1,
  '2014-01-31': 1,
  '2014-03-13': 1,
  '2014-03-28': 1,
  '2014-05-19': 1,
  '2014-06-13': 1,
  '2014-06-17': 1,
  '2014-07-22': 1,
  '2014-07-26': 1,
  '2014-08-04': 1,
  '2014-08-20': 1,
  '2014-09-08': 1,
  '2014-10-07': 1,
  '2014-11-05': 1,
  '2014-11-20': 1,
  '2014-12-08': 1,
  '2014-12-17': 1,
  '2014-12-22': 1,
  '2015-01-11': 1,
  '2015-01-26': 1,
  '2015-02-10': 1,
  '2015-02-16': 1,
  '2015-02-18': 1,
  '2015-03-24': 1,
  '2015-04-07': 1,
  '2015-06-15': 1,
  '2015-07-07': 1,
  '2015-07-13': 1,
  '2015-07-28': 1,
  '2015-08-07': 1,
  '2015-08-19': 1,
  '2015-09-03': 1,
  '2015-09-08': 1,
  '2015-09-23': 1,
  '2015-10-01': 1,
  '2015-10-12': 1,
  '2015-10-16': 1,
  '2016-02-03': 1,
  '2016-02-19': 1,
  '2016-02-22': 1,
  '2016-02-23': 1,
  '2016-02-29': 1,
  '2016-03-07': 1,
  '2016-06-15': 1,
  '2016-07-06': 1,
  '2016-10-19': 1,
  '2017-01-27': 1,
  '2017-02-14': 1,
  '2017-04-06': 1,
  '2017-05-25': 1,
  '2017-06-05': 1,
  '2017-08-15': 1,
  '2017-12-14': 1,
  '2018-01-23': 1,
  '2018-02-05': 1,
  '2018-02-06': 1,
  '2018-02-28': 1,
  '2018-05-21': 1,
  '2018-07-27': 1,
  '2018-08-23': 1,
  '2018-09-06': 1,
  '2018-09-24': 1,
  '2018-10-31': 1,
  '2018-11-08': 1,
  '2019-02-11': 1,
  '2019-02-19': 1,
  '2019-03-14': 1,
  '2019-05-16': 1,
  '2019-08-14': 1,
  '2019-09-09': 1,
  '2019-10-08': 1,
  '2019-10-17': 1,
  '2019-11-05': 1,
  '2019-12-03': 1,
  '2020-03-02': 1,
  '2020-08-27': 1,
  '2022-08-01': 1,
  '2022-11-15': 1,
  '2023-08-16': 1,
  '2023-10-16': 1,
  '2024-04-10': 1,
  '2024-06-20': 1,
  '2024-09-30.acacia': 1,
  '2024-10-28.acacia': 1,
  '2024-11-20.acacia': 1,
  '2024-12-18.acacia': 1,
  '2025-01-27.acacia': 1,
  '2025-02-24.acacia': 1,
  '2025-03-01.dashboard': 1,
  '2025-03-31.basil': 1,
  '2025-04-30.basil': 1,
  '2025-05-28.basil': 1,
  '2025-06-30.basil': 1,
  '2025-07-30.basil': 1,
  '2025-08-27.basil': 1,
  '2025-09-30.clover': 1,
  '2025-10-29.clover': 1,
  '2025-11-17.clover': 1,
  '2025-12-15.clover': 1,
  '2026-01-28.clover': 1,
  '2026-02-25.clover': 1,
  '2026-03-25.dahlia': 1,
  '2026-04-22.dahlia': 1,
  '2026-05-27.dahlia': 1,
  '2026-06-24.dahlia': 1,
  '2026-07-29.dahlia': 1,
  '2026-08-26.dahlia': 1,
  '2026-09-30.endive': 1,
  '2026-10-28.endive': 1,
}

export const stripeReleases: readonly string[] = Object.keys(known).sort()

/**
 * Tells whether Stripe has a release. `unlisted` is one that only Stripe can tell of: newer than this SDK, or a preview.
 * `none` would have to be listed and is not: Stripe answers 400 to the creation of such an endpoint.
 */
export function releaseKnown(version: string): 'listed' | 'unlisted' | 'none' {
  if (Object.hasOwn(known, version)) return 'listed'
  const newer = dayOf(version) > dayOf(STRIPE_API_VERSION)
  return newer || version.endsWith('.preview') ? 'unlisted' : 'none'
}

/** Returns the releases nearest in time to a version that is none, the nearest first. */
export function releasesNear(version: string): readonly string[] {
  const time = (name: string) => Date.parse(dayOf(name))
  const wanted = time(version)
  if (Number.isNaN(wanted)) return stripeReleases.slice(-2).toReversed()
  return stripeReleases.toSorted((a, b) => Math.abs(time(a) - wanted) - Math.abs(time(b) - wanted)).slice(0, 2)
}

function dayOf(version: string): string {
  return version.split('.')[0] ?? version
}
