import { describe, expect, it } from 'vitest'
import type { DatabaseIdentity } from '../../src/adapters/postgres/port.ts'
import { StripeTrouble } from '../../src/adapters/stripe/errors.ts'
import { identityDrift } from '../../src/model/identities.ts'
import { readIdentities } from '../../src/runbook/confirm/identities.ts'
import { phaseContext, production, service } from './phase-context.ts'

interface Facts {
  readonly systemIdentifier?: string | undefined
  readonly uid?: string | undefined
  readonly account?: string | Error
}

function read(facts: Facts = {}, deployed: { uid: string } | 'gone' = { uid: 'd-1' }) {
  const told = { systemIdentifier: '71', uid: 'k-1', account: 'acct_1', ...facts }
  const database: DatabaseIdentity = {
    systemIdentifier: told.systemIdentifier,
    database: 'valuecanvas',
    oid: '5',
    address: 'db:5432',
  }
  const context = phaseContext({
    world: {
      database: { identity: async () => database },
      cluster: { identity: async () => ({ uid: told.uid, server: 'https://10.0.0.1' }) },
      stripe: {
        keyMode: 'live',
        account: async () => {
          if (typeof told.account === 'string') return { id: told.account, livemode: undefined }
          throw told.account
        },
      },
    },
  })
  return readIdentities(context, deployed === 'gone' ? undefined : deployed)
}
const trouble = (code: 'stripe_permission_missing' | 'stripe_key_rejected', transient = false) =>
  new StripeTrouble(code, 'reading the Stripe account', { transient })

describe('what the environment of Purser leads to', () => {
  it('is told by what no other one has', async () => {
    expect(await read()).toEqual({
      identities: {
        database: { id: 'system identifier 71, database valuecanvas with oid 5', address: 'db:5432/valuecanvas' },
        cluster: { id: 'uid k-1 of kube-system', address: 'https://10.0.0.1' },
        deployment: { id: 'uid d-1', address: `${production.namespace}/${service.deployment}` },
        stripe: { id: 'acct_1 in live mode', address: 'live mode' },
      },
      risks: [],
    })
  })

  it.each<[string, Facts, RegExp]>([
    [
      'database',
      { systemIdentifier: undefined },
      /which database server .* pg_control_system\(\)\. .* only db:5432\/valuecanvas can/,
    ],
    [
      'cluster',
      { uid: undefined },
      /which cluster .* kube-system\. .* only https:\/\/10\.0\.0\.1 and the Deployment's uid can/,
    ],
    [
      'stripe',
      { account: trouble('stripe_permission_missing') },
      /which Stripe account .* Accounts: Read\. .* only its mode/,
    ],
  ])('the %s that does not tell is said, once', async (thing, facts, said) => {
    const { identities, risks } = await read(facts)
    expect(identities).toHaveProperty(thing)
    expect(identities).not.toHaveProperty([thing, 'id'])
    expect(risks).toEqual([expect.stringMatching(said)])
  })

  it('takes no other error for a missing right', async () => {
    await expect(read({ account: trouble('stripe_key_rejected') })).rejects.toThrow('reading the Stripe account')
    await expect(read({ account: new TypeError('a bug') })).rejects.toThrow('a bug')
  })

  it('is another one once the Deployment is gone', async () => {
    const [before, after] = [await read(), await read({}, 'gone')]
    expect(identityDrift(before.identities, after.identities)).toMatchObject([
      { now: expect.stringContaining('which Deployment it is can no longer be read') as string, planned: 'uid d-1' },
    ])
  })
})
