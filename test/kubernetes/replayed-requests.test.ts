import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { fakeRuntime } from './fake-runtime.ts'
import {
  differing,
  type Exchange,
  exchangesOf,
  numberOf,
  play,
  recorded,
  Replay,
  settled,
  type WatchEvent,
} from './replay.ts'

/** Numbers in parentheses: items of "What a simulator must get right" in the recordings' README. */
describe.skipIf(!recorded)('recorded requests, replayed in their order', () => {
  let simulator: KubernetesSimulator
  let replay: Replay

  const start = async (...namespaces: string[]) => {
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces })
    replay = new Replay(simulator)
  }
  beforeEach(() => start('secrets', 'watching', 'watching-2', 'access', 'cronjobs', 'logs'))
  afterEach(async () => {
    vi.useRealTimers()
    await simulator.close()
  })

  it('Secrets: writes, patches, server-side apply, conflicts, dry runs, immutability (items 17, 22–26)', async () => {
    const exchanges = exchangesOf('07-secrets-server-side-apply.json')
    const watched = exchanges.find(({ step }) => step === 'watch secrets')!
    const stream = replay.open(watched)
    expect(
      await play(exchanges, {
        replay,
        exceptions: {
          40: 'the order of managers in one conflict is that of a Go map',
          71: 'the generated name',
          82: 'the generated name',
        },
      }),
    ).toEqual([])
    await vi.waitFor(() => expect(told(stream.events)).toEqual(told(watched.response.events ?? [])), {
      timeout: 10_000,
    })
    await stream.stop()
  })

  it('lists and watches: selectors, pages, transitions, finalizers, start points (items 17, 18, 20, 35)', async () => {
    const exchanges = exchangesOf('13-watch-list.json')
    // Every real namespace holds these two ConfigMaps.
    const everywhere = Object.fromEntries([6, 10, 24].map((step) => [step, 'lists kube-root-ca.crt as well']))
    const exceptions = { ...everywhere, 15: 'the layout of YAML' }
    expect(await play(exchanges, { replay, to: 15, exceptions })).toEqual([])
    const first = exchanges.findIndex(({ step }) => step.startsWith('watch '))
    const watched = exchanges.slice(first).filter((_, index, rest) => isBefore(16, rest, index))
    const open = watched.map((one) => replay.open(one))
    await vi.waitFor(() => expect(open[0]?.events.length).toBe(2), { timeout: 10_000 })
    expect(await play(exchanges, { replay, from: 16, exceptions })).toEqual([])
    for (const [index, stream] of open.entries()) {
      const theirs = told(watched[index]?.response.events ?? [])
      await vi.waitFor(() => expect(told(stream.events), watched[index]?.step).toEqual(theirs), { timeout: 10_000 })
      await stream.stop()
    }
  })

  it('bookmarks come before the end when something has moved, and the server ends the stream (item 19)', async () => {
    const exchanges = exchangesOf('13-watch-list.json')
    await play(exchanges, { replay, to: 3 })
    const [asked, plain] = ['bookmarks asked for, timeoutSeconds=75', 'no bookmarks asked for, timeoutSeconds=75'].map(
      (step) => exchanges.find((one) => one.step.startsWith(`watch ${step}`))!,
    ) as [Exchange, Exchange]
    const sooner = ({ request }: Exchange) =>
      request.path.replace('timeoutSeconds=75', 'timeoutSeconds=3').replace(/resourceVersion=\d+/, 'resourceVersion=0')
    const patch = exchanges.find((one) => numberOf(one) === 16)!
    const streams = [replay.open(asked, sooner(asked)), replay.open(plain, sooner(plain))]
    await vi.waitFor(() => expect(streams.map(({ events }) => events.length)).toEqual([3, 3]), { timeout: 10_000 })
    await replay.send(patch)
    await Promise.all(streams.map(({ ended }) => ended))
    const types = (index: number) => streams[index]?.events.map(({ type }) => type)
    expect(types(0)).toEqual(['ADDED', 'ADDED', 'ADDED', 'MODIFIED', 'BOOKMARK'])
    expect(types(1)).toEqual(['ADDED', 'ADDED', 'ADDED', 'MODIFIED'])
    const theirs = asked.response.events?.find(({ type }) => type === 'BOOKMARK')
    expect(differing(theirs, streams[0]?.events.at(-1), new Set(['t']))).toEqual([])
  })

  it('health, version and what a ServiceAccount may do by its Role (items 28, 39)', async () => {
    const verbose = Object.fromEntries([4, 8, 11, 13].map((step) => [step, 'the list of checks is of one build']))
    const exceptions = {
      ...verbose,
      14: 'Services are not imitated',
    }
    expect(await play(exchangesOf('12-health-access-review.json'), { replay, exceptions })).toEqual([])
  })

  it('CronJobs by client-side and server-side apply, and moving from one to the other (items 23, 24, 26)', async () => {
    const exchanges = exchangesOf('08-cronjobs-jobs.json')
    expect(await play(exchanges, { replay, to: 21 })).toEqual([])
  })

  it('logs: every option, and every reason why there are none yet (item 34)', async () => {
    const send = (path: string, body: object) =>
      fetch(simulator.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${simulator.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    await send('/api/v1/nodes', { metadata: { name: 'dead-node' } })
    const container = (tag: string, name = 'api') => ({ name, image: `valuecanvas/${name}:${tag}` })
    const pods: Record<string, object> = {
      'valuecanvas-api-5cbc699495-8kz7n': { containers: [container('v1')] },
      slow: { containers: [container('slow')] },
      'bad-image': { containers: [container('v1.3.0-bad')] },
      unscheduled: { containers: [container('v1')], schedulerName: 'nobody' },
      'on-dead-node': { containers: [container('v1')], nodeName: 'dead-node' },
      'on-no-node': { containers: [container('v1')], nodeName: 'node-that-does-not-exist' },
      two: { containers: [container('v1'), container('v1', 'sidecar')] },
      crashing: { containers: [container('crash')] },
    }
    for (const [name, spec] of Object.entries(pods))
      expect((await send('/api/v1/namespaces/logs/pods', { metadata: { name }, spec })).status).toBe(201)
    const statuses = () => simulator.list('Pod', 'logs').map((pod) => JSON.stringify(pod.status))
    await vi.waitFor(() => expect(statuses().filter((one) => one.includes('"running"'))).toHaveLength(2), 5_000)
    const waiting = (reason: string) => () => expect(statuses().some((one) => one.includes(reason))).toBe(true)
    const refusals = exchangesOf('11-logs-events.json').filter(
      ({ request, response }) => /\/log(\?|$)/.test(request.path) && response.status !== 200,
    )
    const exceptions = { 42: 'where the dead kubelet listened' }
    await vi.waitFor(waiting('"ErrImagePull"'), 5_000)
    expect(await play(refusals, { replay, to: 35, exceptions })).toEqual([])
    await vi.waitFor(waiting('"ImagePullBackOff"'), 5_000)
    expect(await play(refusals, { replay, from: 36, exceptions })).toEqual([])
    expect(refusals.length).toBeGreaterThan(15)

    const read = async (pod: string, query: string) => {
      const response = await fetch(`${simulator.url}/api/v1/namespaces/logs/pods/${pod}/log?${query}`, {
        headers: { authorization: `Bearer ${simulator.token}` },
      })
      return { status: response.status, text: await response.text() }
    }
    const crash = 'Error: STRIPE_KEY is not set\n'
    await vi.waitFor(async () => expect((await read('crashing', 'previous=true&tailLines=1')).text).toBe(crash), 5_000)
    expect(await read('crashing', 'previous=true&tailLines=1&limitBytes=5')).toEqual({ status: 200, text: 'Error' })
    expect(await read('two', 'container=sidecar&tailLines=0')).toEqual({ status: 200, text: '' })
    expect((await read('two', 'container=sidecar&timestamps=true')).text).toMatch(
      /^\d{4}-\d\d-\d\dT\S+\.\d{9}Z two starts/,
    )
  })

  it('Jobs on the minute and by hand, three ways to fail, every way to delete (items 30–33, 36)', async () => {
    const exchanges = exchangesOf('08-cronjobs-jobs.json')
    const settle = () => settled(simulator, 'cronjobs')
    await play(exchanges, { replay, to: 21 })
    const watched = exchanges.find(({ step }) => step === 'watch jobs')!
    const version = simulator.list('CronJob', 'cronjobs').at(-1)?.metadata.resourceVersion
    const stream = replay.open(
      watched,
      watched.request.path.replace(/resourceVersion=\d+/, `resourceVersion=${version}`),
    )
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-22T07:44:58Z'), shouldAdvanceTime: true })
    const onTheMinute = () =>
      vi.waitFor(() => expect(simulator.read('Job', 'cronjobs', 'every-minute-29922225')).toBeDefined(), 5_000)
    const failures = (job: string, failed: number) => () =>
      vi.waitFor(() => expect(simulator.read('Job', 'cronjobs', job)?.status).toMatchObject({ failed }), 8_000)
    const wrong = await play(exchanges, {
      replay,
      from: 22,
      settle,
      ignored: ['tolerations', 'nodeName', 'resources'],
      before: { 23: onTheMinute, 24: settle, 47: failures('deadline', 1), 49: failures('retry', 2) },
      exceptions: {
        34: 'containers here end at once, the recorded ones after 4 s',
        36: 'the status of the pod is that of a stand-in for the kubelet',
        55: "Go's way to print a pod template",
        67: 'the object is gone before the next request: the play waits for rest',
      },
    })
    expect(wrong).toEqual([])
    expect(lives(stream.events, 'manual-1')).toEqual(lives(watched.response.events ?? [], 'manual-1'))
    await stream.stop()
  }, 60_000)
})

