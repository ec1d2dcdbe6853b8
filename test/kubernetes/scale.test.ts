import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { runningReplicas, scaleBack } from '../../src/runbook/restore/replicas.ts'
import { phaseContext } from '../runbook/phase-context.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(60_000)
const labels = { app: 'api' }
const quiet = (): void => {}

let simulator: KubernetesSimulator
let directory: string
let cluster: Cluster

beforeAll(async () => {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'api', image: 'api:v1' }] } },
    },
  }
  simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [deployment] })
  directory = await mkdtemp(join(tmpdir(), 'purser-scale-'))
  await writeFile(join(directory, 'config'), simulator.kubeconfig(namespace))
  cluster = openCluster({ kubeconfig: join(directory, 'config'), namespace })
})
afterAll(async () => {
  await simulator.close()
  await rm(directory, { recursive: true })
})

it('stops a deployment until its last pod is gone, and brings all of them back', async () => {
  const running = { deployment: 'api', container: 'api', image: 'api:v1', onProgress: quiet }
  await cluster.waitForRollout(running, signal)
  const before = await cluster.deployment('api', 'api', signal)

  await cluster.scale({ deployment: 'api', replicas: 0, onProgress: quiet }, signal)
  expect(await cluster.currentPods('api', 'api', signal)).toEqual([])
  await cluster.scale({ deployment: 'api', replicas: 0, onProgress: quiet }, signal)

  await cluster.scale({ deployment: 'api', replicas: 2, onProgress: quiet }, signal)
  expect(await cluster.waitForRollout(running, signal)).toMatchObject({ replicas: 2, ready: 2 })
  const after = await cluster.deployment('api', 'api', signal)
  expect(after).toMatchObject({ templateHash: before?.templateHash, revision: before?.revision })
  const missing = cluster.scale({ deployment: 'nothing', replicas: 0, onProgress: quiet }, signal)
  await expect(missing).rejects.toMatchObject({ code: 'cluster_not_found' })
})

describe('a deployment that is to stand still for a restore', () => {
  const running = { deployment: 'api', container: 'api', image: 'api:v1', onProgress: quiet }
  const context = () =>
    phaseContext({ world: { cluster }, service: { deployment: 'api' }, environment: { namespace }, signal })
  const replicas = async () => (await cluster.deployment('api', 'api', signal))?.replicas
  const scale = (to: number) => cluster.scale({ deployment: 'api', replicas: to, onProgress: quiet }, signal)

  async function patch(body: object): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/api`
    const answer = await fetch(`${simulator.url}${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${simulator.token}`, 'content-type': 'application/strategic-merge-patch+json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(200)
  }

  it('and is paused comes back as it was, and the plan says so', async () => {
    await patch({ spec: { paused: true } })
    const { before, risks } = await runningReplicas(context(), signal)
    expect(risks).toEqual(['Deployment api is paused: it is stopped and started as it is, and stays paused.'])
    await scale(0)
    await scaleBack(context(), before, quiet, signal)
    expect(await cluster.waitForRollout(running, signal)).toMatchObject({ ready: 2 })
    expect(await cluster.deployment('api', 'api', signal)).toMatchObject({ paused: true, image: 'api:v1' })
  })

  it('and is paused in the middle of a change is refused: other pods would come back', async () => {
    await patch({ spec: { template: { spec: { containers: [{ name: 'api', image: 'api:v2' }] } } } })
    const refused = { code: 'deployment_paused' }
    await expect(runningReplicas(context(), signal)).rejects.toMatchObject(refused)
    await expect(cluster.waitForRollout({ ...running, image: 'api:v2' }, signal)).rejects.toMatchObject(refused)
    await patch({ spec: { paused: false, template: { spec: { containers: [{ name: 'api', image: 'api:v1' }] } } } })
  })

  it('and has an autoscaler starts within its bounds, and is left to it once it runs', async () => {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api' }
    simulator.plant({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'api-load', namespace },
      spec: { scaleTargetRef, minReplicas: 3, maxReplicas: 5 },
    })
    const { before, risks } = await runningReplicas(context(), signal)
    expect(before).toEqual({ replicas: 2, autoscaler: { name: 'api-load', minimum: 3, maximum: 5 } })
    expect(risks.join()).toMatch(/Autoscaler api-load \(3 to 5 pods\) pauses .* starts again with 3/)
    await scale(0)
    await scaleBack(context(), before, quiet, signal)
    expect(await replicas()).toBe(3)
    // The autoscaler has since decided otherwise.
    await scale(4)
    await scaleBack(context(), before, quiet, signal)
    expect(await replicas()).toBe(4)
  })
})
