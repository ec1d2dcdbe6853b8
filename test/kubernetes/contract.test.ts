import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'

import { startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { type ContractWorld, clusterContract } from '../contract/kubernetes.ts'
import { fakeRuntime } from './fake-runtime.ts'

async function onSimulator(): Promise<ContractWorld> {
  const simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: ['production'] })
  const directory = await mkdtemp(path.join(tmpdir(), 'purser-cluster-'))
  const kubeconfig = path.join(directory, 'config')
  await writeFile(kubeconfig, simulator.kubeconfig('production'))
  return {
    cluster: openCluster({ kubeconfig, namespace: 'production' }),
    images: {
      good: 'valuecanvas/api:v1.1.0',
      better: 'valuecanvas/api:v1.2.0',
      missing: 'valuecanvas/api:missing',
      crashing: 'valuecanvas/api:crash',
    },
    job: { image: 'valuecanvas/job:v1', succeeding: ['retry'], failing: ['fail'] },
    close: async () => {
      await simulator.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** Needs a cluster that can pull the public images nginx and busybox. Makes a namespace of its own and deletes it. */
async function onRealCluster(kubeconfig: string): Promise<ContractWorld> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = `purser-contract-${Date.now()}`
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  return {
    cluster: openCluster({ kubeconfig, namespace }),
    images: {
      good: 'nginx:1.27-alpine',
      better: 'nginx:1.28-alpine',
      missing: 'nginx:purser-no-such-tag',
      crashing: 'hello-world:latest',
    },
    job: { image: 'busybox:1.37', succeeding: ['echo', 'done'], failing: ['sh', '-c', 'echo broken; exit 1'] },
    close: async () => void (await core.deleteNamespace({ name: namespace })),
  }
}

clusterContract('the simulator', onSimulator)
const { TEST_KUBECONFIG } = process.env
if (TEST_KUBECONFIG) clusterContract('TEST_KUBECONFIG', () => onRealCluster(TEST_KUBECONFIG))
