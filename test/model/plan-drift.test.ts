import { describe, expect, it } from 'vitest'
import type { Identities } from '../../src/model/identities.ts'
import type { DeployPlan, SeenEndpoint } from '../../src/model/deploy-plan.ts'
import { type Effect, type EffectKind, storedEffect } from '../../src/model/effects/effects.ts'
import { differenceWords } from '../../src/model/plan-difference.ts'
import { planDrift } from '../../src/model/plan-drift.ts'
import { plan as example } from '../messages/example-runs.ts'

const stands: SeenEndpoint = { id: 'we_1', status: 'enabled', events: ['invoice.paid', 'charge.failed'] }
const stripe: DeployPlan['stripe'] = {
  ...example.stripe,
  action: 'keep',
  endpoint: 'we_1',
  events: ['invoice.paid', 'charge.failed'],
  secret: 'present',
  stands,
  fingerprint: 'aaaa',
  apiVersion: { stands: '2024-06-20', wanted: '2024-06-20' },
}
const identities: Identities = {
  database: { id: 'system identifier 71, database valuecanvas with oid 5', address: 'db:5432/valuecanvas' },
  cluster: { address: 'https://10.0.0.1' },
  deployment: { id: 'uid 1', address: 'production/valuecanvas-api' },
  stripe: { id: 'acct_1 in live mode', address: 'live mode' },
}
const approved: DeployPlan = {
  ...example,
  stripe,
  current: { ...example.current, settings: { 'spec.strategy.type': '"RollingUpdate"' } },
  configuration: { 'service.e2e.run': '["npm","run","e2e"]', 'service.monitor.minutes': '30' },
  identities,
  effects: [],
}
/** The approved plan, made where Purser's environment leads elsewhere. */
const leading = (elsewhere: Partial<Identities>): DeployPlan => ({
  ...approved,
  identities: { ...identities, ...elsewhere },
})
/** What is planned of an endpoint that is not there any more. */
function creating({ stands: _, ...rest }: DeployPlan['stripe']): DeployPlan['stripe'] {
  return { ...rest, action: 'create' }
}
const { fingerprint: _, ...withoutSecret } = stripe
const created: DeployPlan = {
  ...approved,
  stripe: { ...creating(withoutSecret), endpoint: undefined, secret: 'missing' },
}

let ids = 0
function own(
  kind: EffectKind,
  target: string,
  records: { before: unknown; after?: unknown },
  status: Effect['status'] = 'applied',
): Effect {
  ids += 1
  return storedEffect({
    id: ids,
    run: 42,
    phase: 'x',
    kind,
    target,
    status,
    at: new Date(),
    after: undefined,
    ...records,
  })
}
const endpointMade = (more: object = {}) =>
  own('stripe-endpoint', 'https://api/webhooks', {
    before: { id: null, enabledEvents: [], status: 'disabled' },
    after: { id: 'we_2', status: 'disabled', enabledEvents: ['invoice.paid'], ...more },
  })
const secretWritten = own('secret-key', 'stripe/webhook-secret', {
  before: { secretExists: false, keyExists: false, fingerprint: null, keptUnder: null },
  after: { fingerprint: 'bbbb' },
})
const made: DeployPlan['stripe'] = {
  ...stripe,
  action: 'enable',
  stands: { id: 'we_2', status: 'disabled', events: ['invoice.paid'] },
  fingerprint: 'bbbb',
}
const [first] = example.migrations
if (first === undefined) throw new Error('the example has migrations')
const applied = own('migration', first.file, {
  before: { applied: false },
  after: { outcome: 'applied', milliseconds: 1 },
})
const cronJobApplied = (status: Effect['status'] = 'applied') =>
  own('cronjob', 'webhook-retry', { before: { manifest: null }, after: { outcome: 'created' } }, status)
const webhookRetry = example.cronJobs[0] as DeployPlan['cronJobs'][number]

const drift = (now: DeployPlan, effects: readonly Effect[] = [], of = approved) =>
  planDrift(of, now, effects).map(differenceWords)

