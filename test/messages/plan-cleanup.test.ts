import { expect, it } from 'vitest'
import { planChapters } from '../../src/messages/plan/plan-text.ts'
import { plan } from './example-runs.ts'

it('shows whoever approves what is disabled, deleted and restarted beside the endpoint', () => {
  const stripe = {
    ...plan.stripe,
    endsOverlap: true,
    retires: ['we_old'],
    removes: ['stripe-credentials/webhook-secret.before-run-3', 'we_older'],
    restarts: ['billing-worker'],
    notes: ["the account's default API version is 2016-07-06 today"],
  } as const
  const lines = planChapters({ ...plan, stripe }).find(({ title }) => title === 'Stripe')?.lines ?? []
  for (const what of [
    'an earlier rotation ends: from now on the service accepts only the new signing secret',
    'endpoint we_old is disabled once the new one works',
    'stripe-credentials/webhook-secret.before-run-3 is deleted: no longer needed',
    'we_older is deleted: no longer needed',
    'Deployment billing-worker is restarted, because it also reads this Secret',
    "the account's default API version is 2016-07-06 today",
  ])
    expect(lines).toContain(what)
})
