import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { signatureProblem } from '../signature.mjs'

const body = Buffer.from('{"id":"evt_1"}')
const now = 1_767_225_600
const sign = (secret, time = now) => createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')

test('a good signature passes, with either of two secrets', () => {
  assert.equal(signatureProblem(`t=${now},v1=${sign('whsec_b')}`, body, ['whsec_a', 'whsec_b'], now), undefined)
})

test('an unsigned, forged, malformed or old request does not', () => {
  assert.match(signatureProblem(undefined, body, ['whsec_a'], now), /no Stripe-Signature/)
  assert.match(signatureProblem(`t=${now},v1=${sign('whsec_x')}`, body, ['whsec_a'], now), /no signature matches/)
  assert.match(signatureProblem('v1', body, ['whsec_a'], now), /malformed/)
  assert.match(signatureProblem(`t=${now},v1=${sign('whsec_a')}`, body, ['whsec_a'], now + 301), /tolerance/)
})
