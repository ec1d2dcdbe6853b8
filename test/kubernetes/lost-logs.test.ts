import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { LogLineReader } from '../../src/adapters/kubernetes/logs/line-reader.ts'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(60_000)
const stamp = '2026-01-05T10:00:00.123456789Z'

describe('a line of an answer', () => {
  it.each<[string, string, ReturnType<LogLineReader['read']>]>([
    ['is the container’s behind its stamp', `${stamp} billing is up`, { kind: 'line', stamp, text: 'billing is up' }],
    ['may be empty', `${stamp} `, { kind: 'line', stamp, text: '' }],
    ['may be empty to its end', stamp, { kind: 'line', stamp, text: '' }],
    [
      'may have a stamp of another zone, without a fraction',
      '2026-01-05T10:00:00+01:00 billing',
      { kind: 'line', stamp: '2026-01-05T10:00:00+01:00', text: 'billing' },
    ],
    [
      'is what a terminal would show',
      `${stamp} \u001b[31merror\u001b[39m: billing\r`,
      { kind: 'line', stamp, text: 'error: billing' },
    ],
    [
      'keeps what carriage returns at its end write nothing over',
      `${stamp} error: billing\r\r`,
      { kind: 'line', stamp, text: 'error: billing' },
    ],
    [
      'keeps what was written over, for the records to take apart',
      `${stamp} error: billing failed\rdone`,
      { kind: 'line', stamp, text: 'error: billing failed\rdone' },
    ],
    [
      'may speak of logs itself',
      `${stamp} unable to retrieve container logs for containerd://0`,
      {
        kind: 'line',
        stamp,
        text: 'unable to retrieve container logs for containerd://0',
      },
    ],
    ...[
      'unable to retrieve container logs for containerd://0a1b',
      'unable to retrieve container logs for docker://0a1b',
      'unable to retrieve container logs for cri-o://0a1b',
      'failed to open log file "/var/log/pods/a_b_c/api/1.log": open /var/log/pods/a_b_c/api/1.log: no such file or directory',
      'failed to try resolving symlinks in path "/var/log/pods/a_b_c/api/1.log": lstat /var/log/pods: no such file or directory',
      'rpc error: code = NotFound desc = an error occurred when try to find container "0a1b": not found',
      '2026 was a good year',
    ].map((text): [string, string, ReturnType<LogLineReader['read']>] => [
      'is the kubelet’s without a stamp',
      text,
      { kind: 'notice', text },
    ]),
    ['is nothing when it is empty', '', undefined],
    ['is nothing when it is white', '  \r', undefined],
  ])('%s: %s', (_, line, expected) => {
    expect(new LogLineReader().read({ text: line, left: 0 })).toEqual(expected)
  })
})

describe('a log that the kubelet has no longer', () => {
  let simulator: KubernetesSimulator
  let directory: string
  let cluster: Cluster
  beforeEach(async () => {
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [deployment] })
    directory = await mkdtemp(path.join(tmpdir(), 'purser-logs-'))
    const kubeconfig = path.join(directory, 'config')
    await writeFile(kubeconfig, simulator.kubeconfig(namespace))
    cluster = openCluster({ kubeconfig, namespace })
  })
  afterEach(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  const rolledOut = (image: string) =>
    cluster.waitForRollout({ deployment: 'api', container: 'api', image, onProgress: () => undefined }, signal)
  const setImage = (image: string) =>
    cluster.setImage({ deployment: 'api', container: 'api', image, changeCause: 'x' }, signal)
  const pods = async () => (await cluster.currentPods('api', 'api', signal)).map(({ name }) => name)

  /** Waits for a pod that has crashed, and has the runtime forget its former run. */
  async function crashedAndForgotten(): Promise<string> {
    await setImage('api:crash')
    return vi.waitFor(
      async () => {
        const crashed = (await cluster.currentPods('api', 'api', signal)).find(({ restarts }) => restarts > 0)
        if (crashed === undefined) throw new Error('no pod has crashed')
        simulator.loseLog(namespace, crashed.name, 'api', 'previous')
        return crashed.name
      },
      { timeout: 15_000, interval: 20 },
    )
  }

  it('has no lines: what the kubelet says in its place is none', async () => {
    const pod = await crashedAndForgotten()
    const part = { pod, container: 'api', from: 'end', lines: 20 } as const
    expect(await cluster.readLog({ ...part, previous: true }, signal)).toEqual([])
    expect((await cluster.readLog(part, signal)).map(({ text }) => text)).toContain('Error: STRIPE_KEY is not set')
  })

  it('leaves the evidence of a crash to the present run', async () => {
    // The kubelet forgets every former run as soon as there is one.
    const forgetting = setInterval(() => {
      for (const { metadata } of simulator.list('Pod', namespace)) {
        try {
          simulator.loseLog(namespace, metadata.name, 'api', 'previous')
        } catch {
          // There was no former run yet.
        }
      }
    }, 1)
    await setImage('api:crash')
    const failed: unknown = await rolledOut('api:crash').catch((error: unknown) => error)
    clearInterval(forgetting)
    expect(failed).toMatchObject({
      code: 'rollout_failed',
      evidence: expect.arrayContaining(['Error: STRIPE_KEY is not set']),
    })
    expect(JSON.stringify(failed)).not.toContain('unable to retrieve')
    expect((failed as { evidence: readonly string[] }).evidence.join()).not.toContain('unable to retrieve')
  })

  it('is named where all logs are read, and nobody takes it for silence', async () => {
    await rolledOut('api:v1')
    const [pod = ''] = await pods()
    simulator.loseLog(namespace, pod, 'api', 'current')
    const lines: LogLine[] = []
    const read = { deployment: 'api', container: 'api', since: '2020-01-01T00:00:00Z', mostLines: 100 }
    const { unreadable } = await cluster.recentLogs(read, (line) => void lines.push(line), signal)
    expect(unreadable).toEqual([
      expect.stringMatching(new RegExp(`^${pod}: unable to retrieve container logs for containerd://`)),
    ])
    expect(lines.map((line) => line.pod)).not.toContain(pod)
    expect(lines.length).toBeGreaterThan(0)
  })

  it('is a gap while it is followed, until its pod is gone', async () => {
    await rolledOut('api:v1')
    const gaps = new Map<string, string | undefined>()
    const abort = new AbortController()
    const range = { deployment: 'api', container: 'api', since: '2020-01-01T00:00:00Z' }
    const lines: LogLine[] = []
    const following = cluster.followLogs(
      range,
      (line) => void lines.push(line),
      abort.signal,
      (pod, why) => gaps.set(pod, why),
    )
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(1), 5_000)
    const [pod = ''] = await pods()
    simulator.loseLog(namespace, pod, 'api', 'current')
    await vi.waitFor(() => expect(gaps.get(pod)).toContain('unable to retrieve container logs for'), 10_000)
    expect([...gaps.keys()]).toEqual([pod])
    await setImage('api:v2')
    await rolledOut('api:v2')
    await vi.waitFor(() => expect(gaps.get(pod)).toBeUndefined(), 10_000)
    abort.abort()
    await following
    expect(lines.map(({ text }) => text).join()).not.toContain('unable to retrieve')
  })
})

const labels = { app: 'api' }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', namespace },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: 'api',
            image: 'api:v1',
            readinessProbe: { httpGet: { path: '/health', port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
}
