import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'

import type { ApiFault } from '../../sandbox/kubernetes/faults.ts'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import type { KubernetesObject } from '../../src/adapters/kubernetes/manifests/port.ts'
import type { Permission } from '../../src/adapters/kubernetes/permissions/port.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { service } from '../runbook/phase-context.ts'
import { fakeRuntime } from './fake-runtime.ts'

const NAMESPACE = 'production'
const NAME = 'valuecanvas-api'
const signal = AbortSignal.timeout(120_000)

describe('a cluster whose API server has a bad day', () => {
  let simulator: KubernetesSimulator
  let directory: string
  let cluster: Cluster

  beforeEach(async () => {
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [NAMESPACE, 'purser'], seed: [deployment] })
    directory = await mkdtemp(path.join(tmpdir(), 'purser-faults-'))
    cluster = await open(simulator.token)
    await rolledOut('api:v1')
  })
  afterEach(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  async function open(token: string): Promise<Cluster> {
    const kubeconfig = path.join(directory, `config-${token.slice(0, 6)}`)
    await writeFile(kubeconfig, simulator.kubeconfig(NAMESPACE, token))
    return openCluster({ kubeconfig, namespace: NAMESPACE, requestTimeoutMs: 2_000 })
  }
  const rolledOut = (image: string, of: Cluster = cluster) =>
    of.waitForRollout({ deployment: NAME, container: 'api', image, onProgress: () => undefined }, signal)
  const setImage = (image: string, of: Cluster = cluster) =>
    of.setImage({ deployment: NAME, container: 'api', image, changeCause: 'test' }, signal)
  const writes: ApiFault['concerns'] = ({ method }) => method !== 'GET'

  it('waits as long as a 429 says, and writes once', async () => {
    simulator.setFault({ concerns: writes, status: 429, retryAfterSeconds: 1, times: 1 })
    const before = (await cluster.deployment(NAME, 'api', signal))!.generation
    const started = Date.now()
    expect(await setImage('api:v2')).toMatchObject({ outcome: 'changed' })
    expect(Date.now() - started).toBeGreaterThanOrEqual(1_000)
    expect((await cluster.deployment(NAME, 'api', signal))?.generation).toBe(before + 1)
  })

  it('reads again after a 500, but leaves it to the caller to repeat a write', async () => {
    simulator.setFault({ status: 500, times: 2 })
    expect(await cluster.deployment(NAME, 'api', signal)).toMatchObject({ image: 'api:v1' })
    simulator.setFault({ concerns: writes, status: 500 })
    await expect(setImage('api:v2')).rejects.toMatchObject({
      code: 'cluster_server_error',
      transient: true,
      message: `setting the image of deployment ${NAME}: etcdserver: leader changed`,
    })
  })

  it('gives up a request that is not answered in time, and says so', async () => {
    simulator.setFault({ latencyMs: 3_000 })
    await expect(cluster.deployment(NAME, 'api', signal)).rejects.toMatchObject({
      code: 'cluster_unreachable',
      transient: true,
      message: `reading deployment ${NAME}: no answer within 2 s`,
    })
  })

  it('sees a rollout to its end through dropped watches, expired versions and a restart of the API server', async () => {
    await setImage('api:v2')
    const waiting = rolledOut('api:v2')
    await vi.waitFor(() => expect(simulator.list('ReplicaSet', NAMESPACE)).toHaveLength(2), { timeout: 10_000 })
    simulator.dropConnections()
    simulator.compact()
    await simulator.restart()
    expect(await waiting).toMatchObject({ updated: 2, old: 0 })
  })

  it('does not storm an API server that ends every watch at once', async () => {
    let watches = 0
    const counting: ApiFault['concerns'] = ({ watch }) => {
      watches += watch ? 1 : 0
      return watch
    }
    await setImage('api:unready-for-ever')
    const abort = new AbortController()
    const wait = { deployment: NAME, container: 'api', image: 'api:unready-for-ever', onProgress: () => undefined }
    simulator.setFault({ concerns: counting, status: 503 })
    const waiting = cluster.waitForRollout({ ...wait, graceMs: 60_000 }, abort.signal).catch(() => undefined)
    const started = Date.now()
    // Three watches side by side, asked for again after 200, 600 and 1 400 ms.
    await vi.waitFor(() => expect(watches).toBeGreaterThanOrEqual(12), 10_000)
    abort.abort()
    await waiting
    expect(Date.now() - started).toBeGreaterThan(1_200)
  })

  it('follows logs through dropped connections and a restart: no line twice, none lost, none cut', async () => {
    const lines: LogLine[] = []
    const abort = new AbortController()
    const follow = { deployment: NAME, container: 'api', since: '2020-01-01T00:00:00Z' }
    const following = cluster.followLogs(follow, (line) => void lines.push(line), abort.signal)
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), 5_000)
    const pods = simulator.list('Pod', NAMESPACE).map(({ metadata }) => metadata.name)
    let written = 0
    const chatter = setInterval(() => {
      for (const pod of pods) simulator.writeLog(NAMESPACE, pod, 'api', `line ${written} ${'x'.repeat(200)}`)
      written += 1
    }, 2)
    for (let drop = 0; drop < 3; drop += 1) {
      const heard = lines.length
      await vi.waitFor(() => expect(lines.length).toBeGreaterThan(heard + 50), 10_000)
      simulator.dropConnections()
    }
    await simulator.restart()
    const atRestart = written
    await vi.waitFor(() => expect(written).toBeGreaterThan(atRestart + 50), 10_000)
    clearInterval(chatter)
    const told = (pod: string) => lines.filter((line) => line.pod === pod && line.text.startsWith('line '))
    const all = Array.from({ length: written }, (_, index) => `line ${index} ${'x'.repeat(200)}`)
    for (const pod of pods)
      await vi.waitFor(() => expect(told(pod).map(({ text }) => text)).toEqual(all), { timeout: 15_000 })
    abort.abort()
    await following
  })

  it('holds a log back while its reader is busy', async () => {
    let taken = 0
    let release = () => undefined as void
    const busy = new Promise<void>((resolve) => (release = resolve))
    const abort = new AbortController()
    const follow = { deployment: NAME, container: 'api', since: '2020-01-01T00:00:00Z' }
    const onLine = () => {
      taken += 1
      return busy
    }
    const following = cluster.followLogs(follow, onLine, abort.signal)
    await vi.waitFor(() => expect(taken).toBe(2), 5_000)
    for (const { metadata } of simulator.list('Pod', NAMESPACE))
      for (let index = 0; index < 50; index += 1) simulator.writeLog(NAMESPACE, metadata.name, 'api', `line ${index}`)
    // Time enough for the lines to come, if they were let.
    for (let asked = 0; asked < 10; asked += 1) await cluster.deployment(NAME, 'api', signal)
    expect(taken).toBe(2)
    release()
    await vi.waitFor(() => expect(taken).toBeGreaterThan(100), 5_000)
    abort.abort()
    await following
  })

  it('does a whole deploy and its rollback with exactly the Role of deploy/rbac.yaml, and nothing more', async () => {
    const rbac = fileURLToPath(new URL('../../deploy/rbac.yaml', import.meta.url))
    for (const document of parseAllDocuments(await readFile(rbac, 'utf8'))) simulator.plant(document.toJS() as object)
    const purser = await open(simulator.tokenFor('purser', 'purser'))
    const { neededPermissions } = await import('../../src/runbook/preflight/permissions.ts')
    const needed = neededPermissions({ ...service, deployment: NAME })
    expect(await purser.missingPermissions(needed, signal)).toEqual([])
    const asked = new Set<string>()
    simulator.setFault({ concerns: (request) => (asked.add(rightOf(request)), false) })

    const before = (await purser.deployment(NAME, 'api', signal))!
    for (const value of ['whsec_one', 'whsec_two'])
      await purser.writeSecret('stripe-credentials', { keys: { 'webhook-secret': new Sensitive(value) } }, signal)
    await setImage('api:v2', purser)
    await rolledOut('api:v2', purser)
    expect(await purser.restarts(NAME, 'api', signal)).toBe(0)
    await purser.tryApply(cronJob, signal)
    await purser.apply(cronJob, {}, signal)
    await purser.tryJob(cronJob, 'webhook-retry-run-1', signal)
    expect(await purser.stillRunning('webhook-retry', signal)).toEqual([])
    expect(await purser.runCronJobNow('webhook-retry', 'webhook-retry-run-1', signal)).toMatchObject({
      succeeded: true,
    })
    // Again, as after a crash: the Job is found.
    await purser.runCronJobNow('webhook-retry', 'webhook-retry-run-1', signal)
    await purser.suspendCronJob('webhook-retry', false, signal)
    await purser.examineCronJob('webhook-retry', signal)
    expect(await purser.autoscaler(NAME, signal)).toBe('none')
    expect(await purser.nodePlatforms(signal)).toBe('unknown')
    expect(await purser.identity(signal)).toMatchObject({ uid: (await cluster.identity(signal)).uid })
    await purser.secretConsumers({ deployment: NAME, secret: 'stripe-credentials', cronJobs: [] }, signal)
    const abort = new AbortController()
    const heard = new Promise((resolve) => {
      const follow = { deployment: NAME, container: 'api', since: '2020-01-01T00:00:00Z' }
      void purser.followLogs(follow, resolve, abort.signal)
    })
    await heard
    abort.abort()
    await setImage('api:missing', purser)
    await expect(rolledOut('api:missing', purser)).rejects.toMatchObject({
      code: 'rollout_failed',
      evidence: expect.arrayContaining([expect.stringContaining('Failed to pull image')]),
    })
    const undo = { deployment: NAME, container: 'api', image: before.image, changeCause: 'back' }
    await purser.restoreReplicaSet({ ...undo, replicaSetUid: before.replicaSet!.uid }, signal)
    await rolledOut('api:v1', purser)
    await purser.deleteCronJob('webhook-retry', signal)
    await purser.removeSecretKey('stripe-credentials', 'webhook-secret', { deleteWhenEmpty: true }, signal)

    const unused = needed.map(rightIn).filter((right) => !asked.has(right))
    // What an apply needs beside patch, when there is no such object yet.
    expect(unused).toEqual(['create secrets', 'create cronjobs'])

    const stranger = simulator.tokenFor('purser', 'stranger')
    expect((await (await open(stranger)).identity(signal)).uid).toBeUndefined()
    // A real API server looks for the right to read a namespace in that namespace.
    const headers = { authorization: `Bearer ${stranger}` }
    const answer = await fetch(`${simulator.url}/api/v1/namespaces/kube-system`, { headers })
    expect(await answer.json()).toMatchObject({
      code: 403,
      message:
        'namespaces "kube-system" is forbidden: User "system:serviceaccount:purser:stranger" cannot get resource "namespaces" in API group "" in the namespace "kube-system"',
    })

    const refused = [
      purser.deployment('another', 'api', signal),
      purser.readSecretKey('database', 'password', signal),
      purser.deleteCronJob('another', signal),
      purser.tryApply({ ...cronJob, kind: 'ConfigMap', apiVersion: 'v1' }, signal),
    ]
    for (const one of refused) await expect(one).rejects.toMatchObject({ code: 'cluster_forbidden' })
  })
})

const rightIn = ({ verb, resource, subresource }: Permission) =>
  `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`

/** "list pods": what a request needs a right for. */
function rightOf({ method, path, watch }: Parameters<NonNullable<ApiFault['concerns']>>[0]): string {
  const [resource = '', name, subresource] = (path.split(`/namespaces/${NAMESPACE}/`)[1] ?? path).split('/')
  const verbs = { POST: 'create', PATCH: 'patch', DELETE: 'delete' } as const
  const read = name !== undefined ? 'get' : watch ? 'watch' : 'list'
  return `${verbs[method as keyof typeof verbs] ?? read} ${[resource, subresource].filter(Boolean).join('/')}`
}

const labels = { app: NAME }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'api', image: 'api:v1' }] } },
  },
}
const cronJob: KubernetesObject = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'webhook-retry' },
  spec: {
    schedule: '5 3 * * *',
    suspend: true,
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1' }] } } },
    },
  },
}
