import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProbeAnswer, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { cronJobCauses, cronJobFindings } from '../../src/runbook/diagnose/cronjob.ts'
import { type CronJobFacts, scheduleOf } from '../../src/runbook/diagnose/cronjob-facts.ts'
import { gracePeriodCauses } from '../../src/runbook/diagnose/grace-period.ts'
import type { GracePeriodFacts } from '../../src/runbook/diagnose/grace-period-facts.ts'
import type { Seen } from '../../src/runbook/diagnose/seen.ts'
import { webhookCauses } from '../../src/runbook/diagnose/webhook-causes.ts'
import { webhookFindings } from '../../src/runbook/diagnose/webhook.ts'
import { type Probe, type WebhookFacts, withoutValues } from '../../src/runbook/diagnose/webhook-facts.ts'
import type { CronJobExamination } from '../../src/adapters/kubernetes/cron-jobs/port.ts'
import type { SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'

const seen = <T>(value: T): Seen<T> => ({ ok: true, value, milliseconds: 3 })
const unseen = { ok: false, why: 'no answer within 15 s', milliseconds: 15_000 } as const
const codes = (causes: readonly { readonly code: string }[]) => causes.map(({ code }) => code)

const url = 'https://api.example.com/webhooks/stripe'
const endpoint: WebhookEndpoint = {
  id: 'we_1',
  url,
  enabledEvents: ['invoice.paid', 'charge.failed'],
  status: 'enabled',
  apiVersion: '2026-10-28.endive',
  livemode: true,
  metadata: { purser_secret: 'aaaa' },
  description: null,
  created: new Date('2026-01-01T00:00:00Z'),
}
const answered = (status: number, more: Partial<ProbeAnswer> = {}): Probe => ({
  kind: 'answer',
  answer: { status, milliseconds: 20, body: '', clockAheadMs: 0, ...more },
})
const pod = {
  name: 'api-1',
  ready: true,
  startedAt: '2026-01-05T10:00:00Z',
  restarts: 0,
  waiting: undefined,
  annotations: {},
}
const secretState: SecretKeyState = {
  fingerprints: ['aaaa'],
  strays: [],
  keys: ['webhook-secret'],
  managers: [],
  claims: [],
  secretExists: true,
  keyExists: true,
  fingerprint: 'aaaa',
  immutable: false,
  changedAt: '2026-01-05T09:00:00Z',
}

const webhook: WebhookFacts = {
  account: seen(undefined),
  pinned: 'acct_1',
  url,
  lookedAt: '2026-01-05T12:00:00Z',
  wanted: endpoint.enabledEvents,
  apiVersion: '2026-10-28.endive',
  endpoint: seen(endpoint),
  undelivered: seen({
    count: 0,
    oldestSeconds: 0,
    newestAt: undefined,
    line: 'none undelivered',
    unclear: 0,
    complete: true,
  }),
  missed: seen({
    stale: 0,
    doubtful: false,
    count: 0,
    since: '2026-01-04T10:00:00Z',
    line: '0 events since then',
    complete: true,
  }),
  secret: seen(secretState),
  signed: seen(answered(200)),
  madeUp: seen(answered(400)),
  unsigned: seen(answered(400)),
  readsBack: false,
  stripeClock: seen(0),
  clusterClock: seen(0),
  pods: seen([pod]),
  log: seen({ matching: 4, troubled: 0, last: [] }),
  events: seen({ received: 12, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: 4 }),
  dead: seen({ total: 0, lastHour: 0, kinds: [] }),
}

const refused: WebhookFacts['undelivered'] = seen({
  count: 4,
  oldestSeconds: 1_800,
  newestAt: '2026-01-05T11:00:00Z',
  line: '4 undelivered',
  unclear: 0,
  complete: true,
})
const withIds = (body: string): Partial<WebhookFacts> => ({
  signed: seen(answered(400, { body: `${body} (request 1f0c9a3e-1111)` })),
  madeUp: seen(answered(400, { body: `${body} (request 9ab3cd44-2222)` })),
})

const nothingAnswers = (reason: 'name' | 'refused' | 'tls' | 'timeout'): Partial<WebhookFacts> => {
  const none: Probe = { kind: 'none', reason, text: reason }
  return { signed: seen(none), madeUp: seen(none), unsigned: seen(none) }
}

describe('why webhooks do not come', () => {
  it.each<[string, Partial<WebhookFacts>, readonly string[]]>([
    ['nothing is wrong', {}, []],
    [
      'nothing could be seen',
      Object.fromEntries(
        Object.entries(webhook).map(([key, it]) => [key, typeof it === 'object' && 'ok' in it ? unseen : it]),
      ),
      [],
    ],
    ['no endpoint', { endpoint: seen(undefined) }, ['endpoint_missing']],
    [
      'a key of another account, for which Stripe was asked nothing else',
      { account: seen('acct_2'), endpoint: unseen, undelivered: unseen, missed: unseen },
      ['wrong_account'],
    ],
    [
      'no secret',
      {
        secret: seen({ ...secretState, keyExists: false, fingerprint: undefined, fingerprints: [] }),
        signed: seen(undefined),
        unsigned: seen(answered(503)),
      },
      ['secret_missing', 'service_errors'],
    ],
    ['an unknown name', nothingAnswers('name'), ['url_unreachable']],
    ['a certificate that is not good', nothingAnswers('tls'), ['url_unreachable']],
    [
      'a disabled endpoint behind an unreachable address',
      { ...nothingAnswers('refused'), endpoint: seen({ ...endpoint, status: 'disabled' }) },
      ['url_unreachable', 'endpoint_disabled'],
    ],
    ['a redirect', { signed: seen(answered(301, { location: 'https://www.example.com/' })) }, ['url_redirects']],
    [
      'a password',
      { signed: seen(answered(401)), madeUp: seen(answered(401)), undelivered: refused },
      ['url_forbidden'],
    ],
    ['another version', { signed: seen(answered(404)), madeUp: seen(answered(404)) }, ['url_not_found']],
    ['a broken service', { signed: seen(answered(502)), madeUp: seen(answered(502)) }, ['service_errors']],
    ['a late clock', { signed: seen(answered(400, { clockAheadMs: -660_000 })) }, ['clock_skew']],
    [
      'a late clock of our own',
      { signed: seen(answered(400, { clockAheadMs: 660_000 })), stripeClock: seen(660_000) },
      ['own_clock'],
    ],
    [
      'a late clock, and Stripe does not tell its own',
      { signed: seen(answered(400, { clockAheadMs: -660_000 })), stripeClock: unseen },
      ['clock_skew'],
    ],
    ['a clock within the tolerance', { signed: seen(answered(200, { clockAheadMs: -290_000 })) }, []],
    [
      'another secret than the endpoint has',
      { secret: seen({ ...secretState, fingerprints: ['bbbb'] }), undelivered: refused },
      ['secret_mismatch'],
    ],
    ['two secrets, one of them right', { secret: seen({ ...secretState, fingerprints: ['bbbb', 'aaaa'] }) }, []],
    [
      'a newline behind the right secret, at a service that compares bytes',
      {
        secret: seen({ ...secretState, strays: ['a newline is at its end'] }),
        signed: seen(answered(400)),
        pods: seen([{ ...pod, startedAt: '2026-01-05T08:00:00Z' }]),
      },
      ['secret_padded'],
    ],
    [
      'a newline behind the right secret, at a service that takes it off',
      { secret: seen({ ...secretState, strays: ['a newline is at its end'] }) },
      [],
    ],
    [
      'pods from before the secret',
      { signed: seen(answered(400)), pods: seen([{ ...pod, startedAt: '2026-01-05T08:00:00Z' }]) },
      ['pods_stale'],
    ],
    [
      'pods that were rolled out with this very secret',
      {
        pods: seen([
          { ...pod, startedAt: '2026-01-05T08:00:00Z', annotations: { 'purser/stripe-credentials': 'aaaa' } },
        ]),
      },
      [],
    ],
    ['pods with another secret', { signed: seen(answered(400)) }, ['signature_refused']],
    [
      'a service that takes the signature and refuses the API version',
      { signed: seen(answered(400, { body: 'unexpected api_version' })), undelivered: refused },
      ['content_refused'],
    ],
    [
      'a service that fails on the content',
      { signed: seen(answered(500)), madeUp: seen(answered(400)), undelivered: refused },
      ['content_refused'],
    ],
    [
      'a service that reads the event back, as purser.yaml says',
      { signed: seen(answered(404)), madeUp: seen(answered(400)), readsBack: true },
      [],
    ],
    ['the id of the request in each answer', withIds('no signature matches'), ['signature_refused']],
    ['a service that takes what nobody signed', { unsigned: seen(answered(200)) }, ['signatures_unchecked']],
    ['a service that takes any signature', { madeUp: seen(answered(204)) }, ['signatures_unchecked']],
    ['an unsigned event that makes the service fail', { unsigned: seen(answered(500)) }, []],
    [
      'too many requests of Purser, while deliveries arrive',
      { signed: seen(answered(429)), madeUp: seen(answered(429)) },
      [],
    ],
    [
      'too many requests, and deliveries are refused',
      { signed: seen(answered(429)), madeUp: seen(answered(429)), undelivered: refused },
      ['url_limited'],
    ],
    [
      'a body that is too large for a proxy',
      { signed: seen(answered(413)), madeUp: seen(answered(413)), unsigned: seen(answered(413)) },
      ['url_too_large'],
    ],
    [
      'an allow list that keeps only Purser out, while deliveries arrive',
      { signed: seen(answered(403)), madeUp: seen(answered(403)), unsigned: seen(answered(403)) },
      [],
    ],
    [
      'an allow list that keeps Stripe out as well',
      {
        signed: seen(answered(403)),
        madeUp: seen(answered(403)),
        events: seen({ received: 0, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: undefined }),
      },
      ['url_forbidden'],
    ],
    [
      'a secret that was rolled at Stripe, or what was repaired since: only Stripe may send the missed events',
      {
        undelivered: refused,
        missed: seen({
          stale: 0,
          doubtful: false,
          count: 4,
          since: '2026-01-05T10:30:00Z',
          line: '4 events',
          complete: true,
        }),
        events: seen({ received: 9, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: 4_000 }),
      },
      ['deliveries_refused'],
    ],
    [
      'deliveries that failed before the pods were up',
      {
        undelivered: refused,
        pods: seen([{ ...pod, startedAt: '2026-01-05T11:30:00Z' }]),
        events: seen({ received: 9, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: 4_000 }),
      },
      [],
    ],
    ['some deliveries that failed between others that arrived', { undelivered: refused }, []],
    [
      'another secret than the endpoint was made with, since which no delivery arrived',
      {
        secret: seen({ ...secretState, fingerprints: ['bbbb'], changedAt: '2026-01-05T11:59:57Z' }),
        pods: seen([{ ...pod, startedAt: '2026-01-05T11:59:59Z' }]),
      },
      ['secret_mismatch'],
    ],
    [
      'another secret than the endpoint was made with, while deliveries arrive',
      { secret: seen({ ...secretState, fingerprints: ['bbbb'] }) },
      [],
    ],
    ['a disabled endpoint', { endpoint: seen({ ...endpoint, status: 'disabled' }) }, ['endpoint_disabled']],
    ['an endpoint that lacks events', { wanted: ['invoice.paid', 'invoice.voided'] }, ['events_incomplete']],
    [
      'an endpoint for everything',
      { wanted: ['invoice.voided'], endpoint: seen({ ...endpoint, enabledEvents: ['*'] }) },
      [],
    ],
    [
      'missed events',
      {
        missed: seen({
          stale: 0,
          doubtful: false,
          count: 3,
          since: '2026-01-05T08:00:00Z',
          line: '3 events',
          complete: true,
        }),
      },
      ['events_missed'],
    ],
    [
      'no missed events while Stripe signs with a secret that the cluster does not hold',
      {
        secret: seen({ ...secretState, fingerprints: ['bbbb'] }),
        events: seen({ received: 0, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: undefined }),
        missed: seen({
          stale: 0,
          doubtful: false,
          count: 24,
          since: '2026-01-05T08:00:00Z',
          line: '24 events',
          complete: true,
        }),
      },
      ['secret_mismatch'],
    ],
    [
      'no missed events where all of them are outdated',
      {
        missed: seen({ stale: 3, doubtful: false, count: 0, since: '2026-01-05T08:00:00Z', line: '3', complete: true }),
      },
      [],
    ],
    [
      'dead letters',
      { dead: seen({ total: 9, lastHour: 2, kinds: ['2 × invoice.paid: no customer'] }) },
      ['dead_letters'],
    ],
    [
      'no missed events where all of them are dead letters',
      {
        missed: seen({
          stale: 0,
          doubtful: false,
          count: 2,
          since: '2026-01-05T08:00:00Z',
          line: '2 events',
          complete: true,
        }),
        dead: seen({ total: 9, lastHour: 2, kinds: ['2 × invoice.paid: no customer'] }),
      },
      ['dead_letters'],
    ],
    ['old dead letters', { dead: seen({ total: 9, lastHour: 0, kinds: [] }) }, []],
    [
      'events that nobody tries again',
      { events: seen({ received: 9, waiting: 4, oldestWaitingSeconds: 7_200, lastReceivedSeconds: 4 }) },
      ['events_not_retried'],
    ],
  ])('%s', (_, facts, expected) => {
    expect(codes(webhookCauses({ ...webhook, ...facts }))).toEqual(expected)
  })

  it('enables nothing that would be refused, and sends nothing again that would not be taken', () => {
    const disabled = {
      endpoint: seen({ ...endpoint, status: 'disabled' as const }),
      missed: seen({ stale: 0, doubtful: false, count: 3, since: '', line: '3 events', complete: true }),
    }
    const remedies = (facts: Partial<WebhookFacts>) =>
      webhookCauses({ ...webhook, ...facts }).flatMap((cause) => cause.remedies.map(({ kind }) => kind))
    expect(remedies(disabled)).toEqual(['enable_endpoint', 'resend_events'])
    expect(remedies({ ...disabled, ...nothingAnswers('refused') })).toEqual([])
    expect(remedies({ ...disabled, signed: seen(answered(400)) })).toEqual(['deploy'])
  })

  it('has Stripe alone send again what was refused, where its own signature is in question', () => {
    const missed = seen({ stale: 0, doubtful: false, count: 3, since: '', line: '3 events', complete: true })
    const events = seen({ received: 9, waiting: 0, oldestWaitingSeconds: 0, lastReceivedSeconds: 4_000 })
    const [cause] = webhookCauses({ ...webhook, undelivered: refused, missed, events })
    expect(cause?.sentence).toContain('Either it was repaired since, or Stripe signs with a different secret')
    expect(cause?.remedies).toMatchObject([{ kind: 'resend_events', byStripe: true }, { kind: 'deploy' }])
  })

  it('never names a cause whose facts are not there', () => {
    fc.assert(
      fc.property(anyWebhook, (facts) => {
        for (const { code } of webhookCauses(facts))
          expect({ code, shown: evident[code]?.(facts) }).toEqual({ code, shown: true })
        for (const look of webhookFindings(facts)) if (isUnseen(facts, look.name)) expect(look.verdict).toBe('unknown')
      }),
      { numRuns: 1_000 },
    )
  })

  it('passes no count of which there may be more', () => {
    const none = { count: 0, line: 'at least 0', complete: false }
    const facts = {
      ...webhook,
      undelivered: seen({ ...none, oldestSeconds: 0, newestAt: undefined, unclear: 0 }),
      missed: seen({ stale: 0, doubtful: false, ...none, since: '' }),
    }
    const unknown = webhookFindings(facts).filter(({ verdict }) => verdict === 'unknown')
    expect(unknown.map(({ name }) => name)).toEqual(['undelivered', 'missed'])
  })

  it.each<[string, number, number, string]>([
    ['an allow list keeps only Purser out', 403, 403, 'only Purser is kept out'],
    ['a limit meets only Purser', 429, 429, 'only Purser is kept out'],
    ['the service refuses only the test event', 400, 401, 'See `service.stripe.probe`'],
  ])('says that %s, while deliveries arrive', (_, status, other, words) => {
    const facts = { ...webhook, signed: seen(answered(status)), madeUp: seen(answered(other)) }
    const signed = webhookFindings(facts).find(({ name }) => name === 'signed')
    expect(signed).toMatchObject({ verdict: 'unknown', seen: expect.stringContaining(words) })
  })

  it.each([403, 404, 413, 429])(
    'takes no %i of what stands before the service for a refusal of a signature',
    (status) => {
      const same = seen(answered(status))
      const looks = webhookFindings({ ...webhook, signed: same, madeUp: same, unsigned: same })
      const refusals = looks.filter(({ name }) => name === 'madeUp' || name === 'unsigned')
      expect(refusals.map(({ verdict }) => verdict)).toEqual(['warn', 'warn'])
    },
  )

  it('quotes no values of rows from an error', () => {
    const error = `insert violates "u": Key (customer_id)=(cus_12345) of 'Jane' jane@example.com exists, in_1AbC`
    expect(withoutValues(error)).not.toMatch(/cus_12345|Jane|jane@|in_1AbC/)
  })
})

const status = (probe: Seen<Probe | undefined>) =>
  probe.ok && probe.value?.kind === 'answer' ? probe.value.answer.status : undefined
const accepted = (facts: WebhookFacts) => (status(facts.signed) ?? 0) >= 200 && (status(facts.signed) ?? 0) < 300
const clockOf = (probe: Seen<Probe | undefined>) =>
  probe.ok && probe.value?.kind === 'answer' ? probe.value.answer.clockAheadMs : undefined
const far = (ms: number | undefined) => Math.abs(ms ?? 0) > 300_000

/** What must have been seen before a cause may be named; said once more, in other words than the rules'. */
const evident: Readonly<Record<string, (facts: WebhookFacts) => boolean>> = {
  wrong_account: ({ account }) => account.ok && account.value !== undefined,
  endpoint_missing: ({ endpoint: it }) => it.ok && it.value === undefined,
  secret_missing: ({ secret }) => secret.ok && !secret.value.keyExists,
  url_unreachable: ({ unsigned }) => unsigned.ok && unsigned.value.kind === 'none',
  clock_skew: (facts) => {
    const service = clockOf(facts.signed) ?? clockOf(facts.unsigned)
    const stripe = facts.stripeClock.ok ? facts.stripeClock.value : undefined
    return service !== undefined && far(service - (stripe ?? 0))
  },
  own_clock: ({ stripeClock }) => stripeClock.ok && far(stripeClock.value),
  pods_stale: ({ pods, secret, signed }) =>
    pods.ok && secret.ok && signed.ok && (status(signed) ?? 0) >= 300 && secret.value.changedAt !== undefined,
  url_redirects: (facts) => answersWith(facts, (it) => it >= 300 && it < 400),
  url_forbidden: (facts) => answersWith(facts, (it) => it === 401 || it === 403),
  url_not_found: (facts) => answersWith(facts, (it) => it === 404),
  url_limited: (facts) => answersWith(facts, (it) => it === 429),
  url_too_large: (facts) => answersWith(facts, (it) => it === 413),
  service_errors: (facts) => answersWith(facts, (it) => it >= 500),
  secret_mismatch: ({ secret, endpoint: it }) =>
    secret.ok &&
    it.ok &&
    it.value !== undefined &&
    !secret.value.fingerprints.includes(it.value.metadata['purser_secret'] ?? ''),
  signature_refused: (facts) => answersWith(facts, (it) => it >= 400 && it < 500),
  content_refused: (facts) => facts.madeUp.ok && !accepted(facts) && (status(facts.signed) ?? 0) >= 400,
  signatures_unchecked: ({ madeUp, unsigned }) =>
    [status(madeUp), status(unsigned)].some((it) => it !== undefined && it >= 200 && it < 300),
  deliveries_refused: (facts) =>
    facts.undelivered.ok && facts.undelivered.value.newestAt !== undefined && facts.pods.ok && facts.events.ok,
  endpoint_disabled: ({ endpoint: it }) => it.ok && it.value?.status === 'disabled',
  events_incomplete: ({ endpoint: it, wanted }) =>
    it.ok && wanted.some((type) => it.value?.enabledEvents.includes(type) === false),
  events_missed: (facts) => facts.missed.ok && facts.missed.value.count > 0 && accepted(facts),
  dead_letters: ({ dead }) => dead.ok && dead.value.lastHour > 0,
  events_not_retried: ({ events }) =>
    events.ok && events.value.waiting > 0 && events.value.oldestWaitingSeconds > 1_800,
}

function answersWith({ signed, unsigned }: WebhookFacts, fits: (status: number) => boolean): boolean {
  return [status(signed), status(unsigned)].some((it) => it !== undefined && fits(it))
}

function isUnseen(facts: WebhookFacts, name: string): boolean {
  const fact = (facts as unknown as Readonly<Record<string, Seen<unknown> | undefined>>)[name]
  return fact !== undefined && 'ok' in fact && !fact.ok
}

const maybeSeen = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Seen<T>> =>
  fc.oneof({ weight: 4, arbitrary: value.map(seen) }, { weight: 1, arbitrary: fc.constant(unseen) })
const ms = fc.constantFrom(0, -660_000, 660_000, 299_000, -1_200)
const anyProbe: fc.Arbitrary<Probe> = fc.oneof(
  fc
    .tuple(fc.constantFrom(200, 204, 301, 400, 401, 404, 413, 429, 500, 503), fc.option(ms, { nil: undefined }))
    .map(([code, ahead]): Probe => {
      const answer = { status: code, milliseconds: 5, body: '' }
      return { kind: 'answer', answer: ahead === undefined ? answer : { ...answer, clockAheadMs: ahead } }
    }),
  fc
    .constantFrom('name', 'refused', 'cut', 'tls', 'timeout', 'other')
    .map((reason) => ({ kind: 'none', reason, text: reason }) as const),
)
const times = fc.constantFrom('2026-01-05T08:00:00Z', '2026-01-05T09:00:00Z', '2026-01-05T10:00:00Z')
const anyWebhook: fc.Arbitrary<WebhookFacts> = fc.record({
  url: fc.constant(url),
  lookedAt: fc.constant('2026-01-05T12:00:00Z'),
  wanted: fc.subarray(['invoice.paid', 'invoice.voided', 'charge.failed']),
  apiVersion: fc.constant('2026-10-28.endive'),
  account: maybeSeen(fc.constantFrom(undefined, 'acct_2')),
  pinned: fc.constant('acct_1'),
  endpoint: maybeSeen(
    fc.option(
      fc
        .record({ status: fc.constantFrom('enabled', 'disabled'), print: fc.constantFrom(undefined, 'aaaa', 'bbbb') })
        .map(({ status: is, print }) => ({
          ...endpoint,
          status: is,
          metadata: print === undefined ? {} : { purser_secret: print },
        })),
      { nil: undefined },
    ),
  ),
  undelivered: maybeSeen(
    fc.record({
      count: fc.nat(3),
      oldestSeconds: fc.nat(9_000),
      newestAt: fc.option(times, { nil: undefined }),
      line: fc.constant('some undelivered'),
      unclear: fc.nat(2),
      complete: fc.boolean(),
    }),
  ),
  missed: maybeSeen(
    fc.record({
      stale: fc.nat(2),
      doubtful: fc.boolean(),
      count: fc.nat(3),
      since: times,
      line: fc.constant('some events'),
      complete: fc.boolean(),
    }),
  ),
  secret: maybeSeen(
    fc
      .record({
        exists: fc.boolean(),
        changed: fc.option(times, { nil: undefined }),
        prints: fc.subarray(['aaaa', 'bbbb']),
      })
      .map(({ exists, changed, prints }) => ({
        ...secretState,
        secretExists: exists,
        keyExists: exists,
        fingerprint: prints[0],
        ...(changed === undefined ? {} : { changedAt: changed }),
        fingerprints: exists ? prints : [],
      })),
  ),
  signed: maybeSeen(fc.option(anyProbe, { nil: undefined })),
  madeUp: maybeSeen(anyProbe),
  unsigned: maybeSeen(anyProbe),
  refused: fc.constant([]),
  readsBack: fc.boolean(),
  stripeClock: maybeSeen(fc.option(ms, { nil: undefined })),
  clusterClock: maybeSeen(fc.option(ms, { nil: undefined })),
  pods: maybeSeen(
    fc.option(
      fc.array(
        times.map((startedAt) => ({ ...pod, startedAt })),
        { maxLength: 3 },
      ),
      { nil: undefined },
    ),
  ),
  log: maybeSeen(fc.constant({ matching: 1, troubled: 0, last: ['a line'] })),
  events: maybeSeen(
    fc.record({
      received: fc.nat(9),
      waiting: fc.nat(3),
      oldestWaitingSeconds: fc.nat(9_000),
      lastReceivedSeconds: fc.option(fc.nat(99), { nil: undefined }),
    }),
  ),
  dead: maybeSeen(fc.record({ total: fc.nat(9), lastHour: fc.nat(2), kinds: fc.constant(['1 × invoice.paid: why']) })),
})

describe('why a CronJob does not run', () => {
  const now = '2026-01-05T10:07:00.000Z'
  const found: CronJobExamination = {
    schedule: '*/5 * * * *',
    timeZone: undefined,
    suspended: false,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 120,
    createdAt: '2026-01-01T00:00:00Z',
    lastScheduleTime: '2026-01-05T10:05:00Z',
    lastSuccessfulTime: '2026-01-05T10:05:09Z',
    image: 'api@sha256:1',
    jobs: [{ name: 'retry-2', createdAt: '2026-01-05T10:05:00Z', outcome: 'complete', reason: undefined, pods: [] }],
    warnings: [],
  }
  const factsOf = (more: Partial<CronJobExamination> | undefined, log: readonly string[] = []): CronJobFacts => {
    const examined = more === undefined ? undefined : { ...found, ...more }
    return {
      name: 'retry',
      found: seen(examined),
      schedule: examined === undefined ? undefined : scheduleOf(examined.schedule, examined.timeZone, new Date(now)),
      log: seen(log),
      releaseImage: seen('api@sha256:1'),
      wantedRest: seen({ known: true, suspended: false }),
      now,
    }
  }
  const rests: CronJobFacts['wantedRest'] = seen({ known: true, suspended: true })
  const job = (
    outcome: 'running' | 'failed',
    more: { readonly waiting?: string; readonly exitCode?: number; readonly createdAt?: string },
  ) => ({
    name: 'retry-3',
    createdAt: more.createdAt ?? '2026-01-05T10:06:00Z',
    outcome,
    reason: outcome === 'failed' ? 'BackoffLimitExceeded' : undefined,
    pods: [{ name: 'retry-3-x', phase: 'Pending', waiting: more.waiting, exitCode: more.exitCode, restarts: 0 }],
  })

  it.each<[string, CronJobFacts, readonly string[]]>([
    ['nothing is wrong', factsOf({}), []],
    ['nothing could be seen', { ...factsOf({}), found: unseen }, []],
    ['it is not there', factsOf(undefined), ['cronjob_missing']],
    ['it is suspended', factsOf({ suspended: true }), ['cronjob_suspended']],
    ['it is suspended by its manifest', { ...factsOf({ suspended: true }), wantedRest: rests }, []],
    [
      'it is suspended by its manifest, and nothing was started for days',
      { ...factsOf({ suspended: true, jobs: [], lastScheduleTime: '2026-01-01T00:00:00Z' }), wantedRest: rests },
      [],
    ],
    [
      'it is suspended, and what its manifest wants cannot be told',
      { ...factsOf({ suspended: true }), wantedRest: seen({ known: false, why: 'no such commit' }) },
      ['cronjob_suspended'],
    ],
    [
      'it is suspended, and its manifest was not seen',
      { ...factsOf({ suspended: true }), wantedRest: unseen },
      ['cronjob_suspended'],
    ],
    ['a time that never comes', factsOf({ schedule: '0 4 30 2 *' }), ['schedule_never']],
    ['no schedule at all', factsOf({ schedule: 'every day' }), ['schedule_never']],
    ['an unknown time zone', factsOf({ timeZone: 'Mars/Olympus' }), ['schedule_never']],
    [
      'an image that is nowhere',
      factsOf({ jobs: [job('running', { waiting: 'ImagePullBackOff: not found' }), ...found.jobs] }),
      ['image_pull'],
    ],
    [
      'a Secret that is missing',
      factsOf({ jobs: [job('running', { waiting: 'CreateContainerConfigError: secret "x" not found' })] }),
      ['container_config'],
    ],
    [
      'a Job that fails',
      factsOf({ jobs: [job('failed', { exitCode: 1 }), ...found.jobs] }, ['Error: no database']),
      ['job_failing'],
    ],
    [
      'a Job that failed before one that did not',
      factsOf({ jobs: [...found.jobs, job('failed', { exitCode: 1, createdAt: '2026-01-05T10:00:00Z' })] }),
      [],
    ],
    [
      'a Job that never ends',
      factsOf({
        jobs: [job('running', { createdAt: '2026-01-05T09:00:00Z' })],
        lastScheduleTime: '2026-01-05T09:00:00Z',
      }),
      ['job_never_ends'],
    ],
    ['starts that were missed', factsOf({ jobs: [], lastScheduleTime: '2026-01-05T09:00:00Z' }), ['start_missed']],
    ['a start that is only just due', factsOf({ schedule: '6 * * * *', lastScheduleTime: '2026-01-05T09:06:00Z' }), []],
    [
      'a CronJob that is younger than its last time',
      factsOf({ jobs: [], createdAt: '2026-01-05T10:05:30Z', lastScheduleTime: undefined }),
      [],
    ],
  ])('%s', (_, facts, expected) => {
    expect(codes(cronJobCauses(facts))).toEqual(expected)
    expect(cronJobFindings(facts, false).every((look) => look.seen !== '')).toBe(true)
  })

  it('says whether it rests by its manifest, and says so where that is unknown', () => {
    const described = (facts: CronJobFacts) => cronJobFindings(facts, false)[0]
    expect(described({ ...factsOf({ suspended: true }), wantedRest: rests })).toMatchObject({
      verdict: 'pass',
      seen: expect.stringMatching(/^suspended by its manifest, /),
    })
    expect(described({ ...factsOf({}), wantedRest: rests })).toMatchObject({
      verdict: 'warn',
      seen: expect.stringMatching(/^active, but its manifest suspends it, /),
    })
    const next = (wantedRest: CronJobFacts['wantedRest']) =>
      cronJobCauses({ ...factsOf({ suspended: true }), wantedRest })[0]?.next
    expect(next(seen({ known: true, suspended: false }))).toContain('its manifest does not suspend it')
    expect(next(seen({ known: false, why: 'no such commit' }))).toContain('unknown (no such commit)')
  })

  it('reads a schedule as the controller does', () => {
    expect(scheduleOf('0 3 ? * *', undefined, new Date(now))).toEqual(scheduleOf('0 3 * * *', undefined, new Date(now)))
  })

  it('does not blame an interval, which the controller takes', () => {
    const facts = factsOf({ schedule: '@every 5m' })
    expect(cronJobCauses(facts)).toEqual([])
    const look = cronJobFindings(facts, false).find(({ name }) => name.includes('schedule'))
    expect(look).toMatchObject({ verdict: 'unknown' })
  })

  it('says what the failed Job said, the first error first', () => {
    const log = ['starting', 'TypeError: cannot read plan', '    at x.js:1', 'Node.js v20']
    const [cause] = cronJobCauses(factsOf({ jobs: [job('failed', { exitCode: 1 })] }, log))
    expect(cause?.sentence).toContain('exit code 1); it says: TypeError: cannot read plan')
  })
})

describe('why grace periods are not enforced', () => {
  const made = {
    version: '20260101092000',
    name: 'grace_periods.sql',
    sha256: 'a',
    appliedAt: '2026-01-05T10:00:00Z',
    appliedBy: 'purser',
  }
  const role = { name: 'app', connections: 3, bypasses: false, owns: false, mayRead: true, holds: [] }
  const security = {
    owner: 'postgres',
    enabled: true,
    forced: false,
    policies: [{ name: 'own', command: 'SELECT', roles: ['public'] }],
    roles: [role],
  }
  const healthy: GracePeriodFacts = {
    table: 'grace_periods',
    logLine: 'PlanEnforcement',
    pods: seen([{ name: 'api-1', ready: true, startedAt: '2026-01-05T10:00:00Z', loaded: 'yes' }]),
    existence: seen({ exists: true }),
    rows: seen({ total: 0, open: 0, ended: 0 }),
    security: seen(security),
    ledger: seen({ applied: 6, missing: [], made }),
  }
  const withSecurity = (more: object, who: object = {}) => ({
    security: seen({ ...security, roles: [{ ...role, ...who }], ...more }),
  })

  it.each<[string, Partial<GracePeriodFacts>, readonly string[]]>([
    ['nothing is wrong', {}, []],
    ['nothing could be seen', { pods: unseen, existence: unseen, rows: unseen, security: unseen, ledger: unseen }, []],
    ['the table is gone', { existence: seen({ exists: false }), security: seen(undefined) }, ['table_missing']],
    [
      'the middleware is missing in one pod',
      {
        pods: seen([
          { name: 'a', ready: true, startedAt: undefined, loaded: 'yes' },
          { name: 'b', ready: true, startedAt: undefined, loaded: 'no' },
        ]),
      },
      ['middleware_not_loaded'],
    ],
    [
      'the beginning of the log is gone',
      { pods: seen([{ name: 'a', ready: true, startedAt: undefined, loaded: 'unknown' }]) },
      [],
    ],
    ['no policy', withSecurity({ policies: [] }), ['rls_without_policy']],
    ['no policy, and a role that bypasses it', withSecurity({ policies: [] }, { bypasses: true }), []],
    ['no policy, and the owner', withSecurity({ policies: [] }, { owns: true }), []],
    [
      'no policy, and an owner who is held too',
      withSecurity({ policies: [], forced: true }, { owns: true }),
      ['rls_without_policy'],
    ],
    [
      'a policy for somebody else',
      withSecurity({ policies: [{ name: 'own', command: 'ALL', roles: ['auditor'] }] }),
      ['rls_without_policy'],
    ],
    [
      'a policy for a role whose rights it has',
      withSecurity({ policies: [{ name: 'own', command: 'ALL', roles: ['billing'] }] }, { holds: ['billing'] }),
      [],
    ],
    [
      'a policy for writing only',
      withSecurity({ policies: [{ name: 'own', command: 'INSERT', roles: ['public'] }] }),
      ['rls_without_policy'],
    ],
    ['no policy, but row-level security is off', withSecurity({ policies: [], enabled: false }), []],
    ['a role without the right to read', withSecurity({}, { mayRead: false }), ['no_privilege']],
  ])('%s', (_, facts, expected) => {
    expect(codes(gracePeriodCauses({ ...healthy, ...facts }))).toEqual(expected)
  })

  it('offers the deploy only where it would bring the table', () => {
    const gone = { ...healthy, existence: seen({ exists: false }), security: seen(undefined) }
    expect(gracePeriodCauses(gone)[0]?.remedies).toEqual([])
    const never = {
      ...gone,
      ledger: seen({ applied: 3, missing: ['20260101092000_grace_periods.sql'], made: undefined }),
    }
    expect(gracePeriodCauses(never)[0]?.remedies).toEqual([{ kind: 'deploy', target: '' }])
  })
})
