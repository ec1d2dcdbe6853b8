import { until } from '../../../sandbox/breakages/hands.ts'
import type { Scene } from './scene.ts'
import { healthy, hour, minute } from './shared.ts'
import { lackingKeys, otherSandbox, type Stage } from './stage.ts'

const creation = 'POST /v1/webhook_endpoints'
const rotate = 'deploy v1.2.0 --rotate-secret'
const refused = { notReached: 'the plan is refused' } as const

async function madeEarlier(stage: Stage): Promise<void> {
  await stage.makes(3)
  await stage.age(5 * minute)
}

/** Somebody deletes the second endpoint as soon as it is there. */
async function deletesTheNext({ stripe, world, endpointId }: Stage): Promise<void> {
  const other = () => stripe.endpoints().find(({ id }) => id !== endpointId)
  await until('the new endpoint', () => other() !== undefined)
  await fetch(`${stripe.url}/v1/webhook_endpoints/${other()?.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${world.sandbox.environment['STRIPE_SECRET_KEY']}` },
  })
}

/** The endpoint has been made in the dashboard, long ago: it gets events in the account's default release. */
async function madeInDashboard(stage: Stage): Promise<void> {
  const { stripe, webhookUrl, endpointId } = stage
  const types = stripe.endpoints().find(({ id }) => id === endpointId)?.enabled_events ?? []
  const id = stripe.addEndpoint({ url: webhookUrl, events: types, description: 'made in the dashboard' })
  await stage.changesEndpoint(endpointId, { disabled: 'true', url: 'https://former.example/hooks' })
  await stage.writesSecret(stripe.secretOf(id) ?? '')
  await stage.age(3 * hour)
  await stage.makes(4)
  await stage.age(5 * minute)
}

