import { afterEach, describe, expect, it, vi } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { fakeRuntime } from './fake-runtime.ts'
import { type Exchange, exchangesOf, play, recorded, Replay, settled, type Stream, type WatchEvent } from './replay.ts'

type Json = Record<string, unknown>
interface Scene {
  readonly exchanges: readonly Exchange[]
  readonly simulator: KubernetesSimulator
  readonly replay: Replay
  readonly settle: () => Promise<void>
}

/** Numbers in parentheses: items of "What a simulator must get right" in the recordings' README. */
describe.skipIf(!recorded)('recorded rollouts, played again', () => {
  let scene: Scene

  /** With the Deployment that the recording begins with, changed a little where a play needs it. */
  async function start(file: string, namespace: string, change: (spec: Json) => Json = (spec) => spec): Promise<Scene> {
    const exchanges = exchangesOf(file)
    const seed = firstDeployment(exchanges, change)
    const simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed })
    scene = { exchanges, simulator, replay: new Replay(simulator), settle: () => settled(simulator, namespace) }
    await scene.settle()
    return scene
  }
  afterEach(() => scene.simulator.close())

  const watches = ({ exchanges }: Scene, kind: string) =>
    exchanges.filter(({ step }) => step === `watch ${kind}`).map(({ response }) => response.events ?? [])
  const watchNow = ({ replay, simulator, exchanges }: Scene, kind: string): Stream => {
    const watch = exchanges.filter(({ step }) => step === `watch ${kind}`).at(-1)!
    const version = simulator.list('Deployment', namespaceIn(watch)).at(-1)?.metadata.resourceVersion ?? '0'
    const newest = ['Deployment', 'ReplicaSet', 'Pod'].flatMap((one) =>
      simulator.list(one, namespaceIn(watch)).map((object) => Number(object.metadata.resourceVersion)),
    )
    const from = Math.max(Number(version), ...newest)
    return replay.open(watch, watch.request.path.replace(/\?.*/, `?watch=true&resourceVersion=${from}`))
  }

  it('a rollout: the answer before the effect, the order of events, generations and counters (items 1–7)', async () => {
    const { exchanges, replay, settle } = await start('01-rollout-success.json', 'rollout-ok')
    await play(exchanges, { replay, from: 3, to: 3 })
    const [deployments, sets, pods] = ['deployments', 'replicasets', 'pods'].map((kind) => watchNow(scene, kind))
    expect(await play(exchanges, { replay, from: 4, to: 4, settle })).toEqual([])
    const theirs = watches(scene, 'deployments')[1]!
    const ours = deployments!.events
    expect(milestones(ours)).toEqual(milestones(theirs).slice(0, milestones(ours).length))
    expect(replicaSteps(ours, 2)).toEqual(replicaSteps(theirs, 2))
    expect(setSteps(sets!.events, 'v1.2.0')).toEqual(setSteps(watches(scene, 'replicasets')[1]!, 'v1.2.0'))
    expect(podLives(pods!.events, 'v1.2.0')).toEqual(podLives(watches(scene, 'pods')[1]!, 'v1.2.0'))
    await Promise.all([deployments, sets, pods].map((stream) => stream!.stop()))
    const exceptions = {
      10: 'the status of pods is that of a stand-in for the kubelet',
      11: 'the events of the creation, which this play leaves out',
      12: 'the events of the creation, which this play leaves out',
      19: 'the rollout is over by then: pods here are ready at once',
      20: 'the rollout is over by then: pods here are ready at once',
    }
    expect(await play(exchanges, { replay, from: 6, settle, exceptions })).toEqual([])
  })

  it('a bad image: old pods stay, the deadline passes, an undo clears it two events later (items 8, 9, 10)', async () => {
    const shorter = (spec: Json) => ({ ...spec, progressDeadlineSeconds: 1 })
    const { exchanges, replay, simulator } = await start('02-rollout-bad-image.json', 'rollout-bad', shorter)
    const stream = watchNow(scene, 'deployments')
    await play(exchanges, { replay, to: 2 })
    const progressing = () => progress(simulator.read('Deployment', 'rollout-bad', 'valuecanvas-api'))
    await vi.waitFor(() => expect(progressing()).toMatchObject({ reason: 'ProgressDeadlineExceeded' }), 8_000)
    const wrong = await play(exchanges, {
      replay,
      from: 7,
      to: 12,
      ignored: [
        'progressDeadlineSeconds',
        'tolerations',
        'nodeName',
        'containerStatuses',
        'message',
        'podIPs',
        'startTime',
      ],
      exceptions: { 9: 'the events of the creation', 10: 'the events of a stand-in', 12: 'the order of pods' },
    })
    expect(wrong).toEqual([])
    const pods = simulator.list('Pod', 'rollout-bad').map(({ status }) => (status as Json).phase)
    expect(pods.sort()).toEqual(['Pending', 'Running', 'Running', 'Running'])
    await play(exchanges, { replay, from: 16, to: 16 })
    await vi.waitFor(() => expect(progressing()).toMatchObject({ reason: 'NewReplicaSetAvailable' }), {
      timeout: 10_000,
    })
    const theirs = watches(scene, 'deployments').flat()
    await vi.waitFor(() => expect(reasons(stream.events)).toEqual(reasons(theirs)), { timeout: 10_000 })
    const stale = (events: readonly WatchEvent[]) =>
      events.filter(({ object }) => generation(object) === 3 && reasonOf(object) === 'ProgressDeadlineExceeded').length
    expect(stale(stream.events)).toBe(stale(theirs))
    await stream.stop()
  })

  it('a crash loop: phase Running, waiting CrashLoopBackOff, not Ready (item 10)', async () => {
    const { exchanges, replay, simulator } = await start('03-crash-loop.json', 'rollout-crash')
    await play(exchanges, { replay, to: 2 })
    const looping = (pod: unknown) => JSON.stringify(pod).includes('CrashLoopBackOff')
    const ours = () => simulator.list('Pod', 'rollout-crash').find(looping)
    await vi.waitFor(() => expect(ours()).toBeDefined(), 8_000)
    const theirs = watches(scene, 'pods')
      .flat()
      .find(({ object }) => looping(object))?.object
    expect(bearing(ours())).toEqual(bearing(theirs))
  })

  it('undo: new numbers for old ReplicaSets, twice goes back, history is kept short (items 7, 11, 12)', async () => {
    const { exchanges, replay, settle } = await start('04-rollout-undo-history.json', 'rollout-undo')
    const exceptions = { 14: 'the rollout is over by then: pods here are ready at once' }
    expect(await play(exchanges, { replay, settle, exceptions })).toEqual([])
  })

  it('restart, pause, a change while paused, resume (items 4, 13)', async () => {
    const { exchanges, replay, settle } = await start('05-restart-pause-resume.json', 'rollout-pause')
    const stream = watchNow(scene, 'deployments')
    const exceptions = {
      1: 'the annotation of a client-side apply before the recording',
      3: 'the rollout is over by then: pods here are ready at once',
      4: 'the rollout is over by then: pods here are ready at once',
      16: 'the rollout is over by then: pods here are ready at once',
      17: 'the rollout is over by then: pods here are ready at once',
    }
    expect(await play(exchanges, { replay, settle, exceptions })).toEqual([])
    expect(reasons(stream.events)).toEqual(reasons(watches(scene, 'deployments').flat()))
    await stream.stop()
  })

  it('scale: the subresource in every dialect, to nothing and back, pods deleted (items 5, 14, 15, 16)', async () => {
    const { exchanges, replay, settle, simulator } = await start('06-scale.json', 'scale')
    const pods = watchNow(scene, 'pods')
    const wrong = await play(exchanges, {
      replay,
      to: 20,
      settle,
      ignored: ['tolerations', 'nodeName', 'generateName'],
      exceptions: {
        1: 'the status of pods is that of a stand-in for the kubelet',
        5: 'the pods are gone by then',
        11: 'the pods are ready by then',
      },
    })
    expect(wrong).toEqual([])
    const name = simulator.list('Pod', 'scale')[0]?.metadata.name ?? ''
    const deletion = exchanges.find(({ step }) => step.startsWith('21 '))!
    const path = deletion.request.path.replace(/[^/]+$/, name)
    const answer = await replay.send({ ...deletion, request: { ...deletion.request, path } })
    expect(answer.body).toMatchObject({
      kind: 'Pod',
      metadata: { name, deletionTimestamp: expect.any(String), deletionGracePeriodSeconds: 30 },
    })
    const end = ['MODIFIED 30', 'MODIFIED 0', 'DELETED 0']
    await vi.waitFor(() => expect(farewell(pods.events, name)).toEqual(end), { timeout: 10_000 })
    const theirs = watches(scene, 'pods').flat()
    expect(farewell(theirs, deletion.request.path.split('/').at(-1)!)).toEqual(end)
    await pods.stop()
  })
})

