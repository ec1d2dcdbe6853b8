import { stripeReleases } from '../../src/adapters/stripe/releases.ts'

/*
 * What a release of Stripe's API makes of an object. Objects are kept in the newest form; an older release has them with
 * the fields that later ones took away. Only changes that a billing service meets are here, each from Stripe's changelog:
 *
 * - 2025-03-31.basil: an invoice tells its subscription under `parent`, and the current period stands at the items of a
 *   subscription. Before, both were fields of the object itself.
 *   https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects
 *   https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end
 * - 2022-11-15: a charge no longer holds its refunds. https://docs.stripe.com/upgrades#2022-11-15
 * - 2019-10-17: `billing` is `collection_method`. https://docs.stripe.com/upgrades#2019-10-17
 */

type Fields = Readonly<Record<string, unknown>>

interface Change {
  /** Versions older than this one have the former form. */
  readonly since: string
  readonly object: string
  readonly former: (object: Fields) => Fields
}

const changes: readonly Change[] = [
  {
    since: '2025-03-31',
    object: 'invoice',
    former({ parent, ...invoice }) {
      return { ...invoice, paid: invoice['status'] === 'paid', subscription: subscriptionIn(parent) }
    },
  },
  {
    since: '2025-03-31',
    object: 'subscription',
    former(subscription) {
      const [first] = itemsOf(subscription)
      const period = first === undefined ? {} : periodOf(first)
      const items = itemsOf(subscription).map(
        ({ current_period_start: _start, current_period_end: _end, ...item }) => item,
      )
      return { ...subscription, items: { ...(subscription['items'] as Fields), data: items }, ...period }
    },
  },
  {
    since: '2022-11-15',
    object: 'charge',
    former: (charge) => ({
      ...charge,
      refunds: {
        object: 'list',
        data: [],
        has_more: false,
        total_count: 0,
        url: `/v1/charges/${String(charge['id'])}/refunds`,
      },
    }),
  },
  ...(['invoice', 'subscription'] as const).map((object): Change => ({
    since: '2019-10-17',
    object,
    former: ({ collection_method: billing, ...rest }) => ({ ...rest, billing }),
  })),
]

/** An object as a release shows it. What is not in Stripe's form (a test's own object) stays as it is. */
export function asOf(version: string, object: object): object {
  const day = version.slice(0, 10)
  return changes
    .filter(({ since, object: kind }) => day < since && (object as Fields)['object'] === kind)
    .reduce<Fields>((form, { former }) => former(form), object as Fields)
}

/** Tells whether Stripe has the release: those of the SDK, and `newer` ones that it has made since. */
export function isApiVersion(text: string, newer: readonly string[]): boolean {
  return stripeReleases.includes(text) || newer.includes(text)
}

function subscriptionIn(parent: unknown): unknown {
  const details = (parent as Fields | null | undefined)?.['subscription_details'] as Fields | undefined
  return details?.['subscription'] ?? null
}

function itemsOf(subscription: Fields): readonly Fields[] {
  const data = (subscription['items'] as Fields | undefined)?.['data']
  return Array.isArray(data) ? (data as readonly Fields[]) : []
}

function periodOf({ current_period_start, current_period_end }: Fields): Fields {
  return { current_period_start, current_period_end }
}
