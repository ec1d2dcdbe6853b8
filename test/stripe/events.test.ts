import { describe, expect, it } from 'vitest'
import { expandEventPatterns, STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import { releaseKnown, releasesNear, stripeReleases } from '../../src/adapters/stripe/releases.ts'

describe('event patterns', () => {
  it.each([
    { patterns: ['invoice.*'], count: 17 },
    { patterns: ['customer.subscription.*'], count: 8 },
    { patterns: ['charge.*'], count: 13 },
    { patterns: ['invoice.*', 'customer.subscription.*', 'charge.*'], count: 38 },
    { patterns: ['charge.dispute.*', 'charge.*', 'charge.failed'], count: 13 },
    { patterns: ['invoice.paid', 'invoice.paid'], count: 1 },
  ])('$patterns are $count events', ({ patterns, count }) => {
    const { events, unmatched } = expandEventPatterns(patterns)
    expect(events).toHaveLength(count)
    expect(new Set(events).size).toBe(count)
    expect(unmatched).toEqual([])
  })

  it('stop at the dot: invoice.* is neither invoiceitem nor invoice_payment', () => {
    const { events } = expandEventPatterns(['invoice.*'])
    expect(events.filter((name) => !name.startsWith('invoice.'))).toEqual([])
    expect(events).toContain('invoice.will_be_due')
  })

  it('name those that match nothing', () => {
    expect(expandEventPatterns(['invoce.*', 'charge.failed', 'invoice.payed', 'invoice'])).toEqual({
      events: ['charge.failed'],
      unmatched: ['invoce.*', 'invoice.payed', 'invoice'],
    })
  })

  it('keep a bare star, which makes all others needless', () => {
    expect(expandEventPatterns(['charge.*', '*'])).toEqual({ events: ['*'], unmatched: [] })
  })

  it('never include the request that decides on a card payment, unless it is named', () => {
    const request = 'issuing_authorization.request'
    expect(expandEventPatterns(['issuing_authorization.*']).events).toEqual([
      'issuing_authorization.created',
      'issuing_authorization.updated',
    ])
    expect(expandEventPatterns(['issuing_authorization.*', request]).events).toContain(request)
    expect(expandEventPatterns(['*', 'charge.*']).events).toEqual(['*'])
    expect(expandEventPatterns(['*', request]).events).toEqual(['*', request])
  })
})

describe('releases of the API', () => {
  it.each([
    ['2016-07-06', 'listed'],
    ['2024-09-30.acacia', 'listed'],
    [STRIPE_API_VERSION, 'listed'],
    ['2024-09-30', 'none'],
    ['2024-09-31.acacia', 'none'],
    ['2024-10-28.basil', 'none'],
    ['2025-03-31.preview', 'unlisted'],
    ['2098-01-01.zebra', 'unlisted'],
  ])('%s is %s', (version, known) => {
    expect(releaseKnown(version)).toBe(known)
  })

  it('are named by those nearest in time', () => {
    expect(releasesNear('2024-09-30')).toEqual(['2024-09-30.acacia', '2024-10-28.acacia'])
    expect(releasesNear('2024-99-99')).toEqual([...stripeReleases].slice(-2).reverse())
  })
})