const namespaceIn = ({ request }: Exchange) => /namespaces\/([^/?]+)/.exec(request.path)?.[1] ?? ''

function firstDeployment(exchanges: readonly Exchange[], change: (spec: Json) => Json): object[] {
  const bodies = exchanges.map(({ response }) => response.body as { kind?: string; items?: Json[] } & Json)
  const found = bodies.find((body) => body?.kind === 'Deployment' || body?.kind === 'DeploymentList')
  const { metadata, spec } = (found?.items?.[0] ?? found) as { metadata: Json; spec: Json }
  const { name, namespace, labels, annotations } = metadata
  const { 'deployment.kubernetes.io/revision': _, ...kept } = (annotations ?? {}) as Json
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels, annotations: kept },
      spec: change(spec),
    },
  ]
}

const generation = (object: unknown) => (object as { metadata: { generation?: number } }).metadata.generation
const statusOf = (object: unknown): Json => (object as { status?: Json }).status ?? {}

function progress(object: unknown): Json | undefined {
  const conditions = (statusOf(object).conditions ?? []) as Json[]
  return conditions.find(({ type }) => type === 'Progressing')
}

const reasonOf = (object: unknown) => progress(object)?.reason

/** Each reason of Progressing once, in its order. */
function reasons(events: readonly WatchEvent[]): unknown[] {
  return withoutRepeats(events.filter(({ type }) => type === 'MODIFIED').map(({ object }) => reasonOf(object)))
}

