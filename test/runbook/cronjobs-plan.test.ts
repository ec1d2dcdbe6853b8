import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { cronjobs } from '../../src/runbook/cronjobs/cronjobs.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { planCronJobs } from '../../src/runbook/plan/cronjobs-plan.ts'
import { fakeRuntime } from '../kubernetes/fake-runtime.ts'
import { deploy, phase, plan } from '../messages/example-runs.ts'
import { asPlanned, deploymentState, phaseContext } from './phase-context.ts'

/** What a plan finds out by trying the requests of the phase, and what the phase then does with it. */

const namespace = 'production'
const signal = AbortSignal.timeout(120_000)
const path = `/apis/batch/v1/namespaces/${namespace}/cronjobs/retry`

let simulator: KubernetesSimulator
let directory: string
let cluster: Cluster

beforeEach(async () => {
  simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [] })
  directory = await mkdtemp(join(tmpdir(), 'purser-cronjobs-plan-'))
  await writeFile(join(directory, 'config'), simulator.kubeconfig(namespace))
  cluster = openCluster({ kubeconfig: join(directory, 'config'), namespace })
})
afterEach(async () => {
  await simulator.close()
  await rm(directory, { recursive: true })
})

const manifest = (schedule = '5 3 * * *') => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'retry' },
  spec: {
    schedule,
    jobTemplate: {
      spec: {
        backoffLimit: 0,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'valuecanvas/api:v1' }] } },
      },
    },
  },
})

function contextOf(made: DeployPlan = plan): PhaseContext {
  return phaseContext({
    run: deploy({ status: 'executing', plan: made, phases: [phase('cronjobs', { status: 'running' })] }),
    service: { cronJobs: [{ name: 'retry', manifest: 'k8s/retry.yaml', tryOnce: true }] },
    environment: { namespace },
    signal,
    records: { effectsOf: async () => [] },
    world: {
      ...asPlanned,
      repository: {
        ...asPlanned.repository,
        readAll: async (_, wanted) => wanted.map((one) => ({ ...one, text: JSON.stringify(manifest()) })),
      },
      cluster: { ...cluster, deployment: async () => deploymentState({ image: plan.image.reference }) },
    },
  })
}

const planned = () => planCronJobs(contextOf(), plan.commit.sha, plan.image.reference)

type Patch = 'merge' | 'json' | 'strategic-merge' | 'apply'

async function send(method: string, target: string, body: object, type: string): Promise<void> {
  const headers = { authorization: `Bearer ${simulator.token}`, 'content-type': type }
  const answer = await fetch(simulator.url + target, { method, headers, body: JSON.stringify(body) })
  expect(answer.status, await answer.text()).toBeLessThan(300)
}

const patch = (manager: string, body: object, how: Patch = 'merge') =>
  send(
    'PATCH',
    `${path}?fieldManager=${manager}`,
    body,
    how === 'apply' ? 'application/apply-patch+yaml' : `application/${how}-patch+json`,
  )
const create = (manager: string, body: object) =>
  send('POST', `${path.slice(0, path.lastIndexOf('/'))}?fieldManager=${manager}`, body, 'application/json')
const deployed = async () => void (await cluster.apply(manifestAsPurserAppliesIt(), {}, signal))
const manifestAsPurserAppliesIt = () => ({ ...manifest(), spec: { ...manifest().spec, suspend: false } })

const rows: readonly [string, () => Promise<void>, readonly string[] | undefined][] = [
  ['nobody, where there is no CronJob', async () => undefined, undefined],
  ['nobody, after an earlier deploy', deployed, undefined],
  [
    'who suspended it once and resumed it again',
    async () => {
      await deployed()
      await patch('kubectl-patch', { spec: { suspend: true } })
      await patch('kubectl-patch', { spec: { suspend: false } })
    },
    ['kubectl-patch'],
  ],
  [
    'who has it suspended now',
    async () => {
      await deployed()
      await patch('kubectl-edit', { spec: { suspend: true } }, 'strategic-merge')
    },
    ['kubectl-edit'],
  ],
  [
    'who made it by kubectl apply, the runbook’s own way',
    () => create('kubectl-client-side-apply', manifest()),
    ['kubectl-client-side-apply'],
  ],
  ['who made it by kubectl create', () => create('kubectl-create', manifest('0 1 * * *')), ['kubectl-create']],
  [
    'who applied it by kubectl apply --server-side',
    () =>
      patch('kubectl', { ...manifest('0 2 * * *'), spec: { ...manifest('0 2 * * *').spec, suspend: false } }, 'apply'),
    ['kubectl'],
  ],
  [
    'two people',
    async () => {
      await create('kubectl-create', manifest())
      await patch('k9s', { spec: { suspend: false } })
      await patch('k9s', { spec: { suspend: true } })
      await patch('kubectl-patch', { spec: { schedule: '0 5 * * *' } })
    },
    ['k9s', 'kubectl-create', 'kubectl-patch'],
  ],
  [
    'whoever did it in a dashboard by another image',
    async () => {
      await deployed()
      const containers = [{ name: 'job', image: 'valuecanvas/api:hotfix' }]
      await patch(
        'Mozilla',
        { spec: { jobTemplate: { spec: { template: { spec: { containers } } } } } },
        'strategic-merge',
      )
    },
    ['Mozilla'],
  ],
]

