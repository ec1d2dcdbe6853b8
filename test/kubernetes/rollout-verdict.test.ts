import { describe, expect, it } from 'vitest'
import type { ContainerStatus, Deployment, Pod, ReplicaSet } from '../../src/adapters/kubernetes/api/objects.ts'
import { isLastingPullFailure, podSigns, signsOf } from '../../src/adapters/kubernetes/deployments/rollout-verdict.ts'

const graceMs = 20_000
const never = Number.POSITIVE_INFINITY

function pod(status: Partial<ContainerStatus>, ready = false): Pod {
  const container = { name: 'api', ready, restartCount: 0, image: 'api:v2', imageID: '', ...status }
  return {
    metadata: {
      name: 'api-1',
      uid: 'p',
      resourceVersion: '1',
      ownerReferences: [{ uid: 's', controller: true }],
    },
    spec: { containers: [{ name: 'api', image: 'api:v2' }] },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [container],
    },
  }
}

const ended = (exitCode: number, reason = 'Error') => ({ terminated: { exitCode, reason } })
const waits = (reason: string, message = '') => ({ waiting: { reason, message } })
const runs = { running: { startedAt: '2026-01-05T10:00:00Z' } }

describe('a container that ends', () => {
  it.each<[string, Partial<ContainerStatus>, readonly object[]]>([
    ['once, and runs again, is no sign', { restartCount: 1, state: runs, lastState: ended(1) }, []],
    ['once, just now, is no sign', { state: ended(1) }, []],
    [
      'twice waits for the grace',
      { restartCount: 1, state: waits('CrashLoopBackOff', 'back-off 10s'), lastState: ended(1) },
      [{ reason: 'CrashLoopBackOff', message: 'the container exited with 1, 1 restart', afterMs: graceMs }],
    ],
    [
      'twice, and runs again, may be the one that stays',
      { restartCount: 2, state: runs, lastState: ended(1) },
      [{ reason: 'CrashLoopBackOff', afterMs: never }],
    ],
    [
      'and waits again counts by the time since it began',
      { restartCount: 2, state: waits('CrashLoopBackOff'), lastState: ended(1) },
      [{ afterMs: graceMs }],
    ],
    ['three times, just now', { restartCount: 2, state: ended(1), lastState: ended(1) }, [{ afterMs: graceMs }]],
    [
      'many times is a verdict, however ready it was',
      { restartCount: 5, state: waits('CrashLoopBackOff'), lastState: ended(1) },
      [{ afterMs: 0 }],
    ],
    [
      'many times, and runs again, is none yet',
      { restartCount: 7, state: runs, lastState: ended(1) },
      [{ afterMs: never }],
    ],
    ['and is ready now is no sign', { restartCount: 3, ready: true, state: runs, lastState: ended(1) }, []],
    [
      'for want of memory says so',
      { restartCount: 2, state: waits('CrashLoopBackOff'), lastState: ended(137, 'OOMKilled') },
      [{ message: 'the container ran out of memory, 2 restarts', afterMs: graceMs }],
    ],
    [
      'with success is a loop as well',
      { restartCount: 2, state: waits('CrashLoopBackOff'), lastState: ended(0, 'Completed') },
      [{ message: 'the container exited with 0, 2 restarts' }],
    ],
    [
      'and of whose end nothing is known',
      { restartCount: 2, state: waits('CrashLoopBackOff', 'back-off 20s') },
      [{ message: 'back-off 20s', afterMs: graceMs }],
    ],
  ])('%s', (_, status, signs) => {
    expect(podSigns(pod(status), graceMs)).toMatchObject(signs)
    expect(podSigns(pod(status), graceMs)).toHaveLength(signs.length)
  })
})

describe('a container that cannot begin', () => {
  it.each<[string, string, number | undefined]>([
    ['InvalidImageName', 'couldn’t parse image reference', graceMs / 2],
    ['ErrImageNeverPull', 'Container image is not present', graceMs / 2],
    ['CreateContainerConfigError', 'secret "stripe-credentials" not found', graceMs],
    ['CreateContainerConfigError', 'failed to sync secret cache: timed out waiting for the condition', undefined],
    ['CreateContainerError', 'context deadline exceeded', graceMs],
    ['RunContainerError', 'exec: "node": executable file not found in $PATH', graceMs],
    ['ErrImagePull', 'manifest unknown', graceMs / 2],
    ['ErrImagePull', 'content digest sha256:4f: not found', graceMs * 3],
    ['ImagePullBackOff', 'Back-off pulling image "api:v2"', graceMs * 3],
    ['ContainerCreating', '', undefined],
    ['PodInitializing', '', undefined],
  ])('%s: %s may last for %s ms', (reason, message, afterMs) => {
    const signs = podSigns(pod({ state: waits(reason, message) }), graceMs)
    expect(signs.map((sign) => sign.afterMs)).toEqual(afterMs === undefined ? [] : [afterMs])
  })
})

