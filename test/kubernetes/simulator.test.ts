import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../sandbox/kubernetes/objects.ts'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { fakeRuntime } from './fake-runtime.ts'

interface Answer {
  readonly metadata: { readonly resourceVersion: string }
  readonly data?: object
  readonly status?: DeploymentStatus
}

const NAMESPACE = 'production'
const APPS = `/apis/apps/v1/namespaces/${NAMESPACE}`
const CORE = `/api/v1/namespaces/${NAMESPACE}`

describe('the Kubernetes simulator', () => {
  let cluster: KubernetesSimulator
  let runtime: ReturnType<typeof fakeRuntime>

  beforeEach(async () => {
    runtime = fakeRuntime()
    cluster = await startKubernetes({
      runtime,
      namespaces: [NAMESPACE],
      ingress: { namespace: NAMESPACE, deployment: 'api' },
    })
  })
  afterEach(() => cluster.close())

  const call = async (method: string, path: string, body?: object, type = 'application/json') => {
    const response = await fetch(cluster.url + path, {
      method,
      headers: { authorization: `Bearer ${cluster.token}`, 'content-type': type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Answer }
  }
  const status = () => (cluster.read('Deployment', NAMESPACE, 'api') as Deployment | undefined)?.status
  const pods = () => cluster.list('Pod', NAMESPACE) as readonly Pod[]
  const settled = (replicas: number, observedGeneration = 1) =>
    vi.waitFor(
      () => {
        const counts = { updatedReplicas: replicas, availableReplicas: replicas, replicas }
        expect(status()).toMatchObject({ observedGeneration, ...counts })
        expect(pods()).toHaveLength(replicas)
      },
      { timeout: 10_000 },
    )

  it('rolls out surge first, answering a patch before anything has happened', async () => {
    await call('POST', `${APPS}/deployments`, deployment('api:v1'))
    await settled(3)
    const { body: list } = await call('GET', `${APPS}/deployments`)
    const events = watch(`${APPS}/deployments?watch=true&resourceVersion=${list.metadata.resourceVersion}`)
    const patch = { spec: { template: { spec: { containers: [{ name: 'api', image: 'api:v2' }] } } } }
    const { body: patched } = await call(
      'PATCH',
      `${APPS}/deployments/api`,
      patch,
      'application/strategic-merge-patch+json',
    )
    expect(patched).toMatchObject({
      metadata: { generation: 2 },
      status: { observedGeneration: 1, updatedReplicas: 3 },
    })
    await settled(3, 2)
    const steps = (await events.stop()).map(({ object }) => {
      const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = object.status ?? {}
      return { replicas, updatedReplicas, availableReplicas }
    })
    expect(Math.max(...steps.map((step) => step.replicas))).toBe(4)
    expect(Math.min(...steps.map((step) => step.availableReplicas))).toBe(3)
    expect(status()?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
    )
    const sets = cluster.list('ReplicaSet', NAMESPACE) as readonly ReplicaSet[]
    expect(sets.map((set) => set.metadata.annotations?.['deployment.kubernetes.io/revision']).sort()).toEqual([
      '1',
      '2',
    ])
  })

  it('sends requests through the ingress to ready pods in turn, and 502 when there is none', async () => {
    expect((await fetch(`${cluster.ingressUrl}/health`)).status).toBe(502)
    await call('POST', `${APPS}/deployments`, deployment('api:v1'))
    await settled(3)
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await (await fetch(`${cluster.ingressUrl}/health`)).json()) as { pod: string }),
    )
    expect(new Set(answers.map((answer) => answer.pod)).size).toBe(3)
    await call('PATCH', `${APPS}/deployments/api/scale`, { spec: { replicas: 0 } }, 'application/merge-patch+json')
    await vi.waitFor(() => expect(pods()).toEqual([]), { timeout: 10_000 })
    expect((await fetch(`${cluster.ingressUrl}/health`)).status).toBe(502)
  })

  it('starts a container with the Secret of that moment, and not before there is one', async () => {
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'stripe', key: 'webhook-secret' } } }]
    await call('POST', `${APPS}/deployments`, deployment('api:v1', { env }, 1))
    const waiting = () => pods()[0]?.status.containerStatuses?.[0]?.state.waiting
    await vi.waitFor(
      () => expect(waiting()).toEqual({ reason: 'CreateContainerConfigError', message: 'secret "stripe" not found' }),
      { timeout: 10_000 },
    )
    await call('POST', `${CORE}/secrets`, { metadata: { name: 'stripe' }, stringData: { other: 'x' } })
    const missing = { message: `couldn't find key webhook-secret in Secret ${NAMESPACE}/stripe` }
    await vi.waitFor(() => expect(waiting()).toMatchObject(missing), { timeout: 5_000 })
    await call(
      'PATCH',
      `${CORE}/secrets/stripe`,
      { stringData: { 'webhook-secret': 'w1' } },
      'application/merge-patch+json',
    )
    await vi.waitFor(() => expect(runtime.started.at(-1)?.env).toMatchObject({ KEY: 'w1' }), { timeout: 5_000 })
  })

  it('keeps a pod out of service while its readiness probe fails', async () => {
    const readinessProbe = { httpGet: { path: '/health', port: 8080 } }
    await call('POST', `${APPS}/deployments`, deployment('api:unready', { readinessProbe }, 1))
    await vi.waitFor(() => expect(pods()[0]?.status.phase).toBe('Running'), { timeout: 10_000 })
    const events = () => cluster.list('Event', NAMESPACE).map((event) => event.message)
    await vi.waitFor(
      () => expect(events()).toContain('Readiness probe failed: HTTP probe failed with statuscode: 503'),
      { timeout: 10_000 },
    )
    expect(status()?.availableReplicas).toBeUndefined()
    expect((await fetch(`${cluster.ingressUrl}/health`)).status).toBe(502)
  })

  it('keeps the log of the run that crashed', async () => {
    await call('POST', `${APPS}/deployments`, deployment('api:crash', {}, 1))
    const container = () => pods()[0]?.status.containerStatuses?.[0]
    await vi.waitFor(() => expect(container()?.state.waiting?.reason).toBe('CrashLoopBackOff'), { timeout: 5_000 })
    expect(container()?.lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' })
    const path = `${CORE}/pods/${pods()[0]?.metadata.name}/log?previous=true&tailLines=1`
    const log = await fetch(cluster.url + path, { headers: { authorization: `Bearer ${cluster.token}` } })
    expect(await log.text()).toBe('Error: STRIPE_KEY is not set\n')
  })

  it('lets field managers conflict, share and give up fields', async () => {
    const path = `${CORE}/secrets/s`
    const secret = (data: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data })
    const apply = (manager: string, data: object, force = false) =>
      call('PATCH', `${path}?fieldManager=${manager}&force=${force}`, secret(data), 'application/apply-patch+yaml')
    expect((await apply('one', { a: 'MQ==', b: 'MQ==' })).status).toBe(201)
    expect((await apply('two', { a: 'MQ==' })).status).toBe(200)
    const conflict = await apply('two', { a: 'Mg==' })
    expect(conflict).toMatchObject({
      status: 409,
      body: {
        message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
        details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }] },
      },
    })
    expect((await apply('two', { a: 'Mg==' }, true)).body.data).toEqual({ a: 'Mg==', b: 'MQ==' })
    // "one" no longer owns a, so leaving it out removes only b.
    expect((await apply('one', {})).body.data).toEqual({ a: 'Mg==' })
  })

  it('tells a watcher what enters and leaves its selection, and an old version that it is too old', async () => {
    const secret = (name: string, labels: object) => ({ metadata: { name, labels } })
    await call('POST', `${CORE}/secrets`, secret('s', { tier: 'a' }))
    const { body: list } = await call('GET', `${CORE}/secrets`)
    const from = list.metadata.resourceVersion
    const events = watch(`${CORE}/secrets?watch=true&labelSelector=tier=a&resourceVersion=${from}`)
    const label = (tier: string) =>
      call('PATCH', `${CORE}/secrets/s`, { metadata: { labels: { tier } } }, 'application/merge-patch+json')
    await label('a')
    await label('b')
    await label('a')
    await vi.waitFor(() => expect(events.seen().map(({ type }) => type)).toEqual(['DELETED', 'ADDED']), {
      timeout: 10_000,
    })
    await events.stop()
    cluster.compact()
    const late = watch(`${CORE}/secrets?watch=true&resourceVersion=${from}`)
    await vi.waitFor(
      () => expect(late.seen()).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]),
      { timeout: 10_000 },
    )
    await late.stop()
  })

  it('starts a CronJob on the minute, and at once for a time that it missed while suspended', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T10:00:30Z') })
    try {
      const container = { name: 'job', image: 'job:v1' }
      const spec = {
        schedule: '* * * * *',
        suspend: true,
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
      }
      const path = `/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs`
      await call('POST', path, { metadata: { name: 'retry' }, spec })
      vi.setSystemTime(new Date('2026-01-01T10:03:05Z'))
      await call('PATCH', `${path}/retry`, { spec: { suspend: false } }, 'application/merge-patch+json')
      const minutes = Math.floor(Date.parse('2026-01-01T10:03:00Z') / 60_000)
      await vi.waitFor(
        () =>
          expect(cluster.read('CronJob', NAMESPACE, 'retry')?.status).toMatchObject({
            lastScheduleTime: '2026-01-01T10:03:00Z',
            lastSuccessfulTime: expect.any(String),
          }),
        { timeout: 10_000 },
      )
      expect(cluster.list('Job', NAMESPACE).map((job) => job.metadata.name)).toEqual([`retry-${minutes}`])
      await call('DELETE', `${path}/retry`)
      await vi.waitFor(() => expect([...cluster.list('Job', NAMESPACE), ...pods()]).toEqual([]), { timeout: 10_000 })
    } finally {
      vi.useRealTimers()
    }
  })

  it('refuses what has been taken away, in requests and in access reviews alike', async () => {
    cluster.deny([{ verb: 'patch', resource: 'deployments' }])
    const refused = await call('PATCH', `${APPS}/deployments/api`, {}, 'application/merge-patch+json')
    expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } })
    const review = (verb: string) =>
      call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        spec: { resourceAttributes: { namespace: NAMESPACE, group: 'apps', resource: 'deployments', verb } },
      })
    expect((await review('patch')).body.status).toEqual({ allowed: false })
    expect((await review('get')).body.status).toMatchObject({ allowed: true })
  })

  function watch(path: string) {
    const abort = new AbortController()
    const events: { type: string; object: Answer }[] = []
    const reading = (async () => {
      const response = await fetch(cluster.url + path, {
        headers: { authorization: `Bearer ${cluster.token}` },
        signal: abort.signal,
      })
      let rest = ''
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        events.push(...lines.map((line) => JSON.parse(line)))
      }
    })().catch((error: unknown) => {
      if (!abort.signal.aborted) throw error
    })
    const stop = async () => {
      abort.abort()
      await reading
      return events
    }
    return { seen: () => events, stop }
  }
})

function deployment(image: string, container: object = {}, replicas = 3): object {
  const labels = { app: 'api' }
  const containers = [{ name: 'api', image, ...container }]
  return {
    metadata: { name: 'api' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  }
}
