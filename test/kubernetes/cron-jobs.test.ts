import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ContainerSpec } from '../../sandbox/kubernetes/runtime.ts'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(120_000)
const batch = `/apis/batch/v1/namespaces/${namespace}`

let simulator: KubernetesSimulator
let directory: string
let cluster: Cluster
/** Ends a Job that runs until it is told to. */
let ends: Map<string, () => void>

beforeEach(async () => {
  const sound = fakeRuntime()
  ends = new Map()
  const runtime = {
    ...sound,
    start: (...[spec, onLog]: Parameters<typeof sound.start>) =>
      spec.command.includes('wait') ? waiting(spec) : sound.start(spec, onLog),
  }
  simulator = await startKubernetes({ runtime, namespaces: [namespace], seed: [] })
  directory = await mkdtemp(path.join(tmpdir(), 'purser-cron-jobs-'))
  await writeFile(path.join(directory, 'config'), simulator.kubeconfig(namespace))
  cluster = openCluster({ kubeconfig: path.join(directory, 'config'), namespace })
})
afterEach(async () => {
  await simulator.close()
  await rm(directory, { recursive: true })
})

function waiting({ podName }: ContainerSpec) {
  const exited = new Promise<{ exitCode: number }>((resolve) => ends.set(podName, () => resolve({ exitCode: 0 })))
  return { exited, stop: async () => ends.get(podName)?.() }
}

const end = (job: string) => [...ends].filter(([pod]) => pod.startsWith(`${job}-`)).forEach(([, stop]) => stop())

const cronJob = (name = 'retry', more: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name },
  spec: {
    schedule: '5 3 * * *',
    concurrencyPolicy: 'Forbid',
    jobTemplate: {
      spec: {
        template: {
          spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1', command: ['wait'] }] },
        },
      },
    },
    ...more,
  },
})

async function call(method: string, target: string, body?: object): Promise<void> {
  const headers = { authorization: `Bearer ${simulator.token}`, 'content-type': 'application/json' }
  const answer = await fetch(simulator.url + target, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(answer.status, await answer.text()).toBeLessThan(300)
}

/** What `kubectl create job --from` sends. */
async function byHand(name: string, of = 'retry', more: object = {}): Promise<void> {
  const { metadata } = simulator.read('CronJob', namespace, of) ?? {}
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: of, uid: metadata?.uid, controller: true }
  const { jobTemplate } = cronJob(of).spec
  await call('POST', `${batch}/jobs`, {
    metadata: { name, ownerReferences: [owner], annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' } },
    spec: { ...jobTemplate.spec, ...more },
  })
}

const running = async () => (await cluster.stillRunning('retry', signal)).map(({ name }) => name)

describe('what still runs of a CronJob', () => {
  it('is nothing, where nothing ever ran or there is no such CronJob', async () => {
    expect(await running()).toEqual([])
    await cluster.apply(cronJob(), {}, signal)
    expect(await running()).toEqual([])
  })

  it('is what its schedule and what people have started, until it ends, and nobody else’s', async () => {
    await cluster.apply(cronJob(), {}, signal)
    await cluster.apply(cronJob('other'), {}, signal)
    await byHand('retry-by-dana')
    await byHand('retry-suspended', 'retry', { suspend: true })
    await byHand('retry-of-another', 'other')
    expect(await cluster.stillRunning('retry', signal)).toEqual([
      { name: 'retry-by-dana', createdAt: expect.any(String), byHand: true },
    ])
    // Its controller counts nothing of it.
    expect(await cluster.cronJob('retry', signal)).toMatchObject({ active: 0, concurrencyPolicy: 'Forbid' })
    await vi.waitFor(() => expect([...ends.keys()].join()).toContain('retry-by-dana'), 5_000)
    end('retry-by-dana')
    await vi.waitFor(async () => expect(await running()).toEqual([]), 5_000)
    await call('DELETE', `${batch}/cronjobs/retry`)
    expect(await running()).toEqual([])
  })

  it('tells what the schedule has started from what people have', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T10:00:30Z') })
    try {
      await cluster.apply(cronJob('retry', { schedule: '* * * * *', suspend: true }), {}, signal)
      vi.setSystemTime(new Date('2026-01-01T10:01:05Z'))
      await cluster.suspendCronJob('retry', false, signal)
      await vi.waitFor(async () => expect(await running()).toHaveLength(1), 5_000)
      await byHand('retry-zz-by-hand')
      expect((await cluster.stillRunning('retry', signal)).map((job) => job.byHand)).toEqual([false, true])
      // Suspending it ends nothing.
      await cluster.suspendCronJob('retry', true, signal)
      expect(await running()).toHaveLength(2)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('warnings about a CronJob', () => {
  const warnings = async () => (await cluster.examineCronJob('retry', signal))?.warnings
  const event = (more: object) =>
    call('POST', `/api/v1/namespaces/${namespace}/events`, {
      metadata: { generateName: 'retry.' },
      type: 'Warning',
      reason: 'FailedMount',
      message: 'x',
      lastTimestamp: '2026-01-01T10:00:00Z',
      ...more,
    })
  const uidOf = (kind: string, name: string) => simulator.read(kind, namespace, name)?.metadata.uid

  it('are not that somebody has started a Job of it by hand', async () => {
    await cluster.apply(cronJob(), {}, signal)
    await byHand('retry-by-dana')
    const seen = () =>
      simulator.list('Event', namespace).some((one) => (one as { readonly reason?: string }).reason === 'UnexpectedJob')
    await vi.waitFor(() => expect(seen()).toBe(true), 5_000)
    expect(await warnings()).toEqual([])
  })

  it('are about this very object and its Jobs, by their uid', async () => {
    await cluster.apply(cronJob(), {}, signal)
    await byHand('retry-by-dana')
    const [own, job] = [uidOf('CronJob', 'retry'), uidOf('Job', 'retry-by-dana')]
    const about = (kind: string, name: string, uid: string | undefined) => ({
      involvedObject: { kind, name, uid, namespace },
    })
    await event({ message: 'its own', ...about('CronJob', 'retry', own) })
    await event({ message: 'of its Job', ...about('Job', 'retry-by-dana', job) })
    await event({ message: 'of one before it', ...about('CronJob', 'retry', '00000000-0000-0000-0000-000000000000') })
    await event({ message: 'of a Deployment', ...about('Deployment', 'retry', '11111111-0000-0000-0000-000000000000') })
    await event({ message: 'of nobody', ...about('CronJob', 'retry', undefined) })
    expect((await warnings())?.toSorted()).toEqual(['FailedMount: its own', 'FailedMount: of its Job'])
  })
})