describe('before the first change', () => {
  it('the same plan is the same', () => {
    expect(drift(structuredClone(approved))).toEqual([])
  })

  it.each<[string, DeployPlan, string]>([
    [
      'the tag',
      { ...approved, commit: { ...approved.commit, sha: 'f'.repeat(40) } },
      'tag v1.2.0 moved to fffffff (planned: d4e5f6a)',
    ],
    [
      'a command of purser.yaml',
      { ...approved, configuration: { ...approved.configuration, 'service.e2e.run': '["true"]' } },
      'service.e2e.run in purser.yaml is ["true"] (planned: ["npm","run","e2e"])',
    ],
    [
      'a setting that is new',
      { ...approved, configuration: { ...approved.configuration, 'service.e2e.env.DEBUG': '"1"' } },
      'service.e2e.env.DEBUG in purser.yaml is "1" (planned: not set)',
    ],
    [
      'a setting that went',
      { ...approved, configuration: { 'service.e2e.run': '["npm","run","e2e"]' } },
      'service.monitor.minutes in purser.yaml is gone (planned: 30)',
    ],
    [
      'the strategy of the Deployment',
      { ...approved, current: { ...approved.current, settings: { 'spec.strategy.type': '"Recreate"' } } },
      'spec.strategy.type of the Deployment is "Recreate" (planned: "RollingUpdate")',
    ],
    [
      'the database server',
      leading({ database: { ...identities.database, id: 'system identifier 72, database valuecanvas with oid 5' } }),
      'the database has changed (system identifier 72, database valuecanvas with oid 5) (planned: system identifier 71, database valuecanvas with oid 5)',
    ],
    [
      'the database that has the name, as after a restore',
      leading({ database: { ...identities.database, id: 'system identifier 71, database valuecanvas with oid 6' } }),
      'the database has changed (system identifier 71, database valuecanvas with oid 6) (planned: system identifier 71, database valuecanvas with oid 5)',
    ],
    [
      'a database that does not tell any more which one it is',
      leading({ database: { address: 'db:5432/valuecanvas' } }),
      'which database it is can no longer be read (db:5432/valuecanvas) (planned: system identifier 71, database valuecanvas with oid 5)',
    ],
    [
      'the API server, where the cluster does not tell which one it is',
      leading({ cluster: { address: 'https://10.0.0.2' } }),
      'the cluster has changed (https://10.0.0.2) (planned: https://10.0.0.1)',
    ],
    [
      'the same API server’s Deployment, made anew',
      leading({ deployment: { ...identities.deployment, id: 'uid 2' } }),
      'the Deployment has changed (uid 2) (planned: uid 1)',
    ],
    [
      'the Stripe account',
      leading({ stripe: { id: 'acct_2 in live mode', address: 'live mode' } }),
      'the Stripe account has changed (acct_2 in live mode) (planned: acct_1 in live mode)',
    ],
    [
      'the mode of the Stripe account',
      leading({ stripe: { id: 'acct_1 in test mode', address: 'test mode' } }),
      'the Stripe account has changed (acct_1 in test mode) (planned: acct_1 in live mode)',
    ],
    [
      'what the dry run changes',
      { ...approved, cluster: [...approved.cluster, 'spec.template.spec.priority: added 1'] },
      'the dry run of the Deployment would change spec.template.spec.priority: added 1 (planned: not so)',
    ],
    [
      'a migration that somebody has applied',
      { ...approved, migrations: approved.migrations.slice(1) },
      `${first.file} is applied already (planned: apply it)`,
    ],
    [
      'a migration with another content',
      { ...approved, migrations: [{ ...first, sha256: 'e'.repeat(64) }, ...approved.migrations.slice(1)] },
      `${first.file} has changed (planned: aaaaaaaaaaaa)`,
    ],
    [
      'a migration more',
      { ...approved, migrations: [...approved.migrations, { ...first, file: '2027_more.sql' }] },
      '2027_more.sql is pending too (planned: nothing of it)',
    ],
    [
      'an endpoint that was deleted',
      { ...approved, stripe: creating(stripe) },
      'Stripe endpoint we_1 was deleted, or has a different URL (planned: keep)',
    ],
    [
      'an endpoint that was disabled',
      { ...approved, stripe: { ...stripe, action: 'enable', stands: { ...stands, status: 'disabled' } } },
      'Stripe endpoint we_1 was disabled (planned: enabled)',
    ],
    [
      'fewer events',
      { ...approved, stripe: { ...stripe, action: 'update', stands: { ...stands, events: ['invoice.paid'] } } },
      'Stripe endpoint we_1 has no longer charge.failed (planned: so)',
    ],
    [
      'another value in the Secret',
      { ...approved, stripe: { ...stripe, fingerprint: 'cccc' } },
      'the Secret holds a different value (fingerprint cccc) (planned: aaaa)',
    ],
    [
      'who holds the Secret',
      { ...approved, stripe: { ...stripe, takeOver: ['kubectl-edit'] } },
      'the Secret is held by kubectl-edit (planned: not so)',
    ],
    [
      'a CronJob',
      { ...approved, cronJobs: [{ ...webhookRetry, outcome: 'changed', differences: ['spec.schedule: a → b'] }] },
      'CronJob webhook-retry would be changed; spec.schedule: a → b (planned: created)',
    ],
  ])('names %s', (_, now, words) => {
    expect(drift(now)).toContain(words)
  })

  it('tells nothing of what moves all the time: sizes, sessions, the number of replicas', () => {
    expect(drift({ ...approved, risks: ['another'], current: { ...approved.current, replicas: 5 } })).toEqual([])
  })

  it('asks again for a plan of a version that did not list what it does', () => {
    const { effects: _, ...old } = approved
    expect(drift(approved, [], old)).toEqual(['the plan was made by an earlier version of Purser'])
  })

  it('and for one that did not tell what it acts upon', () => {
    const { identities: _, ...old } = approved
    expect(drift(approved, [], old)).toEqual(['the plan was made by an earlier version of Purser'])
  })

  it('takes another way to the same database, cluster or account for what it is', () => {
    const database = { ...identities.database, address: 'replica-promoted:6543/valuecanvas' }
    expect(drift(leading({ database }))).toEqual([])
  })

  it('compares the address until both plans tell an identity', () => {
    const cluster = { id: 'uid 7 of kube-system', address: 'https://10.0.0.1' }
    expect(drift(leading({ cluster }))).toEqual([])
    expect(drift(leading({ cluster: { ...cluster, address: 'https://10.0.0.2' } }))).toHaveLength(1)
  })
})

