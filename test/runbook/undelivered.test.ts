import { describe, expect, it } from 'vitest'
import type { EventSummary, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { divided, undeliveredWords } from '../../src/runbook/stripe/undelivered.ts'

const url = 'https://api.example.com/webhooks/stripe'
const endpoint = (id: string, more: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
  id,
  url,
  enabledEvents: ['invoice.paid', 'charge.failed'],
  status: 'enabled',
  apiVersion: null,
  livemode: true,
  metadata: {},
  description: null,
  created: new Date(0),
  ...more,
})
const event = (type: string): EventSummary => ({ id: `evt_${type}`, type, created: new Date(0), pendingWebhooks: 1 })
const events = [event('invoice.paid'), event('charge.failed')]
const elsewhere = 'https://crm.example.com/hook'

describe('whose delivery failed', () => {
  it.each<[string, readonly WebhookEndpoint[], readonly string[], readonly string[]]>([
    ['ours, where nobody else takes the type', [endpoint('we_1')], ['invoice.paid', 'charge.failed'], []],
    [
      'unclear, where another team takes it too',
      [endpoint('we_1'), endpoint('we_2', { url: elsewhere, enabledEvents: ['invoice.paid'] })],
      ['charge.failed'],
      ['invoice.paid'],
    ],
    [
      'unclear for all, where another endpoint takes everything',
      [endpoint('we_1'), endpoint('we_2', { url: elsewhere, enabledEvents: ['*'] })],
      [],
      ['invoice.paid', 'charge.failed'],
    ],
    [
      'unclear, where the other endpoint is disabled by now: what it never took is counted all the same',
      [endpoint('we_1'), endpoint('we_2', { url: elsewhere, status: 'disabled' })],
      [],
      ['invoice.paid', 'charge.failed'],
    ],
    [
      'unclear, where our own former endpoint may owe it',
      [endpoint('we_1'), endpoint('we_2', { status: 'disabled', enabledEvents: ['charge.failed'] })],
      ['invoice.paid'],
      ['charge.failed'],
    ],
    [
      'ours, where our only endpoint is disabled',
      [endpoint('we_1', { status: 'disabled' })],
      ['invoice.paid', 'charge.failed'],
      [],
    ],
    [
      'ours, where the other endpoint was made afterwards',
      [endpoint('we_1'), endpoint('we_2', { url: elsewhere, created: new Date(1_000) })],
      ['invoice.paid', 'charge.failed'],
      [],
    ],
    [
      'ours, where the second endpoint is of the same URL, as during a rotation',
      [endpoint('we_1'), endpoint('we_2', { url: 'https://API.example.com:443/webhooks/stripe' })],
      ['invoice.paid', 'charge.failed'],
      [],
    ],
  ])('is %s', (_, endpoints, ours, unclear) => {
    const found = divided({ url, endpoints, events })
    expect(found.ours.map(({ type }) => type)).toEqual(ours)
    expect(found.unclear.map(({ type }) => type)).toEqual(unclear)
    expect(found.sharedWith).toEqual(unclear.length === 0 ? [] : ['we_2'])
  })

  it('is unclear for what is older than the endpoint of now: a former one may owe it, which may be gone', () => {
    const found = divided({ url, endpoints: [endpoint('we_1', { created: new Date(1_000) })], events })
    expect(found).toEqual({ ours: [], unclear: events, former: events, sharedWith: [] })
    expect(undeliveredWords({ ...found, complete: true })).toBe(
      '2 undelivered here or at a previous endpoint, which cannot be told apart',
    )
  })

  it('is ours for a type that nobody gets who has not named it, whoever takes everything', () => {
    const request = [event('issuing_authorization.request')]
    const everything = { url: elsewhere, enabledEvents: ['*'] }
    const others = (more: Partial<WebhookEndpoint>) => [endpoint('we_1'), endpoint('we_2', more)]
    expect(divided({ url, endpoints: others(everything), events: request }).ours).toEqual(request)
    const named = { url: elsewhere, enabledEvents: ['*', 'issuing_authorization.request'] }
    expect(divided({ url, endpoints: others(named), events: request }).unclear).toEqual(request)
  })

  it('is said in words, never "none" where something was not seen', () => {
    const none = { ours: [], unclear: [], sharedWith: [], complete: true }
    expect(undeliveredWords(none)).toBe('none undelivered')
    expect(undeliveredWords({ ...none, complete: false })).toBe('at least 0 undelivered')
    expect(undeliveredWords({ ...none, unclear: events, sharedWith: ['we_2'] })).toBe(
      '2 undelivered here or at we_2, which cannot be told apart',
    )
    expect(undeliveredWords({ ...none, ours: events })).toBe('2 undelivered')
  })
})