/** As containerd, CRI-O, Docker and registries word them. */
describe('a failed pull', () => {
  const image =
    'failed to pull and unpack image "registry.example/api:v2": failed to resolve reference "registry.example/api:v2":'
  it.each([
    [`rpc error: code = NotFound desc = ${image} registry.example/api:v2: not found`],
    ['manifest unknown: manifest unknown'],
    ['Error response from daemon: pull access denied for api, repository does not exist or may require docker login'],
    [`${image} pull access denied, insufficient_scope: authorization failed`],
    [`${image} unexpected status from HEAD request to https://registry.example/v2/api/manifests/v2: 403 Forbidden`],
    [`${image} failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized`],
    [
      'reading manifest v2 in registry.example/api: name unknown: repository name not known to registry: does not exist',
    ],
    ['invalid reference format'],
    ['failed to resolve reference "x.example/timeout-lease:503": x.example/timeout-lease:503: not found'],
    [
      'rpc error: code = NotFound desc = failed to pull and unpack image "x/api:1.0-SNAPSHOT": x/api:1.0-SNAPSHOT: not found',
    ],
  ])('will fail again: %s', (message) => {
    expect(isLastingPullFailure(message)).toBe(true)
  })

  it.each([
    ['failed to pull and unpack image "x": failed to extract layer: content digest sha256:0123: not found'],
    ['rpc error: code = NotFound desc = failed to pull and unpack image "x": content digest sha256:0123: not found'],
    ['failed to copy: httpReadSeeker: failed open: content at https://x/v2/api/blobs/sha256:01 not found: not found'],
    ['failed to prepare extraction snapshot "extract-1": parent snapshot sha256:01 does not exist: not found'],
    ['lease "abc": not found'],
    ['blob unknown to registry'],
    ['dial tcp: lookup registry.example on 10.0.0.10:53: no such host'],
    ['lookup registry.example: server misbehaving'],
    ['dial tcp 10.0.0.1:443: connect: connection refused'],
    ['read tcp 10.0.0.1:443: connection reset by peer'],
    ['net/http: TLS handshake timeout'],
    ['context deadline exceeded (Client.Timeout exceeded while awaiting headers)'],
    ['unexpected EOF'],
    ['toomanyrequests: You have reached your pull rate limit'],
    ['429 Too Many Requests'],
    ['pull QPS exceeded'],
    ['unexpected status from GET request to https://x/v2/: 503 Service Unavailable'],
    ['received unexpected HTTP status: 502 Bad Gateway'],
    ['failed to fetch anonymous token: unexpected status: 500 Internal Server Error: denied'],
    ['rpc error: code = Canceled desc = context canceled'],
    ['write /var/lib/containerd/x: no space left on device'],
    [''],
  ])('may pass: %s', (message) => {
    expect(isLastingPullFailure(message)).toBe(false)
  })
})

it('a crash loop gets more time while another pod of the new revision serves', () => {
  const template = { spec: { containers: [{ name: 'api', image: 'api:v2' }] } }
  const deployment: Deployment = {
    metadata: { name: 'api', uid: 'd', resourceVersion: '1' },
    spec: { selector: {}, template },
  }
  const set: ReplicaSet = {
    metadata: { name: 'api-v2', uid: 's', resourceVersion: '1', ownerReferences: [{ uid: 'd', controller: true }] },
    spec: { template },
  }
  const looping = pod({ restartCount: 2, state: waits('CrashLoopBackOff'), lastState: ended(1) })
  const view = (...pods: readonly Pod[]) => ({ deployment, replicaSets: [set], pods })
  expect(signsOf(view(looping), graceMs)).toMatchObject([{ afterMs: graceMs }])
  expect(signsOf(view(looping, pod({ state: runs }, true)), graceMs)).toMatchObject([{ afterMs: graceMs * 3 }])
})
