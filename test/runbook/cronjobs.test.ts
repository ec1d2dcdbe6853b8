import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import type { ServiceConfig } from '../../src/config/service-schema.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { cronjobs } from '../../src/runbook/cronjobs/cronjobs.ts'
import { fakeRuntime } from '../kubernetes/fake-runtime.ts'
import { deploy, phase, plan } from '../messages/example-runs.ts'
import { asPlanned, deploymentState, phaseContext } from './phase-context.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(60_000)

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

const repository: Pick<Repository, 'resolveVersion' | 'readAll'> = {
  ...asPlanned.repository,
  readAll: async (_, wanted) => wanted.map((one) => ({ ...one, text: manifestOf(basename(one.path, '.yaml')) })),
}

const retry = { name: 'webhook-retry', manifest: 'k8s/webhook-retry.yaml', tryOnce: true }

function contextOf(attempt: number, cronJobs: ServiceConfig['cronJobs'] = [retry]): PhaseContext {
  return phaseContext({
    run: deploy({ status: 'executing', phases: [phase('cronjobs', { status: 'running', attempt })] }),
    service: { cronJobs },
    environment: { namespace },
    signal,
    records: { effectsOf: async () => [] },
    world: {
      ...asPlanned,
      repository,
      cluster: { ...cluster, deployment: async () => deploymentState({ image: plan.image.reference }) },
    },
  })
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
  const jobs = ['expire-grace', 'send-reports'].map((name) => ({ name, manifest: `k8s/${name}.yaml`, tryOnce: false }))
  const looks = vi.spyOn(repository, 'readAll')
  expect(await cronjobs(contextOf(1, jobs))).toEqual({ line: 'expire-grace (5 3 * * *); send-reports (5 3 * * *)' })
  expect(looks).toHaveBeenCalledOnce()
})
