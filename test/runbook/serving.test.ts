import { expect, it } from 'vitest'
import type { DeploymentState } from '../../src/adapters/kubernetes/deployments/port.ts'
import type { PodState } from '../../src/adapters/kubernetes/pods/port.ts'
import { whatServes } from '../../src/runbook/rollout/serving.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { production, service, worldOf } from './phase-context.ts'

const set = (name: string) => ({ name, uid: name })
const before = plan.current.image
const { reference: after } = plan.image
const pod = (ready: boolean): PodState => ({ name: 'a', ready, restarts: 0, imageID: '', image: after })

/** The Deployment has the new image; `ready` of its pods are, and `available` counts those of the former ones too. */
function seen(ready: number, available: number, healthy: string, health: number | 'none' = 200) {
  const deployment = {
    image: after,
    replicas: 3,
    availableReplicas: available,
    replicaSet: set('new'),
    lastHealthy: { revision: '7', replicaSet: set('old'), image: healthy },
  } as DeploymentState
  const world = worldOf({
    cluster: {
      deployment: async () => deployment,
      currentPods: async () => Array.from({ length: 3 }, (_, at) => pod(at < ready)),
    },
    health: {
      get: async () => (health === 'none' ? Promise.reject(new Error('away')) : { status: health, milliseconds: 1 }),
    },
  })
  const run = deploy({ status: 'executing' })
  return whatServes(world, service, production, run, AbortSignal.timeout(1_000))
}

it.each([
  ['the previous version while no new pod is ready', seen(0, 3, before), { version: 'v1.1.0', ready: 3, of: 3 }],
  ['the new one once all pods are of it', seen(3, 3, before), { version: 'v1.2.0', ready: 3, of: 3 }],
  ['no single version while pods of both are ready', seen(1, 3, before), { ready: 3, of: 3 }],
  ['no version that nobody knows', seen(0, 3, 'elsewhere/api:x'), { ready: 3, of: 3 }],
  ['nothing while no pod is ready', seen(0, 0, before), { ready: 0, of: 3 }],
])('what serves is %s', async (_, looking, serving) => {
  expect(await looking).toEqual({ ...serving, health: 200 })
})

it('what serves is told without a health check that gave no answer', async () => {
  expect(await seen(3, 3, before, 'none')).toEqual({ version: 'v1.2.0', ready: 3, of: 3 })
})
