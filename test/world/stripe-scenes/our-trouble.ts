import { kube, paths, rolledOut, servicePods, stripe as callStripe, until } from '../../../sandbox/breakages/hands.ts'
import { besideDead, deadUrl } from './others-trouble.ts'
import { isByStripe, refusedBefore, works } from './refusals.ts'
import type { Scene } from './scene.ts'
import { healthy, minute } from './shared.ts'
import type { Stage } from './stage.ts'

const notPlanned = { notReached: 'nothing is deployed' } as const
const notAsked = { notReached: 'what it says is not looked at' } as const

/** Pods that have logged nothing yet. */
async function newPods({ world: { sandbox } }: Stage): Promise<void> {
  const pods = servicePods(sandbox)
  await Promise.all(pods.map((name) => kube(sandbox, 'DELETE', `${paths.pods}/${name}`, { gracePeriodSeconds: 1 })))
  await rolledOut(sandbox, pods)
}

export const ourTrouble: readonly Scene[] = [
  {
    ...healthy('B3', "Another team's dead endpoint was disabled, and Stripe still counts what it never took"),
    group: 'B',
    configuration: { 'environments.production.policy.autoRollback': true },
    prepare: async (stage) => {
      const id = await besideDead(stage, ['invoice.paid'], 10)
      await callStripe(stage.world.sandbox, `/v1/webhook_endpoints/${id}`, { disabled: 'true' })
    },
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 10, missing: 0 },
  },
  {
    ...healthy('B4', 'The same, where no table tells what the service has'),
    group: 'B',
    configuration: { 'environments.production.policy.autoRollback': true, 'service.stripe.receivedEvents': undefined },
    prepare: async (stage) => {
      const id = await besideDead(stage, ['invoice.paid'], 10)
      await callStripe(stage.world.sandbox, `/v1/webhook_endpoints/${id}`, { disabled: 'true' })
    },
    acts: ['deploy', 'verify', 'diagnose'],
    verify: { says: ['10 undelivered here or at we_…, which cannot be told apart'], never: ['failed –'] },
    diagnose: {
      says: ['10 undelivered here or at we_…, which cannot be told apart'],
      never: ['Stripe signs with a different secret'],
    },
    events: { made: 10, missing: 0 },
  },
  {
    ...healthy('B5', "Another team's dead endpoint takes every type, and three of ours were refused"),
    group: 'B',
    prepare: async (stage) => {
      stage.stripe.addEndpoint({ url: deadUrl, events: ['*'], description: "another team's" })
      await refusedBefore(stage, 3, 40 * minute)
      await stage.makes(4, 'charge.succeeded')
      await stage.age(2 * minute)
    },
    acts: ['verify', 'diagnose', 'send again'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    verify: { says: ['failed –', '3 undelivered in the last hour', '3 of 9 missing'] },
    diagnose: {
      says: [
        'The service takes events now, but 3 events since',
        '3 of 3 events processed',
        '3 undelivered, the oldest',
      ],
      never: ['Stripe signs with a different secret'],
    },
    events: { made: 9, missing: 0 },
  },
  {
    ...healthy('B6', "Something lets Purser's test events pass and refuses Stripe's deliveries"),
    group: 'B',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.age(20 * minute)
      stage.edge.setRule({ instead: (passing) => (isByStripe(passing) ? { status: 403 } : undefined) })
      await stage.makes(5)
      // The pods of now were up then, so it happens in real time: until a delivery is overdue.
      const made = Date.now()
      await until('the deliveries to be overdue', () => Date.now() - made > minute + 2_000, 2 * minute)
    },
    acts: ['verify', 'diagnose'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    verify: { says: ['failed –', '5 undelivered in the last hour', '5 of # not processed yet'] },
    diagnose: { says: ["5 deliveries of Stripe's failed"], never: ['The service takes events now'] },
    events: { made: 7, missing: 5, told: '5 of # not processed yet' },
  },
  {
    ...healthy('B7', 'Something before the service acknowledged four events that never reached it'),
    group: 'B',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.age(minute)
      stage.edge.setRule({ instead: (passing) => (isByStripe(passing) ? { status: 200 } : undefined) })
      await stage.makes(4)
      works(stage)
      await stage.age(40 * minute)
    },
    acts: ['verify', 'diagnose', 'send again'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    verify: { says: ['failed –', '4 of 6 missing', 'none undelivered in the last hour'] },
    diagnose: { says: ['The service takes events now, but 4 events since', '4 of 4 events processed'] },
    events: { made: 6, missing: 0 },
  },
  {
    ...healthy('B8', "The service stores Purser's test events as it stores every type"),
    group: 'B',
    configuration: {
      'service.stripe.probe.type': 'invoice.upcoming',
      'service.verify.queries': [
        {
          name: 'webhook_events',
          title: 'Webhook events',
          columns: ['processed'],
          sql: `select count(*), processed from webhook_events where event_id not like 'evt_1PurserProbe%' group by processed`,
        },
      ],
    },
    prepare: async (stage) => {
      await stage.makes(4)
      await stage.age(2 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    verify: { says: ['none of 4 missing', 'Webhook events: 4 (processed true)'], never: ['failed –'] },
    diagnose: { says: ['No cause found.', 'Events in the database: 4 received'] },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('B9', 'The service logs each refused signature as an error, and a stranger sends one'),
    group: 'B',
    configuration: { 'service.monitor.logs.levels': ['warn', 'error', 'fatal'] },
    prepare: async (stage) => {
      await newPods(stage)
      await stage.makes(4)
      await stage.age(2 * minute)
    },
    before: {
      verify: async ({ webhookUrl }) => {
        // What is logged within 3 s of a test event of Purser's counts as said about that.
        const from = Date.now()
        await until('the test events to be over', () => Date.now() - from > 4_000)
        const answer = await fetch(webhookUrl, { method: 'POST', body: '{"id":"evt_stranger","type":"invoice.paid"}' })
        if (answer.status !== 400) throw new Error(`an unsigned event was answered with ${answer.status}`)
      },
    },
    acts: ['deploy', 'diagnose', 'verify'],
    verify: { says: ['failed –', '0.2 per minute', 'billing webhook refused'] },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy(
      'B10',
      'Somebody diagnoses while the release is watched, and the service logs each refused signature as an error',
    ),
    group: 'B',
    configuration: {
      'service.monitor.logs.levels': ['warn', 'error', 'fatal'],
      'service.monitor.minutes': 1 / 3,
      'environments.production.policy.autoRollback': true,
    },
    prepare: async (stage) => {
      await newPods(stage)
      await stage.makes(4)
      await stage.age(2 * minute)
    },
    whileWatched: (theatre) => theatre.types('sam', 'diagnose webhook'),
    acts: ['deploy', 'verify'],
    monitor: { says: ['Undelivered events: 0', 'Error lines: 0'], never: ['rolled back'] },
    diagnose: notAsked,
    events: { made: 4, missing: 0 },
  },
]
