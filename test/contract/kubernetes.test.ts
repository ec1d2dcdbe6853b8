import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'

import { startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { fakeRuntime } from '../kubernetes/fake-runtime.ts'
import { clusterContract, type ContractWorld } from './kubernetes.ts'

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
    talkative: true,
    job: { image: 'valuecanvas/job:v1', succeeding: ['retry'], failing: ['fail'] },
    close: async () => {
      await simulator.close()
      await rm(directory, { recursive: true })
    },
  }
}

/**
 * Images for a real cluster; docs/kubernetes.md says what each must do. `pause` runs for ever and says nothing; busybox's
 * shell, without a terminal, ends at once.
 */
const {
  TEST_KUBECONFIG,
  TEST_IMAGE_OK = 'registry.k8s.io/pause:3.9',
  TEST_IMAGE_OK_2 = 'registry.k8s.io/pause:3.10',
  TEST_IMAGE_BAD = 'registry.k8s.io/pause:purser-no-such-tag',
  TEST_IMAGE_CRASH = 'registry.k8s.io/e2e-test-images/busybox:1.29-4',
  TEST_IMAGE_JOB = 'registry.k8s.io/e2e-test-images/busybox:1.29-4',
} = process.env

/** Makes a namespace of its own and deletes it. */
async function onRealCluster(kubeconfig: string): Promise<ContractWorld> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = `purser-contract-${Date.now()}`
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  return {
    cluster: openCluster({ kubeconfig, namespace }),
    images: { good: TEST_IMAGE_OK, better: TEST_IMAGE_OK_2, missing: TEST_IMAGE_BAD, crashing: TEST_IMAGE_CRASH },
    talkative: false,
    job: { image: TEST_IMAGE_JOB, succeeding: ['echo', 'done'], failing: ['sh', '-c', 'echo broken; exit 1'] },
    close: async () => void (await core.deleteNamespace({ name: namespace })),
  }
}

clusterContract('the simulator', onSimulator)
if (TEST_KUBECONFIG) clusterContract('TEST_KUBECONFIG', () => onRealCluster(TEST_KUBECONFIG))