/** What a Deployment goes through, without what several writes may share. */
function milestones(events: readonly WatchEvent[]): string[] {
  const seen = events
    .filter(({ type }) => type === 'MODIFIED')
    .map(
      ({ object }) =>
        `${generation(object)} seen as ${String(statusOf(object).observedGeneration)}: ${String(reasonOf(object))}`,
    )
  return withoutRepeats(seen)
}

/** `replicas`/`updatedReplicas` over one generation: the README's 3/3 … 3/3. */
function replicaSteps(events: readonly WatchEvent[], of: number): string[] {
  const steps = events
    .filter(({ object, type }) => type === 'MODIFIED' && generation(object) === of)
    .map(({ object }) => `${String(statusOf(object).replicas)}/${String(statusOf(object).updatedReplicas ?? 0)}`)
  return withoutRepeats(steps)
}

/** How the ReplicaSet of one image grows, and how the others shrink meanwhile. */
function setSteps(events: readonly WatchEvent[], tag: string): { grows: unknown[]; shrinks: unknown[] } {
  const names = new Set<unknown>()
  const replicas: { name: unknown; count: unknown }[] = []
  const kept = new Map<unknown, unknown>()
  for (const { object } of events) {
    const { name } = object.metadata as Json
    if (JSON.stringify(object.spec).includes(`:${tag}`)) names.add(name)
    if (object.spec !== '=') kept.set(name, (object.spec as Json).replicas)
    replicas.push({ name, count: kept.get(name) })
  }
  const of = (mine: boolean) =>
    withoutRepeats(replicas.filter(({ name }) => names.has(name) === mine).map(({ count }) => count))
  return { grows: of(true), shrinks: of(false) }
}

/** The stations of each pod of one image. */
function podLives(events: readonly WatchEvent[], tag: string): string[] {
  const lives = new Map<string, string[]>()
  for (const { type, object } of events) {
    const { name, deletionTimestamp } = object.metadata as { name: string; deletionTimestamp?: string }
    const { phase, conditions = [] } = statusOf(object) as { phase: string; conditions?: Json[] }
    const ready = conditions.find((one) => one.type === 'Ready')?.status ?? 'no word on readiness'
    const known = lives.get(name)
    if (known === undefined && !(type === 'ADDED' && JSON.stringify(object.spec).includes(`:${tag}`))) continue
    lives.set(name, [
      ...(known ?? []),
      `${phase}, ${String(ready)}${deletionTimestamp === undefined ? '' : ', ending'}`,
    ])
  }
  return [...lives.values()].map((stations) =>
    withoutRepeats(stations.filter((one) => !one.endsWith('ending'))).join(' → '),
  )
}

function bearing(pod: unknown): object {
  const {
    phase,
    conditions = [],
    containerStatuses = [],
  } = statusOf(pod) as {
    phase: string
    conditions?: Json[]
    containerStatuses?: { state: { waiting?: Json }; ready: boolean }[]
  }
  const ready = conditions.find(({ type }) => type === 'Ready')?.status
  return { phase, ready, containers: containerStatuses.map((one) => [one.state.waiting?.reason, one.ready]) }
}

/** What is told of a pod from its deletion on. */
function farewell(events: readonly WatchEvent[], name: string): string[] {
  const ending = events
    .map(({ type, object }) => ({ type, metadata: object.metadata as Json }))
    .filter(({ metadata }) => metadata.name === name && metadata.deletionTimestamp !== undefined)
    .map(({ type, metadata }) => `${type} ${String(metadata.deletionGracePeriodSeconds)}`)
  return withoutRepeats(ending)
}

function withoutRepeats<T>(list: readonly T[]): T[] {
  return list.filter((item, index) => item !== list[index - 1])
}
