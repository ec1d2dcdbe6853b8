import { describe, expect, it } from 'vitest'
import type { CronJobState } from '../../src/adapters/kubernetes/cron-jobs/port.ts'
import type { DeploymentHistory } from '../../src/adapters/kubernetes/deployments/port.ts'
import { ClusterError } from '../../src/adapters/kubernetes/api/errors.ts'
import { fieldOwner } from '../../src/adapters/kubernetes/owners/known-managers.ts'
import type { SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import { type Effect, storedEffect } from '../../src/model/effects/effects.ts'
import { comesBackRisks, merged } from '../../src/runbook/owners/owners.ts'
import { tellPutBack } from '../../src/runbook/owners/put-back.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { asPlanned, cronJobState, deploymentState, phaseContext, secretKeyState, service } from './phase-context.ts'

const ours = { image: plan.image.reference, templateHash: 'as this run set it' }
const { name, key } = service.stripe.secret
const made = { run: 42, phase: 'rollout', status: 'applied', at: new Date('2026-01-05T10:00:00Z') } as const
const effects: readonly Effect[] = [
  storedEffect({
    ...made,
    id: 1,
    kind: 'image',
    target: service.deployment,
    before: { image: 'x', replicaSet: null, templateHash: 'before', version: null, proven: true },
    after: ours,
  }),
  storedEffect({
    ...made,
    id: 2,
    kind: 'secret-key',
    target: `${name}/${key}`,
    before: { secretExists: true, keyExists: true, fingerprint: 'old', keptUnder: null },
    after: { fingerprint: 'new' },
  }),
]
const job = {
  name: 'webhook-retry',
  manifest: 'x',
  schedule: '*/5 * * * *',
  suspended: false,
  outcome: 'created',
  differences: [],
} as const

interface Facts {
  readonly template?: string
  readonly writers?: DeploymentHistory['writers']
  readonly secret?: Partial<SecretKeyState>
  readonly cronJob?: Partial<CronJobState> | 'gone' | 'away'
  readonly rests?: boolean
}

async function told(facts: Facts, times = 1): Promise<readonly string[]> {
  const posts = new Map<string, string>()
  const now = deploymentState({ image: ours.image, templateHash: facts.template ?? ours.templateHash })
  const context = phaseContext({
    run: deploy({
      status: 'executing',
      plan: { ...plan, cronJobs: [{ ...job, suspended: facts.rests === true }] },
    }),
    tell: async (post, at = '') => void posts.set(at, post.kind === 'note' ? post.text : post.kind),
    records: { effectsOf: async () => effects },
    world: {
      ...asPlanned,
      cluster: {
        deployment: async () => now,
        history: async () => ({
          image: now.image,
          images: [],
          templateHash: now.templateHash,
          paused: false,
          revisionHistoryLimit: 10,
          changeCause: undefined,
          writers: facts.writers ?? [],
          revisions: [],
        }),
        secretKey: async () => secretKeyState({ fingerprint: 'new', ...facts.secret }),
        cronJob: async () => {
          if (facts.cronJob === 'away')
            throw new ClusterError('cluster_unreachable', 'reading cronjob webhook-retry: no answer', {
              transient: true,
            })
          return facts.cronJob === 'gone'
            ? undefined
            : cronJobState({ suspended: facts.rests === true, ...facts.cronJob })
        },
      },
    },
  })
  for (let time = 0; time < times; time += 1) await tellPutBack(context)
  return [...posts.values()]
}

describe('while a release is watched', () => {
  it.each<[string, Facts, readonly (string | RegExp)[]]>([
    ['nothing is told of what stands', {}, []],
    ['nothing is told of a CronJob that rests as it should', { rests: true }, []],
    [
      'a pod template that comes back is told, with whose it is',
      { template: 'another', writers: [{ manager: 'argocd-controller', at: '2026-01-05T10:07:00Z' }] },
      [/argocd-controller changed Deployment valuecanvas-api at 10:07 UTC after run #42/],
    ],
    [
      'a CronJob that is suspended again is told, with what such a manager does',
      {
        cronJob: {
          suspended: true,
          owners: [fieldOwner('argocd-controller', ['spec.suspend']), fieldOwner('kubectl-edit', ['spec.schedule'])],
        },
      },
      [
        'CronJob webhook-retry was suspended after this run: argocd-controller has set spec.suspend, and puts its own value back with its next sync, with self-heal within seconds.',
      ],
    ],
    [
      'a CronJob that is resumed against its manifest is told',
      { rests: true, cronJob: { suspended: false } },
      ['CronJob webhook-retry was resumed after this run.'],
    ],
    [
      'another schedule is told',
      { cronJob: { schedule: '0 0 * * *', owners: [fieldOwner('kubectl-edit', ['spec.schedule'])] } },
      [
        'CronJob webhook-retry has schedule 0 0 * * *, but this run applied */5 * * * *: kubectl-edit has set spec.schedule, and does not come back by itself.',
      ],
    ],
    [
      'a CronJob that is gone is told',
      { cronJob: 'gone' },
      ['CronJob webhook-retry was deleted after this run had applied it.'],
    ],
    [
      'another secret is told',
      { secret: { fingerprint: 'old', managers: [fieldOwner('external-secrets', [`data.${key}`])] } },
      [
        `Secret ${name}/${key} holds a different value from this run: external-secrets has set data.${key}, and writes its store's value back at its next refresh.`,
      ],
    ],
    ['a secret that is gone is told', { secret: { fingerprint: undefined } }, [`Secret ${name}/${key} is gone.`]],
    [
      'what cannot be looked at now keeps the rest from nothing',
      { cronJob: 'away', secret: { fingerprint: 'old' } },
      [/^Secret /],
    ],
  ])('%s', async (_, facts, expected) => {
    const sentences = await told(facts)
    expect(sentences).toHaveLength(expected.length)
    for (const [index, one] of expected.entries())
      expect(sentences[index]).toEqual(typeof one === 'string' ? one : expect.stringMatching(one))
  })

  it('it is told once, however often it is seen', async () => {
    expect(await told({ cronJob: { suspended: true } }, 3)).toHaveLength(1)
  })
})

describe('what a plan says of other owners', () => {
  it.each<[string, readonly string[], readonly { readonly by: string; readonly habit: string }[], readonly string[]]>([
    ['nothing, where there are none', [], [], []],
    ['nothing of people', ['kubectl-set', 'k9s'], [], []],
    [
      'what a GitOps controller does',
      ['argocd-controller'],
      [],
      [
        'argocd-controller manages spec.x of Deployment api, and puts its own value back with its next sync, with self-heal within seconds.',
      ],
    ],
    [
      'what an autoscaler does',
      ['keda-operator'],
      [],
      ['keda-operator manages spec.x of Deployment api, and keeps setting them by load.'],
    ],
    [
      'whose the object is',
      [],
      [{ by: 'Helm (billing)', habit: "puts its chart's value back with the next helm upgrade or helm rollback" }],
      [
        "Deployment api belongs to Helm (billing), which puts its chart's value back with the next helm upgrade or helm rollback.",
      ],
    ],
  ])('%s', (_, managers, claims, risks) => {
    const owners = managers.map((manager) => fieldOwner(manager, ['spec.x']))
    expect(comesBackRisks({ object: 'Deployment api', owners, claims })).toEqual(risks)
  })

  it('the owners of several requests are put together', () => {
    const one = [fieldOwner('b', ['spec.x']), fieldOwner('a', ['spec.y'])]
    expect(merged([one, [fieldOwner('b', ['spec.z'])]])).toMatchObject([
      { manager: 'a', fields: ['spec.y'] },
      { manager: 'b', fields: ['spec.x', 'spec.z'] },
    ])
  })
})
