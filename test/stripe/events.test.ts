import { describe, expect, it } from 'vitest'
import { expandEventPatterns } from '../../src/adapters/stripe/events.ts'

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
})
