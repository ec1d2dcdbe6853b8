import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { differences } from '../../src/adapters/kubernetes/api/differences.ts'
import { ClusterError } from '../../src/adapters/kubernetes/api/errors.ts'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import type { KubernetesObject } from '../../src/adapters/kubernetes/manifests/port.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { digestProblem } from '../../src/adapters/kubernetes/deployments/rollout-verdict.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { fakeRuntime } from './fake-runtime.ts'

const NAMESPACE = 'production'
const signal = AbortSignal.timeout(120_000)

describe('the cluster client', () => {
  let simulator: KubernetesSimulator
  let directory: string
  let kubeconfig: string
  let cluster: Cluster

  beforeEach(async () => {
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [NAMESPACE], seed: [deployment] })
    directory = await mkdtemp(path.join(tmpdir(), 'purser-client-'))
    kubeconfig = path.join(directory, 'config')
    await writeFile(kubeconfig, simulator.kubeconfig(NAMESPACE))
    cluster = openCluster({ kubeconfig, namespace: NAMESPACE })
  })
  afterEach(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  const wait = (image: string) =>
    cluster.waitForRollout({ deployment: 'api', container: 'api', image, onProgress: () => undefined }, signal)

  it('says at once when there is no kubeconfig or no such context', () => {
    const missing = path.join(directory, 'nothing')
    expect(() => openCluster({ kubeconfig: missing, namespace: 'x' })).toThrow(/opening the cluster: .*ENOENT/)
    expect(() => openCluster({ kubeconfig, context: 'moon', namespace: 'x' })).toThrow('no context "moon"')
  })

  it('names the rights that are missing, and the one that a refusal was about', async () => {
    simulator.deny([{ verb: 'patch', resource: 'deployments' }, { resource: 'pods/log' }])
    const needed = [
      { group: 'apps', resource: 'deployments', verb: 'get' },
      { group: 'apps', resource: 'deployments', verb: 'patch' },
      { group: '', resource: 'pods', subresource: 'log', verb: 'get' },
    ] as const
    expect(await cluster.missingPermissions(needed, signal)).toEqual(needed.slice(1))
    const change = { deployment: 'api', container: 'api', image: 'api:v2', changeCause: 'x' }
    await expect(cluster.setImage(change, signal)).rejects.toMatchObject({
      code: 'cluster_forbidden',
      transient: false,
      message: expect.stringMatching(/^setting the image of deployment api: .*cannot patch resource "deployments"/),
    })
  })

  it('tells trouble that may pass from trouble that stays', async () => {
    const other = path.join(directory, 'stale')
    await writeFile(other, simulator.kubeconfig(NAMESPACE).replaceAll(simulator.token, 'stale'))
    const stale = openCluster({ kubeconfig: other, namespace: NAMESPACE })
    await expect(stale.deployment('api', 'api', signal)).rejects.toMatchObject({
      code: 'cluster_unauthorized',
      transient: false,
    })
    await simulator.close()
    const gone = await cluster.deployment('api', 'api', signal).catch((error: unknown) => error)
    expect(gone).toBeInstanceOf(ClusterError)
    expect(gone).toMatchObject({ code: 'cluster_unreachable', transient: true })
  })

  it('never forces a field that someone else manages, and names who', async () => {
    await patchAs('platform-team', cronJob('5 3 * * *'))
    const refusal = await cluster.apply(cronJob('6 3 * * *'), {}, signal).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      code: 'apply_conflict',
      message: 'applying CronJob retry: platform-team manages fields that the manifest sets',
      evidence: ['platform-team (may put its own value back): spec.schedule'],
    })
    // A dry run tells as much, and goes on.
    expect(await cluster.tryApply(cronJob('6 3 * * *'), signal)).toMatchObject({
      outcome: 'changed',
      conflicts: [{ manager: 'platform-team', fields: ['spec.schedule'], byHand: false }],
    })
    expect(await cluster.cronJob('retry', signal)).toMatchObject({ schedule: '5 3 * * *' })
  })

  it('forces what was agreed to, and never what somebody has set meanwhile', async () => {
    const path = `/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs/retry?fieldManager=`
    const patch = (manager: string, spec: object) =>
      send('PATCH', path + manager, { spec }, 'application/merge-patch+json')
    await patchAs('kubectl', cronJob('5 3 * * *'))
    let raced = false
    simulator.setFault({
      concerns: ({ method, path: target }) => {
        // Between the refusal, which tells the conflicts, and the write that was to be forced.
        const asked = method === 'PATCH' && target.endsWith('/retry')
        if (asked && !raced) {
          raced = true
          void patch('argocd-controller', { schedule: '7 3 * * *' })
        }
        return false
      },
    })
    await expect(cluster.apply(cronJob('6 3 * * *'), { takeOver: ['kubectl'] }, signal)).rejects.toMatchObject({
      code: 'apply_conflict',
      message: expect.stringContaining('argocd-controller manages fields'),
    })
    expect(await cluster.cronJob('retry', signal)).toMatchObject({ schedule: '7 3 * * *' })
  })

  it('keeps the value of a Secret out of refusals', async () => {
    const frozen = { metadata: { name: 'frozen' }, stringData: { key: 'old' }, immutable: true }
    await send('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, frozen, 'application/json')
    const value = new Sensitive('whsec_very_secret')
    const refusal = await cluster
      .writeSecret('frozen', { keys: { key: value } }, signal)
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'secret_immutable' })
    const bad = await cluster
      .writeSecret('frozen2', { keys: { 'bad key!': value } }, signal)
      .catch((error: unknown) => error)
    const shown = JSON.stringify([refusal, bad, String(bad), (bad as ClusterError).evidence])
    expect(shown).not.toContain('whsec')
    expect(shown).not.toContain(Buffer.from('whsec_very_secret').toString('base64'))
  })

  it('goes on waiting for a rollout when the API forgets what has been watched', async () => {
    await wait('api:v1')
    const change = { deployment: 'api', container: 'api', image: 'api:v2', changeCause: 'x' }
    await cluster.setImage(change, signal)
    const waiting = wait('api:v2')
    simulator.compact()
    expect(await waiting).toMatchObject({ updated: 2, old: 0 })
  })

  it('says that a paused deployment will not roll out', async () => {
    await wait('api:v1')
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/api`
    await send('PATCH', path, { spec: { paused: true } }, 'application/merge-patch+json')
    await cluster.setImage({ deployment: 'api', container: 'api', image: 'api:v2', changeCause: 'x' }, signal)
    await expect(wait('api:v2')).rejects.toMatchObject({ code: 'deployment_paused' })
  })

  it('follows a container through its crashes without losing or repeating a line', async () => {
    await wait('api:v1')
    const lines: LogLine[] = []
    const abort = new AbortController()
    const since = { deployment: 'api', container: 'api', since: '2020-01-01T00:00:00Z' }
    const following = cluster.followLogs(since, (line) => void lines.push(line), abort.signal)
    await cluster.setImage({ deployment: 'api', container: 'api', image: 'api:crash', changeCause: 'x' }, signal)
    const crashes = () => lines.filter((line) => line.text === 'Error: STRIPE_KEY is not set')
    await vi.waitFor(() => expect(crashes().length).toBeGreaterThanOrEqual(3), { timeout: 15_000 })
    abort.abort()
    await following
    const stamps = lines.map((line) => `${line.pod} ${line.timestamp}`)
    expect(new Set(stamps).size).toBe(stamps.length)
  })

  it('looks at the pods of its deployment only, whatever else in the namespace has a container of that name', async () => {
    const other = { app: 'worker' }
    const spec = {
      ...deployment.spec,
      selector: { matchLabels: other },
      template: { ...deployment.spec.template, metadata: { labels: other } },
    }
    const body = { ...deployment, metadata: { name: 'worker' }, spec }
    await send('POST', `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, body, 'application/json')
    await wait('api:v1')
    await cluster.waitForRollout(
      { deployment: 'worker', container: 'api', image: 'api:v1', onProgress: () => undefined },
      signal,
    )
    const own = (await cluster.currentPods('api', 'api', signal)).map(({ name }) => name).toSorted()
    expect(own).toHaveLength(2)
    expect((await cluster.examinePods('api', 'api', signal))?.map(({ name }) => name).toSorted()).toEqual(own)
    const said: LogLine[] = []
    const read = { deployment: 'api', container: 'api', since: '2020-01-01T00:00:00Z', mostLines: 100 }
    const { pods } = await cluster.recentLogs(read, (line) => void said.push(line), signal)
    expect(pods.toSorted()).toEqual(own)
    expect([...new Set(said.map(({ pod }) => pod))].toSorted()).toEqual(own)
  })

  async function patchAs(manager: string, manifest: KubernetesObject): Promise<void> {
    const target = `/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs/${manifest.metadata.name}?fieldManager=${manager}`
    await send('PATCH', target, manifest, 'application/apply-patch+yaml')
  }

  async function send(method: string, target: string, body: object, type: string): Promise<void> {
    const headers = { authorization: `Bearer ${simulator.token}`, 'content-type': type }
    const response = await fetch(simulator.url + target, { method, headers, body: JSON.stringify(body) })
    expect(response.status).toBeLessThan(300)
  }
})

