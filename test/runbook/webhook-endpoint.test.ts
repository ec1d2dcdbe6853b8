import { describe, expect, it } from 'vitest'
import type { SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { decideEndpoint } from '../../src/runbook/stripe/webhook-endpoint.ts'

const url = 'https://api.valuecanvas.com/api/billing/webhooks/stripe'
const events = ['charge.failed', 'invoice.paid']

function endpoint(more: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    id: 'we_1',
    url,
    enabledEvents: events,
    status: 'enabled',
    apiVersion: null,
    livemode: true,
    metadata: {},
    description: null,
    created: new Date('2026-01-05T10:00:00Z'),
    ...more,
  }
}

const ours = (fingerprint?: string) => ({
  metadata: { managed_by: 'purser', ...(fingerprint === undefined ? {} : { purser_secret: fingerprint }) },
})
const held = (fingerprint: string): SecretKeyState => ({
  secretExists: true,
  keyExists: true,
  fingerprint,
  fingerprints: [fingerprint],
  strays: [],
  immutable: false,
  keys: ['webhook-secret'],
  managers: [],
  claims: [],
})
const noKey: SecretKeyState = {
  ...held(''),
  keyExists: false,
  fingerprint: undefined,
  fingerprints: [],
  keys: [],
}

const decide = (endpoints: readonly WebhookEndpoint[], secret: SecretKeyState) =>
  decideEndpoint({ url, events, endpoints, secret })

describe('what the endpoint of the URL needs', () => {
  it.each<[string, WebhookEndpoint[], SecretKeyState, string, string]>([
    ['creation when there is none', [], noKey, 'create', 'missing'],
    ['creation when only another URL has one', [endpoint({ url: `${url}/old` })], held('aa'), 'create', 'present'],
    ['nothing when all is well', [endpoint(ours('aa'))], held('aa'), 'keep', 'present'],
    [
      'nothing when another hand made it: the signed probe tells of the secret',
      [endpoint()],
      held('aa'),
      'keep',
      'present',
    ],
    ['to be enabled', [endpoint({ ...ours('aa'), status: 'disabled' })], held('aa'), 'enable', 'present'],
    ['other events', [endpoint({ ...ours('aa'), enabledEvents: ['invoice.paid'] })], held('aa'), 'update', 'present'],
    ['replacement when nobody holds its secret', [endpoint(ours('aa'))], noKey, 'replace', 'missing'],
    ['replacement when the cluster holds another secret', [endpoint(ours('aa'))], held('bb'), 'replace', 'mismatch'],
    ['replacement when its creation was never finished', [endpoint(ours())], held('bb'), 'replace', 'mismatch'],
  ])('%s', (_, endpoints, secret, action, state) => {
    expect(decide(endpoints, secret)).toMatchObject({ action, secret: state })
  })

  it.each<[string, string | null, string | undefined, string]>([
    ['replaced when it was made in another version', '2024-06-20', '2026-10-28.endive', 'replace'],
    ['kept when it was made in the wanted one', '2026-10-28.endive', '2026-10-28.endive', 'keep'],
    ['kept at the account’s default, which is unknown and not wrong', null, '2026-10-28.endive', 'keep'],
    ['kept in whatever version when none is wanted', '2024-06-20', undefined, 'keep'],
  ])('is %s', (_, stands, apiVersion, action) => {
    const endpoints = [endpoint({ ...ours('aa'), apiVersion: stands })]
    expect(decideEndpoint({ url, events, endpoints, secret: held('aa'), apiVersion }).action).toBe(action)
  })

  it.each<[string, readonly string[], readonly string[], object]>([
    ['nothing, where both are everything', ['*'], ['*'], { action: 'keep', added: [], removed: [] }],
    ['everything, which takes nothing away', events, ['*'], { action: 'update', added: ['*'], removed: [] }],
    ['less than everything, which adds nothing', ['*'], events, { action: 'update', added: [], removed: ['*'] }],
  ])('is %s', (_, enabledEvents, wanted, decision) => {
    const facts = { url, endpoints: [endpoint({ enabledEvents })], secret: held('aa') }
    expect(decideEndpoint({ ...facts, events: wanted })).toMatchObject(decision)
  })

  it('is told as the events that come and go', () => {
    const stands = endpoint({ ...ours('aa'), enabledEvents: ['invoice.paid', 'payout.paid'] })
    expect(decide([stands], held('aa'))).toMatchObject({ added: ['charge.failed'], removed: ['payout.paid'] })
    expect(decide([], noKey)).toMatchObject({ added: events, removed: [], endpoint: undefined })
  })

  it.each<[string, WebhookEndpoint[]]>([
    [
      'whose secret the cluster holds, even a disabled one',
      [endpoint({ id: 'we_other' }), endpoint({ ...ours('aa'), id: 'we_chosen', status: 'disabled' })],
    ],
    ['that is enabled', [endpoint({ id: 'we_other', status: 'disabled' }), endpoint({ id: 'we_chosen' })]],
    [
      'that is ours',
      [
        endpoint({ id: 'we_other', status: 'disabled' }),
        endpoint({ ...ours('bb'), id: 'we_chosen', status: 'disabled' }),
      ],
    ],
  ])('of several chooses the one %s, in whatever order they come', (_, several) => {
    expect(decide(several, held('aa')).endpoint?.id).toBe('we_chosen')
    expect(decide([...several].reverse(), held('aa')).endpoint?.id).toBe('we_chosen')
  })
})
