import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import type { Deployment, Pod, ReplicaSet } from '../../src/adapters/kubernetes/api/objects.ts'
import { signsOf, verdictOf } from '../../src/adapters/kubernetes/deployments/rollout-verdict.ts'
import { fakeRuntime } from './fake-runtime.ts'

/** Traffic of a real API server, kept outside the repository; without it these checks are skipped. */
const recordings = fileURLToPath(new URL('../../../shared/recordings/kubernetes/', import.meta.url))

interface Exchange {
  readonly kind: string
  readonly step: string
  readonly request: { method: string; path: string; headers: Record<string, string>; body?: unknown }
  readonly response: {
    status: number
    body?: Record<string, unknown>
    events?: { t: number; type: string; object: Record<string, unknown> }[]
  }
}

function exchanges(file: string): Exchange[] {
  const all = JSON.parse(readFileSync(`${recordings}${file}`, 'utf8')) as Exchange[]
  return all.filter((one) => one.kind === 'exchange')
}

/** Steps of the error recording that the simulator does not answer word for word, with the reason. */
const NOT_IMITATED: Readonly<Record<string, string>> = {
  18: 'another uid in a patch is 409 here, 422 there',
  23: 'progressDeadlineSeconds against minReadySeconds is not validated',
  28: 'the text of a body of another kind',
  30: 'the answer holds the whole patched document',
  44: "Go's words for a token that is no JSON",
  47: 'an Accept that nobody can serve is answered with JSON',
  53: 'the body was not kept',
  54: 'the body was not kept',
  67: 'non-resource paths are plain 404',
  77: 'evictions are not imitated',
  78: 'evictions are not imitated',
  84: 'needs a page token of this server: see below',
}

const account = { kind: 'ServiceAccount', name: 'runbook-bot', namespace: 'errors' }
const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'runbook-bot', namespace: 'errors' } }
const role = {
  ...rbac,
  kind: 'Role',
  rules: [
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['s1'], verbs: ['get'] },
  ],
}
const roleBinding = {
  ...rbac,
  kind: 'RoleBinding',
  roleRef: { kind: 'Role', name: 'runbook-bot' },
  subjects: [account],
}

