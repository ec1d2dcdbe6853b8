import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gracePeriodDays, retryDelayMinutes, webhookSecrets } from '../billing.mjs'

test('a failed payment leaves a week', () => {
  assert.equal(gracePeriodDays, 7)
})

test('retries back off, at most an hour', () => {
  assert.deepEqual([1, 2, 3, 10].map(retryDelayMinutes), [1, 2, 4, 60])
})

test('two webhook secrets may overlap, none is an empty list', () => {
  assert.deepEqual(webhookSecrets('whsec_old, whsec_new'), ['whsec_old', 'whsec_new'])
  assert.deepEqual(webhookSecrets(undefined), [])
})
