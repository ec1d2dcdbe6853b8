import { describe, expect, it } from 'vitest'
import { deploymentDrift } from '../../src/runbook/plan/confirm-plan.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { deploy, plan } from '../messages/example-runs.ts'

/** Another secret is asked for: the version stays. */
const approved = { ...plan, current: { ...plan.current, image: plan.image.reference } }
const signal = new AbortController().signal

function contextOf(templateHash: string, effects: readonly object[] = [], of: DeployPlan = approved): PhaseContext {
  const { reference: image } = plan.image
  const differences = (at: string) => [`${at}: added "x"`]
  const since = {
    '1': 'spec.containers[api].env[DEBUG]',
    '2': 'metadata.annotations.kubectl.kubernetes.io/restartedAt',
  }
  const revisions = [{ templateHash: 'as set', changedSince: differences(since[templateHash as '1'] ?? 'it') }]
  return {
    run: deploy({ plan: of }),
    service: { deployment: 'api', container: 'api', image: { repository: 'valuecanvas/api', build: 'none' } },
    environment: { namespace: 'production' },
    signal,
    records: { effectsOf: async () => effects },
    world: {
      repository: { resolveVersion: async () => plan.commit },
      registry: { resolve: async () => plan.image },
      cluster: {
        deployment: async () => ({ image, templateHash, containers: ['api'], paused: false }),
        history: async () => ({ image, templateHash, writers: [], revisions }),
      },
    },
  } as unknown as PhaseContext
}

const drift = (templateHash: string, effects: readonly object[] = [], of: DeployPlan = approved) =>
  deploymentDrift(contextOf(templateHash, effects, of), of)

describe('a deploy of the version that runs already', () => {
  it('stops when somebody else has changed the deployment since the plan', async () => {
    expect(await drift('changed by hand')).toHaveLength(1)
  })

  it('goes on with what was approved, and with what it has set itself', async () => {
    expect(await drift(plan.current.templateHash)).toEqual([])
    expect(await drift('with the other secret', [{ kind: 'image', target: 'api' }])).toEqual([])
  })
})

describe('a phase after the rollout', () => {
  const set = [{ run: 42, kind: 'image', target: 'api', at: new Date(), after: { templateHash: 'as set' } }]

  it('stops when somebody has changed more of the pods than their image', async () => {
    const [difference] = await drift('1', set, plan)
    expect(difference?.now).toMatch(/changed deployment api, after run #42 had set it: .*env\[DEBUG\]/)
  })

  it('goes on with what the run has set, and when its pods were only restarted', async () => {
    expect(await drift('as set', set, plan)).toEqual([])
    expect(await drift('2', set, plan)).toEqual([])
  })
})
