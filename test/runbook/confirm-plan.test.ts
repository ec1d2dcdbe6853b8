import { describe, expect, it } from 'vitest'
import { confirmPlan } from '../../src/runbook/confirm-plan.ts'
import type { PhaseContext } from '../../src/runbook/context.ts'
import { deploy, plan } from '../messages/example-runs.ts'

/** Another secret is asked for: the version stays. */
const approved = { ...plan, current: { ...plan.current, image: plan.image.reference } }
const signal = new AbortController().signal

function contextOf(templateHash: string, effects: readonly object[] = []): PhaseContext {
  const { reference: image } = plan.image
  return {
    run: deploy({ plan: approved }),
    service: { deployment: 'api', container: 'api', image: { repository: 'valuecanvas/api', build: 'none' } },
    environment: { namespace: 'production' },
    signal,
    records: { effectsOf: async () => effects },
    world: {
      repository: { resolveVersion: async () => plan.commit },
      registry: { resolve: async () => plan.image },
      cluster: {
        deployment: async () => ({ image, templateHash, containers: ['api'], paused: false }),
        history: async () => ({ image, templateHash, writers: [{ manager: 'kubectl-set' }], revisions: [] }),
      },
    },
  } as unknown as PhaseContext
}

describe('a deploy of the version that runs already', () => {
  it('stops when somebody else has changed the deployment since the plan', async () => {
    await expect(confirmPlan(contextOf('changed by hand'))).rejects.toMatchObject({ code: 'plan_outdated' })
  })

  it('goes on with what was approved, and with what it has set itself', async () => {
    await confirmPlan(contextOf(plan.current.templateHash))
    await confirmPlan(contextOf('with the other secret', [{ kind: 'image', target: 'api' }]))
  })
})
