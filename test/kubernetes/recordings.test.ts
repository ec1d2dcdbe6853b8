import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import type { Deployment, Pod, ReplicaSet } from '../../src/adapters/kubernetes/api-objects.ts'
import { signsOf, verdictOf } from '../../src/adapters/kubernetes/rollout-verdict.ts'
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

/** Steps of the error recording that the simulator does not claim to answer word for word, with the reason. */
const NOT_IMITATED: Readonly<Record<string, string>> = {
  18: 'another uid in a patch is 409 here, 422 there',
  23: 'progressDeadlineSeconds against minReadySeconds is not validated',
  28: 'the text of a body of another kind',
  30: 'the answer holds the whole patched document',
  44: "Go's words for a token that is no JSON",
  47: 'every Accept is answered with JSON',
  53: 'the body was not kept',
  54: 'the body was not kept',
  67: 'non-resource paths are plain 404',
  84: 'needs five minutes of compaction',
}
const ERRORS_OF_THE_ONE_USER = (step: number) => step < 56 || step === 73 || step === 81

describe.skipIf(!existsSync(recordings))('against recordings of a real API server', () => {
  let simulator: KubernetesSimulator
  beforeAll(async () => {
    simulator = await startKubernetes({
      runtime: fakeRuntime(),
      namespaces: ['errors'],
      seed: [{ ...deployment, metadata: { ...deployment.metadata, namespace: 'errors' } }],
    })
    simulator.compact()
  })
  afterAll(() => simulator.close())

  const cases = existsSync(recordings)
    ? exchanges('09-errors.json')
        .map((exchange) => ({ ...exchange, number: Number.parseInt(exchange.step, 10) }))
        .filter(({ number, response }) => response.status >= 400 && ERRORS_OF_THE_ONE_USER(number))
        .filter(({ number }) => NOT_IMITATED[number] === undefined)
    : []

  it.each(cases)('answers as recorded: $step', async ({ request, response, number }) => {
    const { method, path, headers, body } = request
    const answer = await send(simulator, method, path, headers, body, number === 73 ? 'wrong' : simulator.token)
    expect(comparable(answer)).toEqual(comparable({ status: response.status, body: response.body }))
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
    expect(signsOf(view, 20_000)).toMatchObject([{ reason: 'CrashLoopBackOff', container: 'api', afterMs: 0 }])
  })
})

/** Versions are each server's own. */
function comparable(answer: object): unknown {
  return JSON.parse(JSON.stringify(answer).replaceAll(/in record \(\d+\)/g, 'in record (…)'))
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
  token: string,
): Promise<{ status: number | undefined; body: unknown }> {
  const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const kept = {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('('))),
    authorization: `Bearer ${token}`,
    'content-length': Buffer.byteLength(payload),
  }
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(url + path, { method, headers: kept }, resolve)
    request.on('error', reject)
    request.end(payload)
  })
  return { status: response.statusCode, body: JSON.parse(await text(response)) }
}