describe('differences', () => {
  it('names the field and both values, but never a value of a Secret', () => {
    const before = { kind: 'Secret', data: { a: 'MQ==', b: 'MQ==' }, metadata: { resourceVersion: '1' } }
    const after = { kind: 'Secret', data: { a: 'Mg==', c: 'MQ==' }, metadata: { resourceVersion: '2' } }
    expect(differences(before, after)).toEqual(['data.a: changed', 'data.b: removed', 'data.c: added'])
    const containers = (image: string) => ({ spec: { containers: [{ name: 'x' }, { name: 'api', image }] } })
    expect(differences(containers('v1'), containers('v2'))).toEqual(['spec.containers[api].image: v1 → v2'])
  })
})

describe('the digest of the running pods', () => {
  const [wanted, other] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string]
  const pods = (...ids: string[]) =>
    ids.map((imageID, index) => ({
      metadata: { name: `p${index}`, uid: `${index}`, resourceVersion: '1' },
      spec: { containers: [] },
      status: { containerStatuses: [{ name: 'api', ready: true, restartCount: 0, image: '', imageID }] },
    }))

  it.each([
    ['all as asked for', pods(`r@${wanted}`, `r@${wanted}`), undefined],
    ['all with the digest of their platform', pods(`r@${other}`, `r@${other}`), undefined],
    ['no digest known', pods('', ''), undefined],
    ['a mix', pods(`r@${wanted}`, `r@${other}`), expect.stringContaining(other)],
  ])('%s', (_, running, problem) => {
    expect(digestProblem(running, 'api', `r@${wanted}`)).toEqual(problem)
  })
})

const labels = { app: 'api' }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', namespace: NAMESPACE },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'api', image: 'api:v1' }] } },
  },
}

function cronJob(schedule: string): KubernetesObject {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1' }] } }
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'retry' },
    spec: { schedule, jobTemplate: { spec: { template } } },
  }
}
