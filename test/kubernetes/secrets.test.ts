import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(120_000)
const name = 'stripe-credentials'

/** As Purser in the cluster: with the Role of deploy/rbac.yaml and no more. */
describe('the Secret that others use too', () => {
  const runtime = fakeRuntime()
  let simulator: KubernetesSimulator
  let directory: string
  let cluster: Cluster

  beforeAll(async () => {
    const seed = [
      deployment('valuecanvas-api', 'webhook-secret'),
      deployment('worker', 'other-key'),
      deployment('bystander', undefined),
    ]
    simulator = await startKubernetes({ runtime, namespaces: [namespace, 'purser'], seed })
    const rbac = fileURLToPath(new URL('../../deploy/rbac.yaml', import.meta.url))
    for (const document of parseAllDocuments(await readFile(rbac, 'utf8'))) simulator.plant(document.toJS() as object)
    directory = await mkdtemp(path.join(tmpdir(), 'purser-secrets-'))
    const kubeconfig = path.join(directory, 'config')
    const text = simulator.kubeconfig(namespace).replaceAll(simulator.token, simulator.tokenFor('purser', 'purser'))
    await writeFile(kubeconfig, text)
    cluster = openCluster({ kubeconfig, namespace })
  })
  afterAll(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  const values = () => {
    const data = (simulator.read('Secret', namespace, name)?.['data'] ?? {}) as Record<string, string>
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    )
  }
  const write = (keys: Readonly<Record<string, string | undefined>>, takeOver: readonly string[] = []) => {
    const wrapped = Object.entries(keys).map(
      ([key, value]) => [key, value === undefined ? undefined : new Sensitive(value)] as const,
    )
    return cluster.writeSecret(name, { keys: Object.fromEntries(wrapped), takeOver }, signal)
  }
  const patchAs = (manager: string, data: object, contentType = 'application/merge-patch+json') =>
    fetch(
      `${simulator.url}/api/v1/namespaces/${namespace}/secrets/${name}?fieldManager=${manager}${contentType.includes('apply') ? '&force=true' : ''}`,
      {
        method: 'PATCH',
        headers: { authorization: `Bearer ${simulator.token}`, 'content-type': contentType },
        body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...data }),
      },
    )

  it('keeps what others put into it, whatever Purser writes and removes', async () => {
    expect(await write({ 'webhook-secret': 'one' })).toMatchObject({ outcome: 'created' })
    await patchAs('platform-team', { stringData: { 'api-key': 'theirs' } })
    expect(await write({ 'webhook-secret': 'two', 'webhook-secret.before-run-1': 'one' })).toMatchObject({
      differences: ['data.webhook-secret: changed', 'data.webhook-secret.before-run-1: added'],
    })
    await write({ 'webhook-secret.before-run-1': undefined })
    expect(values()).toEqual({ 'webhook-secret': 'two', 'api-key': 'theirs' })
    expect(await cluster.secretKey(name, 'api-key', signal)).toMatchObject({
      managers: [{ manager: 'platform-team', fields: ['data.api-key'], byHand: true, script: true }],
    })
  })

  it('names who else has set the key, writes nothing over it, and takes it over only when that was agreed to', async () => {
    await patchAs('kubectl-edit', { stringData: { 'webhook-secret': 'by hand' } })
    const refusal: unknown = await write({ 'webhook-secret': 'three' }).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      code: 'apply_conflict',
      message: 'writing webhook-secret of secret stripe-credentials: kubectl-edit manages it',
      hint: 'It was set by hand since the plan was made. Deploy again: the new plan lists what it overwrites.',
    })
    expect(values()).toMatchObject({ 'webhook-secret': 'by hand' })
    await write({ 'webhook-secret': 'three' }, ['kubectl-edit'])
    expect(values()).toEqual({ 'webhook-secret': 'three', 'api-key': 'theirs' })
    expect((await cluster.secretKey(name, 'webhook-secret', signal)).managers).toEqual([])
  })

  it('takes over what a script has written once, when that was agreed to, and not what one keeps applying', async () => {
    await patchAs('my-deploy-script', { stringData: { 'webhook-secret': 'by a script' } })
    const { managers } = await cluster.secretKey(name, 'webhook-secret', signal)
    expect(managers).toMatchObject([{ manager: 'my-deploy-script', byHand: true, script: true }])
    await expect(write({ 'webhook-secret': 'three' })).rejects.toMatchObject({ code: 'apply_conflict' })
    await write({ 'webhook-secret': 'three' }, ['my-deploy-script'])
    expect(values()).toMatchObject({ 'webhook-secret': 'three' })
    const data = { 'webhook-secret': Buffer.from('from a pipeline').toString('base64') }
    await patchAs('my-pipeline', { data }, 'application/apply-patch+yaml')
    expect((await cluster.secretKey(name, 'webhook-secret', signal)).managers).toMatchObject([
      { manager: 'my-pipeline', byHand: false },
    ])
    await write({ 'webhook-secret': 'three' }, ['my-pipeline'])
  })

  it('tells who writes whole manifests and would write its value back', async () => {
    const data = { 'webhook-secret': Buffer.from('from git').toString('base64') }
    await patchAs('argocd-controller', { data }, 'application/apply-patch+yaml')
    expect((await cluster.secretKey(name, 'webhook-secret', signal)).managers).toMatchObject([
      { manager: 'argocd-controller', byHand: false },
    ])
    await expect(write({ 'webhook-secret': 'four' }, ['kubectl-edit'])).rejects.toMatchObject({
      message: expect.stringContaining('argocd-controller manages it'),
    })
    await write({ 'webhook-secret': 'four' }, ['argocd-controller'])
  })

  it('does not lose a key that somebody adds at the same moment', async () => {
    const others = Array.from({ length: 5 }, (_, index) =>
      patchAs('platform-team', { stringData: { [`k${index}`]: 'x' } }),
    )
    await Promise.all([...others, write({ 'webhook-secret': 'five' })])
    expect(values()).toEqual({
      'webhook-secret': 'five',
      'api-key': 'theirs',
      k0: 'x',
      k1: 'x',
      k2: 'x',
      k3: 'x',
      k4: 'x',
    })
  })

  it('is read by other Deployments too, which are found by their pods and restarted where Purser may', async () => {
    const question = { deployment: 'valuecanvas-api', secret: name, cronJobs: [] }
    await expect
      .poll(async () => (await cluster.secretConsumers(question, signal)).others, { timeout: 10_000 })
      .toEqual([{ workload: 'Deployment worker', by: 'container main', how: 'env' }])
    const restart = () =>
      cluster.restart(
        {
          deployment: 'worker',
          templateAnnotations: { 'purser/stripe-credentials': 'abc' },
          changeCause: 'Purser run #1',
          onProgress: () => undefined,
        },
        signal,
      )
    await expect(restart()).rejects.toMatchObject({ code: 'cluster_forbidden' })
    for (const manifest of mayRestart('worker')) simulator.plant(manifest)
    const before = runtime.started.filter(({ podName }) => podName.startsWith('worker')).length
    expect(await restart()).toMatchObject({ outcome: 'changed' })
    expect(runtime.started.filter(({ podName }) => podName.startsWith('worker'))).toHaveLength(before + 1)
    expect(await restart()).toMatchObject({ outcome: 'unchanged' })
  })
})

function deployment(app: string, key: string | undefined) {
  const labels = { app }
  const secretKeyRef = { name, key, optional: true }
  const env = key === undefined ? [] : [{ name: 'SECRET', valueFrom: { secretKeyRef } }]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: app, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'api:v1', env }] } },
    },
  }
}

function mayRestart(deploymentName: string) {
  const metadata = { name: `purser-restarts-${deploymentName}`, namespace }
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata }
  const rule = {
    apiGroups: ['apps'],
    resources: ['deployments'],
    resourceNames: [deploymentName],
    verbs: ['get', 'patch'],
  }
  return [
    { ...rbac, kind: 'Role', rules: [rule] },
    {
      ...rbac,
      kind: 'RoleBinding',
      subjects: [{ kind: 'ServiceAccount', name: 'purser', namespace: 'purser' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    },
  ]
}
