import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apply, isBillingEvent, noteFailure, PermanentFailure } from '../events.mjs'

function recordingClient() {
  const statements = []
  return {
    statements,
    query: async (sql, values) => (statements.push([sql.trim().split(/\s+/, 3).join(' '), values]), { rowCount: 1 }),
  }
}

test('only billing events are ours', () => {
  assert.ok(
    isBillingEvent('invoice.paid') &&
      isBillingEvent('customer.subscription.updated') &&
      isBillingEvent('charge.failed'),
  )
  assert.ok(!isBillingEvent('payout.paid') && !isBillingEvent('customer.created'))
})

test('a failed payment starts a grace period of a week', async () => {
  const client = recordingClient()
  await apply(client, {
    id: 'evt_1',
    type: 'invoice.payment_failed',
    data: { object: { id: 'in_1', customer: 'cus_1' } },
  })
  assert.deepEqual(client.statements[0], ['insert into grace_periods', ['cus_1', 'in_1', 7]])
  assert.equal(client.statements[1][0], 'insert into billing_audit_log')
})

test('an event that cannot be mended goes to the dead letter queue at once', async () => {
  const client = recordingClient()
  const event = { id: 'evt_2', type: 'invoice.paid', data: {} }
  await assert.rejects(apply(client, event), PermanentFailure)
  assert.equal(await noteFailure(client, event, 1, new PermanentFailure('no object')), 'dead')
  assert.equal(await noteFailure(client, event, 1, new Error('deadlock')), 'waiting')
  assert.equal(await noteFailure(client, event, 5, new Error('deadlock')), 'dead')
})
