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
  } as const
  const lines = planChapters({ ...plan, stripe }).find(({ title }) => title === 'Stripe')?.lines ?? []
  for (const what of [
    'an earlier rotation ends: the service is told the new signing secret only',
    'endpoint we_old is disabled once the new one serves',
    'stripe-credentials/webhook-secret.before-run-3 is deleted: nothing needs it any more',
    'we_older is deleted: nothing needs it any more',
    'Deployment billing-worker is restarted, because it reads the Secret at its start',
  ])
    expect(lines).toContain(what)
})
