import { restartPods, until } from '../../../sandbox/breakages/hands.ts'
import type { EdgeRule } from './edge.ts'
import type { Scene } from './scene.ts'
import { before, flaky, isOfPurser, oddRefusals, refusing, unchecking } from './service-rules.ts'
import { healthy, hour, minute } from './shared.ts'
import type { Stage } from './stage.ts'

const apiVersion = '2026-10-28.endive'
const handled = /^(invoice|customer\.subscription|charge)\./
/** What blames the secret or the pods. */
const blamesSecret = [
  '--rotate-secret',
  'use a different one',
  'made-up secret: they',
  'a different secret',
  'the previous signing secret',
]

const password = 'correct-horse-battery'
const authorization = `Basic ${Buffer.from(`stripe:${password}`).toString('base64')}`
const withLogin = (url: string) => url.replace('://', `://stripe:${password}@`)

/** Events arrive up to five minutes ago, and this stands before the service. */
const behind = (rule: (stage: Stage) => EdgeRule) => async (stage: Stage) => {
  await stage.makes(2)
  await stage.age(20 * minute)
  stage.edge.setRule(rule(stage))
  await stage.makes(2)
  await stage.age(5 * minute)
}

/** The same, and three events have been refused since, a while ago. */
const refusedBehind = (rule: (stage: Stage) => EdgeRule) => async (stage: Stage) => {
  await stage.makes(2)
  await stage.age(hour)
  stage.edge.setRule(rule(stage))
  await stage.makes(3)
  await stage.age(40 * minute)
}

const limited: EdgeRule = before(() => true, 429, 'Too Many Requests')