describe('what people have set by hand', () => {
  it.each(rows)('is taken over with their consent: %s', async (_, arrange, takeOver) => {
    await arrange()
    const { planned: jobs, risks } = await planned()
    expect(jobs[0]?.takeOver).toEqual(takeOver)
    for (const manager of takeOver ?? [])
      expect(risks.join('\n')).toMatch(
        new RegExp(`^${manager} has set \\S.* of CronJob retry by hand\\. This deploy`, 'm'),
      )
    expect(risks).toHaveLength(takeOver?.length ?? 0)
    // What was planned goes through, and then there is nothing left to be taken over.
    expect(await cronjobs(contextOf({ ...plan, cronJobs: jobs }))).toEqual({ line: 'retry (5 3 * * *)' })
    expect(await cluster.cronJob('retry', signal)).toMatchObject({ suspended: false, schedule: '5 3 * * *' })
    expect((await planned()).planned[0]).toMatchObject({ outcome: 'unchanged', differences: [] })
    expect((await planned()).planned[0]?.takeOver).toBeUndefined()
  })

  it('is not touched when it came after the approval, and the hint leads on', async () => {
    await deployed()
    const { planned: jobs } = await planned()
    await patch('kubectl-patch', { spec: { suspend: true } })
    await patch('kubectl-patch', { spec: { suspend: false } })
    await expect(cronjobs(contextOf({ ...plan, cronJobs: jobs }))).rejects.toMatchObject({
      code: 'apply_conflict',
      evidence: ['kubectl-patch (does not come back by itself): spec.suspend'],
      hint: 'They were set by hand since the plan was made. Deploy again: the new plan lists what it overwrites.',
    })
    expect((await planned()).planned[0]?.takeOver).toEqual(['kubectl-patch'])
  })
})

describe('what comes back by itself', () => {
  it.each<[string, () => Promise<void>, RegExp, RegExp]>([
    [
      'a GitOps controller that resumes it',
      async () => {
        await deployed()
        await patch('argocd-controller', { spec: { suspend: true } })
        await patch('argocd-controller', { spec: { suspend: false } })
      },
      /^planning CronJob retry: argocd-controller manages spec\.suspend$/,
      /ignoreDifferences/,
    ],
    [
      'a GitOps controller that applies all of it',
      () => patch('kustomize-controller', manifest('0 1 * * *'), 'apply'),
      /kustomize-controller manages spec\.jobTemplate\.spec\.template\.spec\.containers\[job\]\.image|kustomize-controller manages spec\.schedule/,
      /kustomize\.toolkit\.fluxcd\.io\/reconcile: disabled/,
    ],
    ['a chart', () => create('helm', manifest('0 1 * * *')), /helm manages .*spec\.schedule/, /out of its chart/],
    [
      'an unknown program beside somebody’s hand',
      async () => {
        await create('kubectl-create', manifest('0 1 * * *'))
        await patch('night-shift', { spec: { suspend: true } })
      },
      /^planning CronJob retry: night-shift manages spec\.suspend$/,
      /what it writes/,
    ],
  ])('is refused by the plan, and its hint leads on: %s', async (_, arrange, message, hint) => {
    await arrange()
    const refusal = (await planned().catch((error: unknown) => error)) as { readonly hint: string }
    expect(refusal).toMatchObject({
      code: 'apply_conflict',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
    expect(refusal.hint).toContain('take retry out of service.cronJobs')
    // The command of the hint, as kubectl sends it.
    const operations = /-p='(\[.*?\])'/.exec(refusal.hint)?.[1] ?? ''
    await patch('kubectl-patch', JSON.parse(operations) as object, 'json')
    const { planned: jobs } = await planned()
    expect(await cronjobs(contextOf({ ...plan, cronJobs: jobs }))).toEqual({ line: 'retry (5 3 * * *)' })
  })

  it('is said where it owns nothing that is changed, but says that the object is its own', async () => {
    await create('kubectl-create', {
      ...manifest(),
      metadata: { name: 'retry', labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } },
    })
    expect((await planned()).risks).toContain(
      'CronJob retry belongs to Flux (apps), which puts its own value back at its next reconciliation, within minutes.',
    )
  })
})

it('what kubectl apply would have removed is said to stay', async () => {
  const former = { ...manifest(), spec: { ...manifest().spec, timeZone: 'Europe/Paris' } }
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(former) }
  await create('kubectl-client-side-apply', { ...former, metadata: { name: 'retry', annotations } })
  expect((await planned()).risks).toContain(
    'CronJob retry keeps spec.timeZone from a manifest applied by hand. The new one lacks it, and Purser only removes its own fields.',
  )
})

it('a Job that the cluster would refuse fails the plan, not the phase', async () => {
  simulator.setFault({
    concerns: ({ method, path: target }) => method === 'POST' && target.endsWith('/jobs'),
    times: 1,
    status: 403,
  })
  await expect(planned()).rejects.toMatchObject({ message: expect.stringContaining('trying to start job retry-run-') })
  expect(simulator.list('CronJob', namespace)).toEqual([])
  expect(simulator.list('Job', namespace)).toEqual([])
})
