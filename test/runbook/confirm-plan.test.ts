import { describe, expect, it } from 'vitest'
import type { KnownRevision } from '../../src/adapters/kubernetes/deployments/port.ts'
import type { EffectOf } from '../../src/model/effects/effects.ts'
import { deploymentDrift } from '../../src/runbook/confirm/confirm-plan.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { asPlanned, deploymentState, phaseContext } from './phase-context.ts'

/** Another secret is asked for: the version stays. */
const approved = { ...plan, current: { ...plan.current, image: plan.image.reference } }

const { reference: image } = plan.image
const changedSince = new Map([
  ['1', 'spec.containers[api].env[DEBUG]'],
  ['2', 'metadata.annotations.kubectl.kubernetes.io/restartedAt'],
])

/** The pods as the run has set them, and what was changed of them afterwards. */
function revisionAsSet(templateHash: string): KnownRevision {
  return {
    revision: '8',
    replicaSet: { name: 'api-8', uid: '8' },
    image,
    createdAt: undefined,
    changeCause: undefined,
    templateHash: 'as set',
    current: false,
    serves: true,
    differences: [],
    changedSince: [`${changedSince.get(templateHash) ?? 'it'}: added "x"`],
  }
}

function contextOf(templateHash: string, effects: readonly EffectOf<'image'>[], of: DeployPlan): PhaseContext {
  const revisions = [revisionAsSet(templateHash)]
  const facts = { paused: false, revisionHistoryLimit: 10, changeCause: undefined, writers: [], images: [] }
  return phaseContext({
    run: deploy({ plan: of }),
    service: { deployment: 'api' },
    records: { effectsOf: async () => effects },
    world: {
      ...asPlanned,
      cluster: {
        deployment: async () => deploymentState({ image, templateHash }),
        history: async () => ({ ...facts, image, templateHash, revisions }),
      },
    },
  })
}

const drift = (templateHash: string, effects: readonly EffectOf<'image'>[] = [], of: DeployPlan = approved) =>
  deploymentDrift(contextOf(templateHash, effects, of), of)

/** The record that the run has set the image, and what the pods were afterwards. */
function imageSet(after: EffectOf<'image'>['after']): EffectOf<'image'> {
  const before = { image: plan.current.image, replicaSet: null, templateHash: plan.current.templateHash, version: null }
  const facts = { id: 1, run: 42, phase: 'rollout', target: 'api', status: 'applied', at: new Date() } as const
  return { ...facts, kind: 'image', before, after }
}

describe('a deploy of the version that runs already', () => {
  it('stops when somebody else has changed the deployment since the plan', async () => {
    expect(await drift('changed by hand')).toHaveLength(1)
  })

  it('goes on with what was approved, and with what it has set itself', async () => {
    expect(await drift(plan.current.templateHash)).toEqual([])
    expect(await drift('with the other secret', [imageSet(undefined)])).toEqual([])
  })
})

describe('a phase after the rollout', () => {
  const set = [imageSet({ image, templateHash: 'as set' })]

  it('stops when somebody has changed more of the pods than their image', async () => {
    const [difference] = await drift('1', set, plan)
    expect(difference?.now).toMatch(/changed Deployment api after run #42: .*env\[DEBUG\]/)
  })

  it('goes on with what the run has set, and when its pods were only restarted', async () => {
    expect(await drift('as set', set, plan)).toEqual([])
    expect(await drift('2', set, plan)).toEqual([])
  })
})
