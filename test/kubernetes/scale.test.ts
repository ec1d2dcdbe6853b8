import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
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
