import { randomText } from './endpoints.ts'
import type { SimulatedEvent } from './events.ts'

interface Customer {
  readonly id: string
  readonly email: string
  readonly subscription: string
  readonly price: string
  /** Cents a month. */
  readonly amount: number
  unpaid: boolean
}

interface BillingFact {
  readonly type: string
  readonly data: SimulatedEvent['data']
}

const plans = [
  { price: 'price_starter', amount: 1_900 },
  { price: 'price_team', amount: 4_900 },
  { price: 'price_business', amount: 19_900 },
] as const

/** The traffic of a small subscription business: renewals mostly, some cards refused, some of those recovered. */
export class BillingTraffic {
  readonly #customers: readonly Customer[]
  #waiting: BillingFact[] = []
  #renewals = 0

  constructor() {
    this.#customers = Array.from({ length: 12 }, (_, index) => {
      const { price, amount } = plans[index % plans.length] ?? plans[0]
      const number = String(index + 1).padStart(2, '0')
      const id = `cus_sandbox${number}`
      return {
        id,
        email: `billing-${number}@example.com`,
        subscription: `sub_sandbox${number}`,
        price,
        amount,
        unpaid: false,
      }
    })
  }

  /** The next event; related ones follow one another. */
  next(): BillingFact {
    if (this.#waiting.length === 0) this.#waiting = this.#renewal()
    return this.#waiting.shift() ?? this.next()
  }

  /** A likely object for a type of which nothing more is known. */
  sample(type: string): object {
    const customer = this.#customers[0]
    if (!customer) return {}
    if (type.startsWith('charge.')) return charge(customer, !type.endsWith('failed'))
    if (type.startsWith('customer.subscription.')) return subscription(customer, 'active')
    if (type.startsWith('invoice.')) return invoice(customer, type === 'invoice.payment_failed' ? 'open' : 'paid')
    return { id: `obj_${randomText(14)}`, object: type.split('.').slice(0, -1).join('.') || 'object' }
  }

  #renewal(): BillingFact[] {
    const turn = this.#renewals++
    const customer = this.#customers[turn % this.#customers.length]
    if (!customer) return []
    const recovers = customer.unpaid
    const refused = !recovers && turn % 5 === 3
    customer.unpaid = refused
    return refused ? refusedRenewal(customer) : paidRenewal(customer, recovers)
  }
}

function paidRenewal(customer: Customer, recovered: boolean): BillingFact[] {
  const paid = invoice(customer, 'paid')
  const before = recovered ? { status: 'past_due' } : { latest_invoice: `in_1${randomText(23)}` }
  return [
    { type: 'charge.succeeded', data: { object: charge(customer, true) } },
    { type: 'invoice.payment_succeeded', data: { object: paid } },
    { type: 'invoice.paid', data: { object: paid } },
    {
      type: 'customer.subscription.updated',
      data: { object: subscription(customer, 'active'), previous_attributes: before },
    },
  ]
}

function refusedRenewal(customer: Customer): BillingFact[] {
  const previous = { status: 'active' }
  return [
    { type: 'charge.failed', data: { object: charge(customer, false) } },
    { type: 'invoice.payment_failed', data: { object: invoice(customer, 'open') } },
    {
      type: 'customer.subscription.updated',
      data: { object: subscription(customer, 'past_due'), previous_attributes: previous },
    },
  ]
}

function invoice(customer: Customer, status: 'open' | 'paid'): object {
  const paid = status === 'paid'
  const parent = {
    type: 'subscription_details',
    subscription_details: { subscription: customer.subscription, metadata: {} },
  }
  return {
    id: `in_1${randomText(23)}`,
    object: 'invoice',
    amount_due: customer.amount,
    amount_paid: paid ? customer.amount : 0,
    amount_remaining: paid ? 0 : customer.amount,
    attempt_count: 1,
    attempted: true,
    billing_reason: 'subscription_cycle',
    collection_method: 'charge_automatically',
    created: now(),
    currency: 'usd',
    customer: customer.id,
    customer_email: customer.email,
    livemode: false,
    metadata: {},
    next_payment_attempt: paid ? null : now() + 3 * 86_400,
    number: `VC-${randomText(8).toUpperCase()}-0001`,
    parent,
    period_end: now(),
    period_start: now() - 30 * 86_400,
    status,
    total: customer.amount,
  }
}

function charge(customer: Customer, succeeded: boolean): object {
  return {
    id: `ch_3${randomText(23)}`,
    object: 'charge',
    amount: customer.amount,
    amount_captured: succeeded ? customer.amount : 0,
    amount_refunded: 0,
    captured: succeeded,
    created: now(),
    currency: 'usd',
    customer: customer.id,
    failure_code: succeeded ? null : 'card_declined',
    failure_message: succeeded ? null : 'Your card was declined.',
    livemode: false,
    metadata: {},
    paid: succeeded,
    refunded: false,
    status: succeeded ? 'succeeded' : 'failed',
  }
}

function subscription(customer: Customer, status: 'active' | 'past_due'): object {
  const period = { current_period_start: now(), current_period_end: now() + 30 * 86_400 }
  const price = {
    id: customer.price,
    object: 'price',
    currency: 'usd',
    unit_amount: customer.amount,
    recurring: { interval: 'month', interval_count: 1 },
  }
  const item = {
    id: `si_${customer.subscription.slice(4)}`,
    object: 'subscription_item',
    price,
    quantity: 1,
    ...period,
  }
  return {
    id: customer.subscription,
    object: 'subscription',
    cancel_at_period_end: false,
    collection_method: 'charge_automatically',
    created: now() - 200 * 86_400,
    currency: 'usd',
    customer: customer.id,
    items: {
      object: 'list',
      data: [item],
      has_more: false,
      url: `/v1/subscription_items?subscription=${customer.subscription}`,
    },
    livemode: false,
    metadata: {},
    status,
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
