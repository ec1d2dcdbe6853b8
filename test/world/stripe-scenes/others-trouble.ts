import type { Scene } from './scene.ts'
import { healthy, minute } from './shared.ts'
import type { Stage } from './stage.ts'

/** Nothing listens there. */
export const deadUrl = 'http://127.0.0.1:9/hooks'

export async function besideDead(stage: Stage, events: readonly string[], count: number): Promise<string> {
  const id = stage.stripe.addEndpoint({ url: deadUrl, events, description: "another team's" })
  await stage.makes(count)
  await stage.age(10 * minute)
  return id
}

export const othersTrouble: readonly Scene[] = [
  {
    ...healthy('B1', "Another team's dead endpoint takes the same types"),
    group: 'B',
    prepare: async (stage) => void (await besideDead(stage, ['invoice.paid', 'charge.succeeded'], 10)),
    beforeApproval: async (stage) => void (await stage.makes(3)),
    acts: ['deploy', 'verify', 'diagnose'],
    events: { made: 13, missing: 0 },
  },
  {
    ...healthy('B2', 'The same, where a breach while monitoring is rolled back without asking'),
    group: 'B',
    configuration: { 'environments.production.policy.autoRollback': true, 'service.stripe.receivedEvents': undefined },
    prepare: async (stage) => void (await besideDead(stage, ['invoice.paid'], 10)),
    acts: ['deploy', 'verify', 'diagnose'],
    deploy: { says: ['Succeeded in'], never: ['Rolled back'] },
    verify: { says: ['10 undelivered here or at we_…, which cannot be told apart'], never: ['failed –'] },
    monitor: { says: ['Undelivered events: 0'] },
    diagnose: {
      says: ['10 undelivered here or at we_…, which cannot be told apart'],
      never: ['Stripe signs with a different secret'],
    },
    events: { made: 10, missing: 0 },
  },
]