/** Type, name and whether it is on its way out; bookmarks and what each namespace is born with left out. */
function told(events: readonly WatchEvent[]): string[] {
  const lines = events
    .filter(({ type }) => type !== 'BOOKMARK')
    .map(({ type, object }) => ({ type, metadata: object.metadata as Record<string, unknown> }))
    .filter(({ metadata }) => !/\.crt$/.test(String(metadata.name)))
    .map(({ type, metadata }) => {
      const name = String(metadata.name).replace(/^gen-.*/, 'gen-…')
      return `${type} ${name}${metadata.deletionTimestamp === undefined ? '' : ' (being deleted)'}`
    })
  // What exists already comes in no defined order.
  const first = lines.findIndex((line) => !line.startsWith('ADDED'))
  return [...lines.slice(0, first).sort(), ...lines.slice(first)]
}

/** The stations of one Job, each once. */
function lives(events: readonly WatchEvent[], name: string): string[] {
  const stations = events
    .filter(({ object }) => (object.metadata as { name?: string }).name === name)
    .map(({ type, object }) => {
      const {
        uncountedTerminatedPods = {},
        conditions = [],
        active,
        succeeded,
      } = object.status as {
        uncountedTerminatedPods?: object
        conditions?: { type: string }[]
        active?: number
        succeeded?: number
      }
      const waiting = Object.keys(uncountedTerminatedPods).join()
      return `${type} active ${active}, succeeded ${succeeded}, uncounted ${waiting}, ${conditions.map((one) => one.type).join()}`
    })
  return stations.filter((station, index) => station !== stations[index - 1])
}

/** Recordings put a watch where it was opened. */
function isBefore(step: number, exchanges: readonly Exchange[], index: number): boolean {
  const until = exchanges.findIndex((one) => numberOf(one) === step)
  return index < until
}