export const causes: readonly Scene[] = [
  {
    ...healthy('C1', 'The secret was rolled in the dashboard 40 minutes ago, and the former one ended at once'),
    group: 'C',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.age(hour)
      stage.stripe.rollSecret(stage.endpointId, 0)
      await stage.makes(4)
      await stage.age(40 * minute)
    },
    acts: ['verify', 'diagnose', 'deploy'],
    plan: { says: ['is replaced as asked', 'still owes 4 events'] },
    deploy: { says: ['4 of 4 events processed'], never: ['not taken'] },
    verify: { says: ['failed –', '4 undelivered in the last hour', '4 of # missing'] },
    diagnose: {
      says: [
        "4 deliveries of Stripe's failed and none arrived since",
        'Stripe signs with a different secret',
        '--rotate-secret',
      ],
      never: ['The service takes events now', 'No cause found'],
    },
    events: { made: 6, missing: 0 },
  },
  {
    ...healthy('C2', 'The secret was rolled with 24 hours of overlap, which are over since'),
    group: 'C',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => {
      await stage.makes(2)
      stage.stripe.rollSecret(stage.endpointId, 24 * hour)
      await stage.makes(3)
      await stage.age(10 * minute)
    },
    before: {
      diagnose: async (stage) => {
        await stage.age(24 * hour)
        await stage.makes(3)
        await stage.age(40 * minute)
      },
    },
    acts: ['verify', 'diagnose', 'deploy'],
    plan: { says: ['is replaced as asked', 'still owes 3 events'] },
    deploy: { says: ['3 of 3 events processed'], never: ['not taken'] },
    diagnose: {
      says: ["3 deliveries of Stripe's failed and none arrived since", '--rotate-secret'],
      never: ['The service takes events now', 'No cause found'],
    },
    events: { made: 8, missing: 0 },
  },
  {
    ...healthy('C3', 'Somebody rolled the secret and put the new one into the cluster: deliveries arrive'),
    group: 'C',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.writesSecret(stage.stripe.rollSecret(stage.endpointId, 0), { restart: false })
      await stage.age(minute)
      await restartPods(stage.world.sandbox)
      await stage.age(2 * hour)
      await stage.makes(3)
      await stage.age(5 * minute)
    },
    acts: ['verify', 'diagnose', 'deploy'],
    plan: {
      says: ['endpoint unchanged, with 38 events', "Deliveries arrive with the cluster's, so Purser notes that one"],
      never: ["doesn't hold the signing secret"],
    },
    deploy: {
      says: ['7 of 7 success criteria are met', 'none undelivered since the deploy began'],
      never: ['made with a different secret'],
    },
    verify: {
      says: ['none undelivered in the last hour', "deliveries arrive with the cluster's"],
      never: ['failed –', 'needs replace'],
    },
    diagnose: { says: ['No cause found.', 'but the endpoint was made with'] },
    events: { made: 5, missing: 0 },
  },
  {
    ...healthy('C4', 'The load balancer gives a 502 each other time'),
    group: 'C',
    prepare: behind(flaky),
    acts: ['deploy', 'verify', 'diagnose'],
    verify: { says: ['signed probe 200', 'unsigned one refused'], never: ['failed –', '502'] },
    diagnose: { says: ['No cause found.'], never: ['502'] },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C5', 'The service falls over an event of another API version, mode or form of id'),
    group: 'C',
    prepare: behind((stage) =>
      refusing(stage, 500, (event) =>
        event.api_version === apiVersion && !event.livemode && /^evt_1\w{23}$/.test(event.id)
          ? undefined
          : "Cannot read properties of undefined (reading 'parent')",
      ),
    ),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C6', 'The service refuses types that it does not know, and purser.yaml names none'),
    group: 'C',
    prepare: behind((stage) =>
      refusing(stage, 400, ({ type }) => (handled.test(type) ? undefined : `unexpected type ${type}`)),
    ),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: {
      says: ['unexpected type', 'The signature was accepted, the event refused', '`service.stripe.probe`'],
      never: blamesSecret,
    },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['The signature was accepted, the event refused'], never: blamesSecret },
    diagnose: { says: ['unexpected type', '`service.stripe.probe`'], never: blamesSecret },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C7', 'The same, where purser.yaml names a type for the test event'),
    group: 'C',
    configuration: { 'service.stripe.probe.type': 'charge.updated' },
    prepare: behind((stage) =>
      refusing(stage, 400, ({ type }) => (handled.test(type) ? undefined : `unexpected type ${type}`)),
    ),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C8', 'The service reads each event back from Stripe, and purser.yaml says so'),
    group: 'C',
    configuration: { 'service.stripe.probe.readsBack': true },
    prepare: behind((stage) =>
      refusing(stage, 500, ({ id }) =>
        stage.stripe.events().some((event) => event.id === id) ? undefined : `No such event: '${id}'`,
      ),
    ),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C9', 'Unsigned events are sent to a login, and wrongly signed ones make the service fall'),
    group: 'C',
    prepare: behind(oddRefusals),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['Succeeded in'], never: ['does not check signatures', ...blamesSecret] },
    verify: {
      says: ['unsigned one answered with 302, one signed with a made-up secret with 500'],
      never: ['failed –', 'does not check signatures', ...blamesSecret],
    },
    diagnose: { says: ['No cause found.'], never: ['anybody could send it events'] },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C10', 'The service accepts what nobody signed'),
    group: 'C',
    prepare: behind(unchecking),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['The service does not check signatures: anybody could send it events'], never: blamesSecret },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['failed –', 'the service accepted it'] },
    diagnose: { says: ['anybody could send it events', 'Fix the check of signatures'], never: blamesSecret },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C11', 'The ingress has lost the path, and everybody gets 404'),
    group: 'C',
    prepare: refusedBehind(() => before(() => true, 404, 'not found')),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['The service does not know this path'], never: blamesSecret },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['failed –', '3 of # missing'], never: blamesSecret },
    diagnose: {
      says: ['does not know the webhook path (HTTP 404)'],
      never: ['passed – Unsigned test event', ...blamesSecret],
    },
    events: { made: 5, missing: 3, told: '3 of # missing' },
  },
  {
    ...healthy('C12', 'Something before the service limits requests, and everybody gets 429'),
    group: 'C',
    prepare: refusedBehind(() => limited),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['limits requests'], never: blamesSecret },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['failed –', '3 of # missing'], never: blamesSecret },
    diagnose: {
      says: ['limits requests (HTTP 429)'],
      never: ['No cause found', 'passed – Unsigned test event', ...blamesSecret],
    },
    events: { made: 5, missing: 3, told: '3 of # missing' },
  },
  {
    ...healthy('C13', 'An allow list lets in Stripe and keeps out Purser'),
    group: 'C',
    prepare: behind(() => before(isOfPurser, 403, 'Forbidden')),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: {
      says: ['Something before the service keeps Purser out', '`probeUrl`'],
      never: ['credentials', ...blamesSecret],
    },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['`probeUrl`'], never: ['failed –', 'credentials', ...blamesSecret] },
    diagnose: { says: ['HTTP 403', '`probeUrl`'], never: blamesSecret },
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C14', 'The same, and test events go past the allow list by probeUrl'),
    group: 'C',
    configuration: (stage) => ({
      'environments.production.probeUrl': `${stage.world.sandbox.publicUrl}${new URL(stage.webhookUrl).pathname}`,
    }),
    prepare: behind(() => before(isOfPurser, 403, 'Forbidden')),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 4, missing: 0 },
  },
  {
    ...healthy('C15', 'The webhook URL has a name and a password'),
    group: 'C',
    configuration: (stage) => ({ 'environments.production.webhookUrl': withLogin(stage.webhookUrl) }),
    prepare: async (stage) => {
      await stage.changesEndpoint(stage.endpointId, { url: withLogin(stage.webhookUrl) })
      stage.edge.setRule(before(({ headers }) => headers.authorization !== authorization, 401))
      for (const type of ['invoice.paid', 'charge.succeeded']) stage.stripe.emit(type)
      await until('the deliveries', () => stage.stripe.deliveries().length === 2)
      await stage.age(5 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['endpoint unchanged, with 38 events'], never: [password] },
    deploy: { says: ['7 of 7 success criteria are met', 'none undelivered since the deploy began'], never: [password] },
    verify: { says: ['none undelivered in the last hour'], never: ['failed –', password] },
    diagnose: { says: ['No cause found.'], never: [password] },
    events: { made: 2, missing: 0 },
  },
  {
    ...healthy('C16', 'A proxy takes no bodies beyond a kilobyte, and everybody gets 413'),
    group: 'C',
    prepare: refusedBehind(() => before(({ body }) => body.length > 1_000, 413, 'Request Entity Too Large')),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['too large'], never: blamesSecret },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['failed –', '3 of # missing'], never: blamesSecret },
    diagnose: { says: ['too large (HTTP 413)'], never: ['No cause found', ...blamesSecret] },
    events: { made: 5, missing: 3, told: '3 of # missing' },
  },
  {
    ...healthy('C17', "The node's clock is eleven minutes late, and every signature looks old"),
    group: 'C',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.skewsClock(-11 * minute)
      await stage.age(hour)
      await stage.makes(3)
      await stage.age(40 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['clock', '11 min behind'], never: blamesSecret },
    monitor: { notReached: 'the deploy fails before' },
    verify: { says: ['failed –', 'clock', '3 of # missing'], never: blamesSecret },
    diagnose: { says: ["The service's clock is 11 min behind Stripe's"], never: blamesSecret },
    events: { made: 5, missing: 3, told: '3 of # missing' },
  },
]
