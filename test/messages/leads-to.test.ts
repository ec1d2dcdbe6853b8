import { describe, expect, it } from 'vitest'
import { leadsToChapters } from '../../src/messages/plan/plan-text.ts'
import { restoreChapters } from '../../src/messages/plan/restore.ts'
import { plan, restorePlan } from './example-runs.ts'

describe('where a plan goes', () => {
  it('is told by identity and address, and by the address alone where the identity is not known', () => {
    const identities = { ...plan.identities!, cluster: { address: 'https://10.96.0.1' } }
    expect(leadsToChapters(identities)).toEqual([
      {
        title: 'Where it goes',
        lines: [
          'database: system identifier 7451234567890123456, database valuecanvas with oid 16403, db.internal:5432/valuecanvas',
          'cluster: https://10.96.0.1',
          'Deployment: uid 8d5f1c60-0c0e-4a86-8f6a-55a1c1b1b2a7, production/valuecanvas-api',
          'Stripe account: acct_1PurserExample00 in live mode',
        ],
      },
    ])
  })

  it('is told in the plan of a restore too, and not at all in plans of earlier versions', () => {
    expect(restoreChapters(restorePlan).map(({ title }) => title)).toContain('Where it goes')
    expect(leadsToChapters(undefined)).toEqual([])
  })
})