describe.skipIf(!existsSync(recordings))('against recordings of a real API server (items 20, 27–29)', () => {
  let simulator: KubernetesSimulator
  beforeAll(async () => {
    simulator = await startKubernetes({
      runtime: fakeRuntime(),
      namespaces: ['errors', 'production'],
      seed: [{ ...deployment, metadata: { ...deployment.metadata, namespace: 'errors' } }, role, roleBinding],
    })
    const json = { 'content-type': 'application/json' }
    const namespaces = '/api/v1/namespaces'
    const goingAway = { metadata: { name: 'going-away', finalizers: ['example.com/hold'] } }
    await send(simulator, 'POST', namespaces, json, goingAway, simulator.token)
    await send(simulator, 'DELETE', `${namespaces}/going-away`, json, undefined, simulator.token)
    simulator.compact()
  })
  afterAll(() => simulator.close())

  const cases = existsSync(recordings)
    ? exchanges('09-errors.json')
        .map((exchange) => ({ ...exchange, number: Number.parseInt(exchange.step, 10) }))
        .filter(({ response }) => response.status >= 400)
        .filter(({ number }) => NOT_IMITATED[number] === undefined)
    : []

  it.each(cases)('answers as recorded: $step', async ({ request, response, number }) => {
    const { method, path, headers, body } = request
    const answer = await send(simulator, method, path, headers, body, tokenFor(number))
    expect(comparable(answer)).toEqual(comparable({ status: response.status, body: response.body }))
  })

  /** Nobody, a stranger, the ServiceAccount itself; else whoever may impersonate it. */
  function tokenFor(step: number): string | undefined {
    if (step === 72) return undefined
    if (step === 73) return 'wrong'
    return step === 76 ? simulator.tokenFor('errors', 'runbook-bot') : simulator.token
  }

  it('gives a fresh page token when the old one has expired: 84', async () => {
    const secrets = '/api/v1/namespaces/errors/secrets'
    const ask = (path: string, method = 'GET', body?: object) =>
      send(simulator, method, path, { 'content-type': 'application/json' }, body, simulator.token)
    for (const name of ['s0', 's9']) await ask(secrets, 'POST', { metadata: { name } })
    const first = (await ask(`${secrets}?limit=1`)).body as { metadata: { continue: string } }
    await ask(secrets, 'POST', { metadata: { name: 's5' } })
    simulator.compact()
    const answer = await ask(`${secrets}?limit=1&continue=${first.metadata.continue}`)
    const theirs = exchanges('09-errors.json').find(({ step }) => step.startsWith('84 '))!.response
    expect(comparable(answer)).toEqual(comparable({ status: theirs.status, body: theirs.body }))
  })

  it('never takes a moment before the end of a rollout for its end', () => {
    const watched = exchanges('01-rollout-success.json').filter(
      ({ request, response }) =>
        response.events && request.path.includes('/deployments?') && request.path.includes('watch=true'),
    )
    const events = watched.flatMap(({ response }) => response.events ?? [])
    const specs = new Map<number, unknown>()
    const verdicts = events
      .filter(({ type, object }) => type === 'MODIFIED' && object['='] === undefined)
      .map(({ object }) => {
        const current = object as unknown as Deployment
        const generation = current.metadata.generation ?? 0
        if (object.spec !== '=') specs.set(generation, object.spec)
        return { ...current, spec: specs.get(generation) } as Deployment
      })
      .filter(({ metadata, spec }) => metadata.generation === 2 && spec !== undefined)
      .map((current) => ({
        verdict: verdictOf(current, 'api', 'valuecanvas/api:v1.2.0').kind,
        complete:
          JSON.stringify(current.status).includes('NewReplicaSetAvailable') && current.status?.observedGeneration === 2,
      }))
    expect(verdicts.length).toBeGreaterThan(5)
    for (const { verdict, complete } of verdicts) expect(verdict).toBe(complete ? 'done' : 'waiting')
  })

  it('sees the crash loop in the pods that a real cluster showed', () => {
    const events = exchanges('03-crash-loop.json').flatMap(({ response }) => response.events ?? [])
    const pod = events
      .map(({ object }) => object)
      .find(({ status }) => JSON.stringify(status)?.includes('CrashLoopBackOff'))
    const owner = (pod as Pod | undefined)?.metadata.ownerReferences?.[0]?.uid ?? ''
    const view = {
      deployment: { ...deployment, metadata: { ...deployment.metadata, uid: 'd', resourceVersion: '1' } } as Deployment,
      replicaSets: [replicaSet(owner)],
      pods: [pod as unknown as Pod],
    }
    expect(signsOf(view, 20_000)).toMatchObject([{ reason: 'CrashLoopBackOff', container: 'api', afterMs: 20_000 }])
  })
})

/** Versions are each server's own. */
function comparable(answer: object): unknown {
  return JSON.parse(JSON.stringify(answer).replaceAll(/(in record \(|current: )\d+/g, '$1…'))
}

const template = {
  metadata: { labels: { app: 'valuecanvas-api' } },
  spec: { containers: [{ name: 'api', image: 'valuecanvas/api:v1.1.0' }] },
}
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'valuecanvas-api' },
  spec: { replicas: 3, selector: { matchLabels: { app: 'valuecanvas-api' } }, template },
}

function replicaSet(uid: string): ReplicaSet {
  const ownerReferences = [{ uid: 'd', controller: true }]
  return { metadata: { name: 'set', uid, resourceVersion: '1', ownerReferences }, spec: { template } }
}

async function send(
  { url }: KubernetesSimulator,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: unknown,
  token: string | undefined,
): Promise<{ status: number | undefined; body: unknown }> {
  const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const kept = {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('('))),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    'content-length': Buffer.byteLength(payload),
  }
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(url + path, { method, headers: kept }, resolve)
    request.on('error', reject)
    request.end(payload)
  })
  return { status: response.statusCode, body: JSON.parse(await text(response)) }
}
