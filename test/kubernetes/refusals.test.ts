import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import {
  allowedBy,
  hintFor,
  isAboutRights,
  isNotReady,
  Refusals,
  rightsFor,
} from '../../src/adapters/kubernetes/api/refusals.ts'
import type { ApiRequest } from '../../src/adapters/kubernetes/api/request.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { fakeRuntime } from './fake-runtime.ts'

const pods = '/api/v1/namespaces/production/pods'
const deployments = '/apis/apps/v1/namespaces/production/deployments'
const request = (method: ApiRequest['method'], target: string, query: ApiRequest['query'] = {}): ApiRequest => ({
  method,
  path: target,
  query,
  doing: 'trying',
})

describe('a refusal', () => {
  it.each<[string, readonly [string, ApiRequest, number][], boolean]>([
    ['of what was never served stays', [['refused', request('GET', pods), 0]], false],
    [
      'of what was served a second before may pass',
      [
        ['served', request('GET', pods), 0],
        ['refused', request('GET', pods), 1_000],
      ],
      true,
    ],
    [
      'that has lasted for a minute stays',
      [
        ['served', request('GET', pods), 0],
        ['refused', request('GET', pods), 1_000],
        ['refused', request('GET', pods), 61_000],
      ],
      false,
    ],
    [
      'after another success may pass again',
      [
        ['served', request('GET', pods), 0],
        ['refused', request('GET', pods), 1_000],
        ['served', request('GET', pods), 50_000],
        ['refused', request('GET', pods), 90_000],
      ],
      true,
    ],
    [
      'of what was served an hour ago stays',
      [
        ['served', request('GET', pods), 0],
        ['refused', request('GET', pods), 3_600_000],
      ],
      false,
    ],
    [
      'of another verb stays',
      [
        ['served', request('GET', deployments), 0],
        ['refused', request('PATCH', deployments), 1_000],
      ],
      false,
    ],
    [
      'of a watch that follows a list may pass',
      [
        ['served', request('GET', pods), 0],
        ['refused', request('GET', pods, { watch: true }), 1_000],
      ],
      true,
    ],
    [
      'of another Secret stays',
      [
        ['served', request('GET', '/api/v1/namespaces/production/secrets/a'), 0],
        ['refused', request('GET', '/api/v1/namespaces/production/secrets/b'), 1_000],
      ],
      false,
    ],
    [
      'of the log of another pod may pass',
      [
        ['served', request('GET', `${pods}/api-1/log`), 0],
        ['refused', request('GET', `${pods}/api-2/log`), 1_000],
      ],
      true,
    ],
  ])('%s', (_, story, passes) => {
    let now = 0
    const refusals = new Refusals(() => now)
    let last: boolean | undefined
    for (const [what, of, at] of story) {
      now = at
      if (what === 'served') refusals.served(of)
      else last = refusals.mayPass(of)
    }
    expect(last).toBe(passes)
  })

  it.each<[number, string, boolean]>([
    [401, 'Unauthorized', true],
    [403, 'pods is forbidden: User "purser" cannot list resource "pods" in API group "" in the namespace "x"', true],
    [403, 'secrets "stripe-credentials" is forbidden: ', true],
    [403, 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3', false],
    [403, 'jobs.batch "x" is forbidden: ValidatingAdmissionPolicy "images" denied request: no', false],
    [403, 'admission webhook "policy.example" denied the request: image not signed', false],
    [403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', false],
    [
      403,
      'deployments.apps "x" is forbidden: unable to create new content in namespace y because it is being terminated',
      false,
    ],
    [403, 'pods "x" is forbidden: failed quota: small: must specify limits.cpu', false],
    [403, 'pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2', false],
    [404, 'not found', false],
    [409, 'conflict', false],
  ])('%i %s is about a right: %s', (status, message, about) => {
    expect(isAboutRights(status, message)).toBe(about)
  })

  it('of a server that is not ready yet passes, whoever asks', () => {
    expect(isNotReady(403, 'pods "x" is forbidden: not yet ready to handle request')).toBe(true)
    expect(isNotReady(403, 'pods "x" is forbidden: User "x" cannot list')).toBe(false)
    expect(isNotReady(500, 'not yet ready to handle request')).toBe(false)
  })

  it.each<[ApiRequest, readonly object[]]>([
    [request('GET', pods), [{ verb: 'list', group: '', resource: 'pods', namespace: 'production' }]],
    [
      request('GET', deployments, { watch: true, fieldSelector: 'metadata.name=api' }),
      [{ verb: 'watch', group: 'apps', resource: 'deployments', namespace: 'production', name: 'api' }],
    ],
    [
      request('GET', `${pods}/api-1/log`),
      [{ verb: 'get', group: '', resource: 'pods', namespace: 'production', name: 'api-1', subresource: 'log' }],
    ],
    [
      request('POST', `/apis/batch/v1/namespaces/x/jobs`),
      [{ verb: 'create', group: 'batch', resource: 'jobs', namespace: 'x' }],
    ],
    [request('DELETE', `${deployments}/api`), [expect.objectContaining({ verb: 'delete', name: 'api' })]],
    [request('GET', '/api/v1/nodes'), [{ verb: 'list', group: '', resource: 'nodes' }]],
    [
      { ...request('PATCH', `${deployments}/api`), contentType: 'application/apply-patch+yaml' },
      [
        { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'production', name: 'api' },
        { verb: 'create', group: 'apps', resource: 'deployments', namespace: 'production' },
      ],
    ],
    [request('GET', '/version'), []],
    [request('GET', '/apis/batch/v1'), []],
  ])('the right for %o', (of, rights) => {
    expect(rightsFor(of)).toEqual(rights)
  })

  const [yes, no, nothing] = [{ status: { allowed: true } }, { status: { allowed: false } }, undefined]
  it.each([
    [[yes], true],
    [[yes, yes], true],
    [[yes, no], false],
    [[nothing, no], false],
    [[yes, nothing], undefined],
    [[{ status: {} }], undefined],
    [[], undefined],
  ])('answers %o come to %s', (answers, allowed) => {
    expect(allowedBy(answers)).toBe(allowed)
  })
})

const namespace = 'production'
const signal = AbortSignal.timeout(120_000)

describe('against an API server', () => {
  let simulator: KubernetesSimulator
  let directory: string
  let cluster: Cluster

  beforeEach(async () => {
    const container = {
      name: 'api',
      image: 'api:v1',
      readinessProbe: { httpGet: { path: '/health' }, periodSeconds: 1 },
    }
    const metadata = { name: 'api', namespace }
    const labels = { app: 'api' }
    const template = { metadata: { labels }, spec: { containers: [container] } }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    }
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [deployment] })
    directory = await mkdtemp(path.join(tmpdir(), 'purser-refusals-'))
    await writeFile(path.join(directory, 'config'), simulator.kubeconfig(namespace))
    cluster = openCluster({ kubeconfig: path.join(directory, 'config'), namespace })
  })
  afterEach(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  const setImage = (image: string) =>
    cluster.setImage({ deployment: 'api', container: 'api', image, changeCause: 'test' }, signal)
  const rolledOut = (image: string) =>
    cluster.waitForRollout({ deployment: 'api', container: 'api', image, onProgress: () => undefined }, signal)
  const notReviews = ({ path: target }: { readonly path: string }) => !target.includes('/selfsubject')

  it.each([401, 403] as const)(
    'a rollout goes on although the server, coming up, answers %i for a while',
    async (status) => {
      await rolledOut('api:v1')
      await setImage('api:v2')
      let begun = false
      const wait = { deployment: 'api', container: 'api', image: 'api:v2', onProgress: () => void (begun = true) }
      const waiting = cluster.waitForRollout(wait, signal)
      await vi.waitFor(() => expect(begun).toBe(true), 10_000)
      // All three watches are refused once they are opened again, and so are the lists.
      simulator.setFault({ status, times: 12 })
      simulator.dropConnections()
      expect(await waiting).toMatchObject({ updated: 2, old: 0 })
    },
  )

  it('a write that is refused in passing is sent again: what was refused was not done', async () => {
    await setImage('api:v2')
    simulator.setFault({ concerns: ({ method }) => method === 'PATCH', status: 403, times: 2 })
    expect(await setImage('api:v3')).toMatchObject({ outcome: 'changed' })
  })

  it('a right that is taken away is named at last, by what the server says of it', async () => {
    await cluster.deployment('api', 'api', signal)
    simulator.deny([{ verb: 'get', resource: 'secrets' }])
    await expect(cluster.secretKey('stripe-credentials', 'x', signal)).rejects.toMatchObject({
      code: 'cluster_forbidden',
      transient: false,
      hint: hintFor(false),
    })
  })

  it('nobody is told to grant what is granted', async () => {
    simulator.setFault({ concerns: notReviews, status: 403 })
    await expect(cluster.secretKey('stripe-credentials', 'x', signal)).rejects.toMatchObject({
      code: 'cluster_forbidden',
      transient: true,
      hint: hintFor(true),
    })
  })

  it('where the server does not say, nobody claims to know', async () => {
    simulator.setFault({ status: 403 })
    await expect(cluster.secretKey('stripe-credentials', 'x', signal)).rejects.toMatchObject({
      code: 'cluster_forbidden',
      transient: false,
      hint: hintFor(undefined),
    })
  })

  it('an apply that may not create is told so, although it may patch', async () => {
    simulator.deny([{ verb: 'create', resource: 'cronjobs' }])
    const spec = {
      schedule: '5 3 * * *',
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1' }] } } },
      },
    }
    const manifest = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'retry' }, spec }
    await expect(cluster.apply(manifest, {}, signal)).rejects.toMatchObject({
      code: 'cluster_forbidden',
      transient: false,
      hint: hintFor(false),
    })
  })

  it('a second’s success is forgotten after a while', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const refusals = new Refusals()
      refusals.served(request('GET', pods))
      vi.setSystemTime(Date.now() + 3_600_000)
      expect(refusals.mayPass(request('GET', pods))).toBe(false)
    } finally {
      vi.useRealTimers()
    }
  })
})
