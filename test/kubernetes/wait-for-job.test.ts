import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(120_000)

let simulator: KubernetesSimulator
let directory: string
let cluster: Cluster

beforeEach(async () => {
  simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [] })
  directory = await mkdtemp(path.join(tmpdir(), 'purser-wait-for-job-'))
  await writeFile(path.join(directory, 'config'), simulator.kubeconfig(namespace))
  cluster = openCluster({ kubeconfig: path.join(directory, 'config'), namespace })
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1' }] } }
  const spec = { schedule: '5 3 * * *', jobTemplate: { spec: { template } } }
  await cluster.apply({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'retry' }, spec }, {}, signal)
})
afterEach(async () => {
  vi.useRealTimers()
  await simulator.close()
  await rm(directory, { recursive: true })
})

const refusals = [
  'exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3',
  'failed quota: small: must specify limits.cpu for: job',
  'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
  'admission webhook "policy.example" denied the request: the image is not signed',
  'error looking up service account production/retry: serviceaccount "retry" not found',
]

describe('a Job that cannot have pods', () => {
  it.each(refusals)(
    'is a verdict after the grace: %s',
    async (words) => {
      simulator.refusePods(words)
      const began = Date.now()
      // Only the clock is moved on: twenty seconds are waited for in a moment.
      vi.useFakeTimers({ toFake: ['Date'], now: began })
      const clock = setInterval(() => vi.setSystemTime(Date.now() + 5_000), 200)
      try {
        const outcome = await cluster.runCronJobNow('retry', 'retry-run-1', signal)
        expect(outcome).toEqual({
          name: 'retry-run-1',
          succeeded: false,
          reason: `FailedCreate: Error creating: pods "retry-run-1-" is forbidden: ${words}. Job retry-run-1 remains, and starts once its pods are admitted`,
          logs: [],
        })
        expect(Date.now() - began).toBeGreaterThanOrEqual(20_000)
      } finally {
        clearInterval(clock)
      }
    },
    20_000,
  )

  it('is none when its pods are let in within the grace', async () => {
    simulator.refusePods(refusals[0])
    const outcome = cluster.runCronJobNow('retry', 'retry-run-1', signal)
    await vi.waitFor(
      () =>
        expect(simulator.list('Event', namespace).map((one) => (one as { reason?: string }).reason)).toContain(
          'FailedCreate',
        ),
      5_000,
    )
    simulator.refusePods(undefined)
    expect(await outcome).toMatchObject({ succeeded: true, reason: undefined })
  })
})

it('a Job that is deleted while it runs is a failure, and one that ends is none', async () => {
  simulator.refusePods(refusals[0])
  const outcome = cluster.runCronJobNow('retry', 'retry-run-1', signal)
  await vi.waitFor(() => expect(simulator.list('Job', namespace)).toHaveLength(1), 5_000)
  const headers = { authorization: `Bearer ${simulator.token}` }
  await fetch(`${simulator.url}/apis/batch/v1/namespaces/${namespace}/jobs/retry-run-1`, { method: 'DELETE', headers })
  expect(await outcome).toMatchObject({ succeeded: false, reason: 'the job was deleted while it ran' })
  simulator.refusePods(undefined)
  expect(await cluster.runCronJobNow('retry', 'retry-run-2', signal)).toMatchObject({ succeeded: true })
})
