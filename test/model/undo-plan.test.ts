import { describe, expect, it } from 'vitest'
import { type Effect, type EffectKind, storedEffect } from '../../src/model/effects/effects.ts'
import type { Json } from '../../src/model/json.ts'
import { hashOfPlan } from '../../src/model/deploy-plan.ts'
import { planUndo } from '../../src/model/undo-plan.ts'

type Facts = Pick<Effect, 'phase' | 'status'>

function effect(id: number, kind: EffectKind, target: string, before: Json, more: Partial<Facts> = {}): Effect {
  const phase = kind === 'migration' ? 'migrate' : 'rollout'
  const facts = { id, run: 42, phase, kind, target, status: 'applied', at: new Date(0), ...more } as const
  return storedEffect({ ...facts, before, after: undefined })
}

const url = 'https://api.valuecanvas.com/api/billing/webhooks/stripe'
const image = { image: 'valuecanvas/api:v1.1.0', replicaSet: null, templateHash: 'a', version: 'v1.1.0' }
const created = { id: null, enabledEvents: [], status: 'disabled' }
const former = { id: 'we_1', enabledEvents: ['invoice.paid', 'charge.failed'], status: 'enabled' }
const manifest = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'webhook-retry' } }
const secret = { fingerprint: null, keptUnder: null }

/** What a first deploy leaves behind, in the order in which it happened. */
const firstDeploy = [
  effect(1, 'migration', '20260101091000_billing_audit_log.sql', { applied: false }),
  effect(2, 'migration', '20260101092000_grace_periods.sql', { applied: false }),
  effect(3, 'stripe-endpoint', url, created),
  effect(4, 'secret-key', 'stripe-credentials/webhook-secret', {
    secretExists: false,
    keyExists: false,
    fingerprint: null,
    keptUnder: null,
  }),
  effect(5, 'image', 'valuecanvas-api', image),
  effect(6, 'stripe-endpoint', url, { id: 'we_9', enabledEvents: ['*'], status: 'disabled' }, { phase: 'stripe' }),
  effect(7, 'cronjob', 'webhook-retry', { manifest: null }, { phase: 'cronjobs' }),
]

const linesOf = (effects: readonly Effect[], strict = false) =>
  planUndo(42, effects, { strict }).steps.map((it) => it.line)

describe('what a rollback will undo', () => {
  it("of a first deploy is the runbook's own procedure, newest change first, each target once", () => {
    expect(linesOf(firstDeploy)).toEqual([
      'CronJob webhook-retry: delete',
      `Stripe endpoint ${url}: disable`,
      'Deployment valuecanvas-api: back to v1.1.0',
      'Secret stripe-credentials/webhook-secret: delete',
    ])
  })

  it('goes back to what stood there before the run, not between two of its phases', () => {
    const endpoint = planUndo(42, firstDeploy, { strict: false }).steps.find((it) => it.kind === 'stripe-endpoint')
    expect(endpoint).toMatchObject({ effect: 3, covers: [6, 3] })
  })

  it('does not depend on the order in which the records are read', () => {
    const shuffled = [...firstDeploy].reverse()
    expect(hashOfPlan(planUndo(42, shuffled, { strict: false }))).toBe(
      hashOfPlan(planUndo(42, firstDeploy, { strict: false })),
    )
  })

  it('counts changes that may or may not have happened, and leaves out those that were undone', () => {
    const effects = [
      effect(1, 'image', 'valuecanvas-api', image, { status: 'undone' }),
      effect(2, 'cronjob', 'webhook-retry', { manifest }, { status: 'started' }),
    ]
    expect(linesOf(effects)).toEqual(['CronJob webhook-retry: restore the previous manifest'])
  })

  it.each([
    [
      'an image by tag',
      effect(1, 'image', 'api', { ...image, version: null }),
      'Deployment api: back to valuecanvas/api:v1.1.0',
    ],
    [
      'an endpoint that was there',
      effect(1, 'stripe-endpoint', url, former),
      `Stripe endpoint ${url}: back to enabled with 2 events`,
    ],
    [
      'a CronJob that was there',
      effect(1, 'cronjob', 'retry', { manifest }),
      'CronJob retry: restore the previous manifest',
    ],
    [
      'a key that held a value',
      effect(1, 'secret-key', 's/k', { ...secret, secretExists: true, keyExists: true }),
      'Secret s/k: restore the previous value',
    ],
    [
      'a key of a Secret with others',
      effect(1, 'secret-key', 's/k', { ...secret, secretExists: true, keyExists: false }),
      'Secret s/k: remove the key',
    ],
  ])('names %s as what it will be again', (_, record, line) => {
    expect(linesOf([record])).toEqual([line])
  })

  it('keeps to the letter of the runbook when it is told to be strict', () => {
    const later = [
      effect(1, 'image', 'valuecanvas-api', image),
      effect(2, 'stripe-endpoint', url, former),
      effect(3, 'cronjob', 'webhook-retry', { manifest }),
    ]
    expect(linesOf(later, true)).toEqual([
      'CronJob webhook-retry: delete',
      `Stripe endpoint ${url}: disable`,
      'Deployment valuecanvas-api: back to v1.1.0',
    ])
    expect(hashOfPlan(planUndo(42, later, { strict: true }))).not.toBe(
      hashOfPlan(planUndo(42, later, { strict: false })),
    )
  })

  const stood = { ...secret, secretExists: true, keyExists: true }

  it('puts back what pods read before the pods, and what only the new pods believe after them', () => {
    const rotation = [
      effect(1, 'stripe-endpoint', url, { ...created, bridges: true }),
      effect(2, 'secret-key', 's/k', stood),
      effect(3, 'image', 'api', image),
      effect(4, 'restart', 'worker', { secret: 's' }),
      effect(5, 'stripe-endpoint', 'we_1', former),
    ]
    expect(linesOf(rotation)).toEqual([
      'Stripe endpoint we_1: back to enabled with 2 events',
      'Secret s/k: restore the previous value',
      'Deployment api: back to v1.1.0',
      'Deployment worker: restart, so that it reads the Secret again',
      `Stripe endpoint ${url}: disable`,
    ])
  })

  it('leaves a secret of no endpoint where it is, which is said once, unless it is told to be strict', () => {
    const lost = [
      effect(1, 'stripe-endpoint', 'we_1', { ...former, unusable: true }),
      effect(2, 'secret-key', 's/k', { ...stood, unusable: true }),
    ]
    expect(planUndo(42, lost, { strict: false })).toMatchObject({
      steps: [],
      stays: ['The signing secret stays: the one before belonged to no endpoint.'],
    })
    expect(planUndo(42, lost, { strict: true })).toMatchObject({ steps: [{ effect: 2 }, { effect: 1 }], stays: [] })
  })

  it('says plainly that the schema stays', () => {
    expect(planUndo(42, firstDeploy, { strict: false }).stays).toEqual([
      expect.stringContaining(
        'The schema is not rolled back: 20260101091000_billing_audit_log.sql, 20260101092000_grace_periods.sql stay applied.',
      ),
    ])
    expect(planUndo(42, firstDeploy.slice(0, 1), { strict: false })).toMatchObject({
      steps: [],
      stays: [expect.stringContaining('billing_audit_log.sql stays applied.')],
    })
    expect(planUndo(42, [], { strict: false })).toEqual({ kind: 'undo', run: 42, steps: [], stays: [] })
  })
})