export const deadEnds: readonly Scene[] = [
  {
    ...healthy('D1', 'Stripe answers the creation with 500 and keeps that answer, and somebody presses Retry'),
    group: 'D',
    typed: rotate,
    beforeApproval: async ({ stripe }) => stripe.setFault({ does: 'answer', status: 500, on: creation, times: 1 }),
    before: { retry: async (stage) => void (await stage.makes(3)) },
    acts: ['deploy', 'retry', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: { says: ['Retry phase asks in a new one', 'Succeeded in'] },
    events: { made: 3, missing: 0 },
  },
  {
    ...healthy('D2', 'Stripe made the endpoint and answered 500: nobody was shown its secret'),
    group: 'D',
    typed: rotate,
    beforeApproval: async ({ stripe }) =>
      stripe.setFault({ does: 'answer', status: 500, takesEffect: true, on: creation, times: 1 }),
    before: { retry: async (stage) => void (await stage.makes(3)) },
    acts: ['deploy', 'retry', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: {
      says: ['so its signing secret was never shown. It was deleted, and another one is made', 'Succeeded in'],
    },
    events: { made: 3, missing: 0 },
  },
  {
    ...healthy(
      'D3',
      "Purser's database is lost after a deploy, and an older one is deployed with under the same run number",
    ),
    group: 'D',
    typed: rotate,
    before: { 'new state database': async (stage) => void (await stage.makes(3)) },
    acts: ['deploy', 'new state database', 'deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: { says: ['Succeeded in'], never: ['idempoten'] },
    events: { made: 3, missing: 0 },
  },
  {
    ...healthy('D4', "The creation's answer is lost, and the endpoint is deleted before Stripe repeats it"),
    group: 'D',
    typed: rotate,
    prepare: madeEarlier,
    beforeApproval: async (stage) => {
      stage.stripe.setFault({ does: 'cut', when: 'after', on: creation, times: 1 })
      void deletesTheNext(stage)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: { says: ['Succeeded in'] },
    events: { made: 3, missing: 0 },
  },
  {
    ...healthy('D5', 'Endpoints, a thin destination and EventBridge leave no room for the second endpoint'),
    group: 'D',
    typed: rotate,
    prepare: async ({ stripe }) => {
      for (let index = 1; index <= 13; index += 1)
        stripe.addEndpoint({ url: `https://team-${index}.example/hooks`, events: ['payout.paid'] })
      stripe.addDestination({
        type: 'webhook_endpoint',
        payload: 'thin',
        name: 'Thin to audit',
        events: ['v1.billing.meter.no_meter_found'],
      })
      stripe.addDestination({
        type: 'amazon_eventbridge',
        payload: 'snapshot',
        name: 'Bus of data',
        events: ['payout.paid'],
      })
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: [
        'the account has 16 of 16 webhook endpoints and other event destinations',
        'Thin to audit',
        'Bus of data',
        'Delete endpoints that nobody uses',
      ],
    },
    deploy: refused,
    monitor: refused,
    events: { made: 0, missing: 0 },
  },
  {
    ...healthy('D6', 'The key may read endpoints, and change nothing'),
    group: 'D',
    environment: { STRIPE_SECRET_KEY: lackingKeys.changing.key },
    prepare: async (stage) => void (await stage.makes(2)),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['lacks Webhook Endpoints: Write, Events: Read', 'Give the restricted key these rights'] },
    deploy: refused,
    monitor: refused,
    verify: {
      says: [
        "couldn't check – Stripe endpoint: listing events: the key lacks Events: Read",
        "couldn't check – Stripe events received: listing events: the key lacks Events: Read",
      ],
    },
    diagnose: {
      says: [
        "couldn't check – Undelivered at Stripe: listing events: the key lacks Events: Read",
        "couldn't check – Events the service lacks: listing events: the key lacks Events: Read",
      ],
    },
    events: { made: 2, missing: 0 },
  },
  {
    ...healthy('D7', 'The key is of another sandbox of the company'),
    group: 'D',
    environment: { STRIPE_SECRET_KEY: otherSandbox.secretKey },
    prepare: async (stage) => void (await stage.makes(2)),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: [`belongs to ${otherSandbox.accountId}`, 'pinned to acct_1Sandbox0Purser00'] },
    deploy: refused,
    monitor: refused,
    verify: {
      says: [
        `failed – Stripe endpoint: checking the Stripe account: STRIPE_SECRET_KEY belongs to ${otherSandbox.accountId}`,
        `failed – Stripe events received: checking the Stripe account: STRIPE_SECRET_KEY belongs to ${otherSandbox.accountId}`,
      ],
    },
    diagnose: {
      says: [`belongs to ${otherSandbox.accountId}`],
      never: ['it creates the endpoint', 'so it sends nothing', 'passed – Undelivered at Stripe'],
    },
    events: { made: 2, missing: 0 },
  },
  {
    ...healthy('D8', "A test environment doesn't say which sandbox its key is of"),
    group: 'D',
    configuration: { 'environments.production.stripe.account': undefined },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: ['STRIPE_SECRET_KEY belongs to acct_1Sandbox0Purser00', 'set environments.production.stripe.account to it'],
    },
    deploy: refused,
    monitor: refused,
    events: { made: 0, missing: 0 },
  },
  {
    ...healthy('D9', "The endpoint was made in the dashboard, and follows the account's default API version"),
    group: 'D',
    prepare: madeInDashboard,
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: [
        'endpoint unchanged, with 38 events',
        "gets events in the account's default API version (2020-08-27 today)",
        'It is left as it is',
        '--rotate-secret',
      ],
      never: ['is replaced'],
    },
    verify: { says: ['none undelivered in the last hour'], never: ['failed –', 'needs replace'] },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('D10', 'The endpoint decides on card payments, which no family includes'),
    group: 'D',
    configuration: {
      'service.stripe.events': ['invoice.*', 'customer.subscription.*', 'charge.*', 'issuing_authorization.*'],
    },
    prepare: async ({ stripe, changesEndpoint, endpointId }) => {
      const types = stripe.endpoints().find(({ id }) => id === endpointId)?.enabled_events ?? []
      const all = [...types, 'issuing_authorization.request']
      await changesEndpoint(
        endpointId,
        Object.fromEntries(all.map((type, index) => [`enabled_events[${index}]`, type])),
      )
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: {
      says: [
        'This deploy takes `issuing_authorization.request` from the endpoint',
        'added (2) – issuing_authorization: created, updated',
      ],
    },
    events: { made: 0, missing: 0 },
  },
  {
    ...healthy('D11', 'A script wrote a wrong secret once, and five events were refused'),
    group: 'D',
    prepare: async (stage) => {
      await stage.writesSecret('whsec_3kQ9ZxT7vBn2LmWc8RpYdHs5', { manager: 'python-requests' })
      await stage.makes(5)
      await stage.age(hour)
    },
    acts: ['diagnose', 'deploy', 'verify'],
    plan: { says: ['python-requests', 'may write', 'still owes 5 events'] },
    deploy: { says: ['5 of 5 events processed'], never: ['not taken'] },
    diagnose: {
      says: ["The Secret doesn't hold the secret with which the endpoint was made."],
      never: ['The service takes events now'],
    },
    events: { made: 5, missing: 0 },
  },
  {
    ...healthy('D12', 'Argo CD writes the Secret, and wrote a wrong value'),
    group: 'D',
    prepare: async (stage) => {
      await stage.writesSecret('whsec_8Xr2MnVb6KtQw4JzLf9GyCp1', { manager: 'argocd-controller' })
      await stage.makes(3)
      await stage.age(40 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['argocd-controller', 'service.stripe.secret'] },
    deploy: refused,
    monitor: refused,
    verify: { says: ['failed –', '3 of # missing'] },
    diagnose: { says: ["The Secret doesn't hold the secret with which the endpoint was made."] },
    events: { made: 3, missing: 3, told: '3 of # missing' },
  },
  {
    ...healthy('D13', 'Other requests hold the endpoints while the secret is replaced, and Stripe says to try again'),
    group: 'D',
    typed: rotate,
    prepare: madeEarlier,
    beforeApproval: async ({ stripe }) =>
      stripe.setFault({ does: 'answer', status: 429, code: 'lock_timeout', on: `${creation}/`, times: 2 }),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: { says: ['Succeeded in'], never: ['Failed in'] },
    events: { made: 3, missing: 0 },
  },
  {
    ...healthy('D14', 'Stripe limits requests while the secret is replaced, and says for how many seconds'),
    group: 'D',
    typed: rotate,
    prepare: madeEarlier,
    beforeApproval: async ({ stripe }) =>
      stripe.setFault({ does: 'answer', status: 429, retryAfterSeconds: 6, on: creation, times: 2 }),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced as asked'] },
    deploy: { says: ['Succeeded in'], never: ['Failed in'] },
    events: { made: 3, missing: 0 },
  },
]
