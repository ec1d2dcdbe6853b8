import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import type { Change, PhaseContext } from '../../src/runbook/phase.ts'
import { cronjobs } from '../../src/runbook/cronjobs/cronjobs.ts'
import { fakeRuntime } from '../kubernetes/fake-runtime.ts'
import { deploy, phase, plan } from '../messages/example-runs.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(60_000)
const { version, commit } = plan

let simulator: KubernetesSimulator
let directory: string
let cluster: Cluster
let broken = true

beforeAll(async () => {
  const sound = fakeRuntime()
  // What is broken lies outside of image and manifest, as a database that is away.
  const runtime = {
    ...sound,
    start: (...[spec, onLog]: Parameters<typeof sound.start>) =>
      sound.start(broken ? { ...spec, command: ['fail'] } : spec, onLog),
  }
  simulator = await startKubernetes({ runtime, namespaces: [namespace], seed: [] })
  directory = await mkdtemp(join(tmpdir(), 'purser-cronjobs-'))
  await writeFile(join(directory, 'config'), simulator.kubeconfig(namespace))
  cluster = openCluster({ kubeconfig: join(directory, 'config'), namespace })
})
afterAll(async () => {
  await simulator.close()
  await rm(directory, { recursive: true })
})

const manifestOf = (name: string) => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: ${name} }
spec:
  schedule: '5 3 * * *'
  jobTemplate:
    spec:
      backoffLimit: 0
      template: { spec: { restartPolicy: Never, containers: [{ name: job, image: 'job:v1' }] } }
`

const readAll = async (_: string, wanted: readonly { path: string }[]) =>
  wanted.map((one) => ({ ...one, text: manifestOf(basename(one.path, '.yaml')) }))

function contextOf(attempt: number): PhaseContext {
  const run = deploy({ status: 'executing', phases: [phase('cronjobs', { status: 'running', attempt })] })
  const step = <T>(_: string, act: (signal: AbortSignal) => Promise<T>) => act(signal)
  return {
    run,
    service: {
      deployment: 'api',
      container: 'api',
      image: { repository: 'valuecanvas/api', build: 'none' },
      cronJobs: [{ name: 'webhook-retry', manifest: 'k8s/webhook-retry.yaml', tryOnce: true }],
    },
    environment: { namespace },
    signal,
    step,
    change: (name: string, { before, act }: Change<'cronjob'>) =>
      step(name, async () => act(await before(signal), signal)),
    report: async () => undefined,
    tell: async () => undefined,
    records: { effectsOf: async () => [] },
    world: {
      cluster: Object.assign(Object.create(cluster) as Cluster, {
        deployment: async () => ({ image: plan.image.reference, containers: ['api'], paused: false }),
      }),
      repository: { resolveVersion: async () => ({ ...commit, version }), readAll },
      registry: { resolve: async () => plan.image },
    },
  } as unknown as PhaseContext
}

it('tries a CronJob again when a person has the phase done again, and only then', async () => {
  const jobs = () => simulator.list('Job', namespace).map(({ metadata }) => metadata.name)
  const first = contextOf(1)
  const failure = { code: 'cronjob_failed', hint: 'It stays suspended. Fix it and retry the phase, or roll back.' }
  await expect(cronjobs(first)).rejects.toMatchObject(failure)
  broken = false
  // The same attempt after a crash finds its Job; nothing runs twice.
  await expect(cronjobs(first)).rejects.toMatchObject(failure)
  expect(jobs()).toHaveLength(1)
  expect(await cronjobs(contextOf(2))).toEqual({ line: 'webhook-retry (5 3 * * *)' })
  expect(jobs()).toHaveLength(2)
  expect(await cluster.cronJob('webhook-retry', signal)).toMatchObject({ suspended: false })
})

it('reads the manifests of all CronJobs in one look', async () => {
  const context = contextOf(1)
  const jobs = ['expire-grace', 'send-reports'].map((name) => ({ name, manifest: `k8s/${name}.yaml`, tryOnce: false }))
  const looks = vi.fn<typeof readAll>(readAll)
  const { world, service } = context
  const repository = { ...world.repository, readAll: looks } as unknown as typeof world.repository
  const both = { ...context, service: { ...service, cronJobs: jobs }, world: { ...world, repository } }
  expect(await cronjobs(both)).toEqual({ line: 'expire-grace (5 3 * * *); send-reports (5 3 * * *)' })
  expect(looks).toHaveBeenCalledOnce()
})
