import { describe, expect, it } from 'vitest'
import { type ProbeVerdict, probeVerdict, refusesSignature } from '../../src/runbook/stripe/probe/probe-verdict.ts'

const answer = (status: number, body = '') => ({ status, body })
const noMatch = 'no signature matches the payload'

describe('what the answers to test events mean', () => {
  it.each<[string, ProbeVerdict, Partial<Parameters<typeof probeVerdict>[0]>]>([
    ['taken, and others refused', 'accepted', {}],
    ['taken, others not asked', 'accepted', { madeUp: undefined, unsigned: undefined }],
    ['taken, the unsigned one makes the service fail', 'accepted', { unsigned: answer(500) }],
    ['taken, the unsigned one is sent elsewhere', 'accepted', { unsigned: answer(302) }],
    ['taken, and the unsigned one too', 'unchecked', { unsigned: answer(200) }],
    ['taken, and one signed with any secret too', 'unchecked', { madeUp: answer(202) }],
    ['refused as the made-up one is', 'secret', { signed: answer(400, noMatch) }],
    ['refused without words, as the made-up one is', 'secret', { signed: answer(400), madeUp: answer(400) }],
    [
      'refused with another id of the request only',
      'secret',
      { signed: answer(400, 'bad 17'), madeUp: answer(400, 'bad 18') },
    ],
    ['refused in other words', 'content', { signed: answer(400, 'unexpected api_version 2020-08-27') }],
    ['refused with another status', 'content', { signed: answer(422) }],
    ['fails on the content', 'content', { signed: answer(500, 'TypeError') }],
    ['not found at Stripe, by a service that reads back', 'accepted', { signed: answer(404), readsBack: true }],
    [
      'refused as the made-up one is, by one that reads back',
      'secret',
      { signed: answer(400, noMatch), readsBack: true },
    ],
    ['sent elsewhere', 'redirect', { signed: answer(301), madeUp: answer(301) }],
    ['kept out', 'kept_out', { signed: answer(403), madeUp: answer(403), unsigned: answer(403) }],
    ['asked for a login', 'kept_out', { signed: answer(401), madeUp: answer(401) }],
    ['an unknown path', 'path', { signed: answer(404), madeUp: answer(404) }],
    ['too large', 'too_large', { signed: answer(413), madeUp: answer(413), unsigned: answer(413) }],
    ['too many requests', 'limited', { signed: answer(429), madeUp: answer(429) }],
    ...[406, 408, 411, 415, 421, 426, 431].map((status): [string, ProbeVerdict, object] => [
      `refused by a status that is not about signatures: ${status}`,
      'other_reason',
      { signed: answer(status), madeUp: answer(status) },
    ]),
    ['every answer an error', 'failing', { signed: answer(503), madeUp: answer(503), unsigned: answer(503) }],
  ])('%s: %s', (_, verdict, answers) => {
    const usual = { signed: answer(200), madeUp: answer(400, noMatch), unsigned: answer(400, 'no signature') }
    expect(probeVerdict({ ...usual, readsBack: false, ...answers })).toBe(verdict)
  })
})

it.each([
  [400, true],
  [401, true],
  [403, true],
  [422, true],
  [404, false],
  [413, false],
  [408, false],
  [415, false],
  [421, false],
  [429, false],
  [302, false],
  [500, false],
])('an answer %i to what must be refused is a refusal of the signature: %s', (status, refuses) => {
  expect(refusesSignature({ status })).toBe(refuses)
})