describe('once the run has changed something', () => {
  it.each<[string, DeployPlan, readonly Effect[], DeployPlan]>([
    ['a migration that it applied', { ...approved, migrations: approved.migrations.slice(1) }, [applied], approved],
    [
      'the endpoint and the Secret that it made',
      { ...created, stripe: made },
      [endpointMade(), secretWritten],
      created,
    ],
    [
      'an endpoint that it is making',
      { ...created, stripe: { ...made, stands: { id: 'we_3', status: 'enabled', events: [] } } },
      [
        own(
          'stripe-endpoint',
          'https://api/webhooks',
          { before: { id: null, enabledEvents: [], status: 'disabled' } },
          'started',
        ),
      ],
      created,
    ],
    [
      'a CronJob that it applied',
      { ...approved, cronJobs: [{ ...webhookRetry, outcome: 'unchanged' }] },
      [cronJobApplied()],
      approved,
    ],
    [
      'a CronJob that it has not resumed yet',
      { ...approved, cronJobs: [{ ...webhookRetry, outcome: 'changed', differences: ['spec.suspend: true → false'] }] },
      [cronJobApplied()],
      approved,
    ],
  ])('its own change is no difference: %s', (_, now, effects, of) => {
    expect(drift(now, effects, of)).toEqual([])
  })

  it.each<[string, DeployPlan, readonly Effect[], string, DeployPlan]>([
    [
      'the endpoint that it made was deleted',
      { ...created, stripe: creating(made) },
      [endpointMade(), secretWritten],
      'Stripe endpoint we_2 was deleted, or has a different URL (planned: create)',
      created,
    ],
    [
      'the endpoint that it enabled was disabled',
      { ...created, stripe: made },
      [endpointMade({ status: 'enabled' }), secretWritten],
      'Stripe endpoint we_2 was disabled (planned: enabled)',
      created,
    ],
    [
      'the Secret that it wrote was overwritten',
      { ...created, stripe: { ...made, fingerprint: 'cccc' } },
      [endpointMade(), secretWritten],
      'the Secret holds a different value (fingerprint cccc) (planned: bbbb)',
      created,
    ],
    [
      'the CronJob that it applied was deleted',
      { ...approved, cronJobs: [{ ...webhookRetry, outcome: 'created' }] },
      [cronJobApplied()],
      'CronJob webhook-retry was deleted (planned: as this run applied it)',
      approved,
    ],
    [
      'the CronJob that it applied was changed',
      { ...approved, cronJobs: [{ ...webhookRetry, outcome: 'changed', differences: ['spec.schedule: a → b'] }] },
      [cronJobApplied()],
      'CronJob webhook-retry was changed: spec.schedule: a → b (planned: as this run applied it)',
      approved,
    ],
  ])('names that %s', (_, now, effects, words, of) => {
    expect(drift(now, effects, of)).toContain(words)
  })
})
