import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import { RolloutFailed } from '../../src/adapters/kubernetes/api/errors.ts'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import type { KubernetesObject } from '../../src/adapters/kubernetes/manifests/port.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { Sensitive } from '../../src/sensitive.ts'

export interface ContractWorld {
  /** On an empty namespace that nobody else uses. */
  readonly cluster: Cluster
  readonly images: {
    readonly good: string
    readonly better: string
    /** Cannot be pulled, and never will. */
    readonly missing: string
    /** Ends at once. */
    readonly crashing: string
  }
  /** Whether the good images write a line when they start. */
  readonly talkative: boolean
  readonly job: { readonly image: string; readonly succeeding: readonly string[]; readonly failing: readonly string[] }
  close(): Promise<void>
}

const NAME = 'contract-api'
const CONTAINER = 'api'
const signal = AbortSignal.timeout(300_000)

/** What every Cluster must do, on whatever API server it speaks to. */
export function clusterContract(name: string, open: () => Promise<ContractWorld>): void {
  describe(`a cluster: ${name}`, () => {
    let world: ContractWorld
    let cluster: Cluster

    beforeAll(async () => {
      world = await open()
      cluster = world.cluster
      await cluster.apply(deployment(world.images.good), {}, signal)
      await rolledOut(world.images.good)
    }, 120_000)
    afterAll(() => world?.close(), 60_000)

    const rolledOut = (image: string, lines: string[] = []) =>
      cluster.waitForRollout(
        { deployment: NAME, container: CONTAINER, image, onProgress: ({ line }) => lines.push(line) },
        signal,
      )
    const state = async () => (await cluster.deployment(NAME, CONTAINER, signal))!
    const setImage = (image: string, more: object = {}) =>
      cluster.setImage({ deployment: NAME, container: CONTAINER, image, changeCause: 'contract', ...more }, signal)

    it('says its version and which rights are missing', async () => {
      expect(await cluster.serverVersion(signal)).toMatch(/^v\d+\.\d+/)
      const needed = [{ group: 'apps', resource: 'deployments', verb: 'patch' }] as const
      expect(await cluster.missingPermissions(needed, signal)).toEqual([])
    })

    it('tells this cluster from every other one, and shows no login', async () => {
      const { uid, server } = await cluster.identity(signal)
      expect(uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(server).toMatch(/^https?:\/\/[^/@]+(?:\/… \(sha256 [0-9a-f]{12}\))?$/)
      expect(await cluster.identity(signal)).toEqual({ uid, server })
    })

    it('knows nothing of what does not exist', async () => {
      expect(await cluster.deployment('nobody', CONTAINER, signal)).toBeUndefined()
      expect(await cluster.cronJob('nobody', signal)).toBeUndefined()
      expect(await cluster.readSecretKey('nobody', 'x', signal)).toBeUndefined()
      await cluster.deleteCronJob('nobody', signal)
      await cluster.removeSecretKey('nobody', 'x', { deleteWhenEmpty: true }, signal)
      await expect(cluster.deployment(NAME, 'nobody', signal)).rejects.toMatchObject({ code: 'container_missing' })
      const lost = { deployment: 'nobody', container: CONTAINER, image: 'x', changeCause: 'x' }
      await expect(cluster.setImage(lost, signal)).rejects.toMatchObject({
        code: 'cluster_not_found',
        transient: false,
      })
    })

    it('rolls a new image out to every pod, and changes nothing when asked again', async () => {
      const before = await state()
      const dry = await setImage(world.images.better, { dryRun: true })
      expect(dry.differences).toContainEqual(expect.stringContaining(world.images.better))
      expect(await state()).toMatchObject({ image: world.images.good, templateHash: before.templateHash })

      const annotations = { templateAnnotations: { 'purser/credentials': 'abc' }, onlyIfTemplate: before.templateHash }
      expect(await setImage(world.images.better, annotations)).toMatchObject({ outcome: 'changed' })
      const lines: string[] = []
      const done = await rolledOut(world.images.better, lines)
      expect(done).toMatchObject({ replicas: 2, updated: 2, ready: 2, old: 0 })
      expect(lines.at(-1)).toBe('2 of 2 new pods ready')
      const pods = await cluster.currentPods(NAME, CONTAINER, signal)
      expect(pods.map((pod) => [pod.image, pod.ready])).toEqual([
        [world.images.better, true],
        [world.images.better, true],
      ])
      expect(await cluster.restarts(NAME, CONTAINER, signal)).toBe(0)

      const { templateHash } = await state()
      expect(await setImage(world.images.better, annotations)).toEqual({
        outcome: 'unchanged',
        differences: [],
        templateHash,
        taken: [],
      })
      await expect(setImage(world.images.good, annotations)).rejects.toMatchObject({ code: 'deployment_changed' })
    })

    it('puts a recorded ReplicaSet back, and does nothing the second time', async () => {
      const start = await state()
      const other = start.image === world.images.good ? world.images.better : world.images.good
      await setImage(other)
      await rolledOut(other)
      const undo = {
        deployment: NAME,
        container: CONTAINER,
        replicaSetUid: start.replicaSet!.uid,
        image: start.image,
        changeCause: 'contract: back',
      }
      const stale = { ...undo, onlyIfTemplate: start.templateHash }
      await expect(cluster.restoreReplicaSet(stale, signal)).rejects.toMatchObject({ code: 'deployment_changed' })
      expect(await cluster.restoreReplicaSet(undo, signal)).toMatchObject({ outcome: 'changed' })
      await rolledOut(start.image)
      expect(await state()).toMatchObject({
        image: start.image,
        templateHash: start.templateHash,
        replicaSet: start.replicaSet,
      })
      expect(await cluster.restoreReplicaSet(undo, signal)).toMatchObject({ outcome: 'unchanged' })
    }, 120_000)

    it('knows the last revision that ran well, and what going back to it would change', async () => {
      const before = await state()
      expect(before.lastHealthy).toMatchObject({ replicaSet: before.replicaSet, image: before.image })
      await setImage(world.images.missing, { templateAnnotations: { 'purser/contract': 'x' } })
      await vi.waitFor(async () => expect((await state()).revision).not.toBe(before.revision), 20_000)
      expect((await state()).lastHealthy).toMatchObject({ replicaSet: before.replicaSet, image: before.image })
      const { revisions, ...now } = await cluster.history(NAME, CONTAINER, signal)
      expect(now).toMatchObject({ image: world.images.missing, paused: false, changeCause: 'contract' })
      expect(revisions.find((one) => one.current)).toMatchObject({
        image: world.images.missing,
        templateHash: now.templateHash,
        serves: false,
        differences: [],
      })
      expect(revisions.find((one) => one.replicaSet.uid === before.replicaSet!.uid)).toMatchObject({
        image: before.image,
        revision: before.revision,
        templateHash: before.templateHash,
        current: false,
        serves: true,
        createdAt: expect.stringMatching(/^\d{4}-/),
        differences: expect.arrayContaining([
          expect.stringContaining(`${world.images.missing} → ${before.image}`),
          expect.stringContaining('purser/contract: removed'),
        ]),
        changedSince: expect.arrayContaining([expect.stringContaining(`${before.image} → ${world.images.missing}`)]),
      })
      await putBack(before)
    }, 120_000)

    it('fails within seconds, and says why, when the image cannot be pulled', async () => {
      const before = await state()
      await setImage(world.images.missing)
      const started = Date.now()
      const failure = await rolledOut(world.images.missing).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(RolloutFailed)
      expect(failure).toMatchObject({ code: 'rollout_failed', failure: { container: CONTAINER } })
      expect((failure as RolloutFailed).message).toMatch(/ErrImagePull|ImagePullBackOff/)
      const told = [(failure as RolloutFailed).message, ...(failure as RolloutFailed).evidence].join('\n')
      expect(told).toMatch(/not found|pull/i)
      expect(Date.now() - started).toBeLessThan(25_000)
      expect((await state()).availableReplicas).toBe(2)
      await putBack(before)
    }, 120_000)

    it('fails within seconds, with the last log lines, when the new pods crash', async () => {
      const before = await state()
      await setImage(world.images.crashing)
      const started = Date.now()
      const failure = await rolledOut(world.images.crashing).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(RolloutFailed)
      expect((failure as RolloutFailed).failure.reason).toBe('CrashLoopBackOff')
      expect(Date.now() - started).toBeLessThan(25_000)
      if (world.talkative) expect((failure as RolloutFailed).evidence.length).toBeGreaterThan(0)
      await putBack(before)
    }, 120_000)

    it('notices that someone else changed the image while it waits', async () => {
      const { image } = await state()
      const wait = { deployment: NAME, container: CONTAINER, image: 'someone/else:v9', onProgress: () => undefined }
      const failure = await cluster.waitForRollout(wait, signal).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'deployment_changed', message: expect.stringContaining(image) })
    })

    it('stops waiting when told to', async () => {
      const before = await state()
      const reason = new Error('the run was cancelled')
      const abort = new AbortController()
      await setImage(world.images.missing)
      const waiting = cluster.waitForRollout(
        {
          deployment: NAME,
          container: CONTAINER,
          image: world.images.missing,
          onProgress: () => abort.abort(reason),
        },
        abort.signal,
      )
      await expect(waiting).rejects.toBe(reason)
      await putBack(before)
    }, 60_000)

    it('sets and removes one key of a Secret and leaves the others alone', async () => {
      const secret = 'contract-secret'
      const write = (key: string, value: string) =>
        cluster.writeSecret(secret, { keys: { [key]: new Sensitive(value) } }, signal)
      expect(await write('one', 'first')).toMatchObject({ outcome: 'created' })
      expect(await write('two', 'second')).toMatchObject({ outcome: 'changed' })
      expect(await write('two', 'second')).toMatchObject({ outcome: 'unchanged' })
      const outcome = await write('two', 'third')
      expect(JSON.stringify(outcome)).not.toContain('third')
      expect((await cluster.readSecretKey(secret, 'one', signal))?.reveal()).toBe('first')
      expect((await cluster.readSecretKey(secret, 'two', signal))?.reveal()).toBe('third')
      expect(await cluster.secretKey(secret, 'two', signal)).toEqual({
        secretExists: true,
        changedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        keyExists: true,
        fingerprint: new Sensitive('third').fingerprint,
        fingerprints: [new Sensitive('third').fingerprint],
        immutable: false,
        keys: ['one', 'two'],
        managers: [],
        strays: [],
        claims: [],
      })
      const both = { one: new Sensitive('fourth'), three: new Sensitive('a,b') }
      expect(await cluster.writeSecret(secret, { keys: both }, signal)).toEqual({
        outcome: 'changed',
        differences: ['data.one: changed', 'data.three: added'],
      })
      expect(await cluster.secretKey(secret, 'three', signal)).toMatchObject({
        fingerprints: [new Sensitive('a').fingerprint, new Sensitive('b').fingerprint],
        keys: ['one', 'three', 'two'],
      })
      await cluster.removeSecretKey(secret, 'three', { deleteWhenEmpty: true }, signal)
      await cluster.removeSecretKey(secret, 'two', { deleteWhenEmpty: true }, signal)
      expect(await cluster.secretKey(secret, 'two', signal)).toMatchObject({ secretExists: true, keyExists: false })
      await cluster.removeSecretKey(secret, 'one', { deleteWhenEmpty: true }, signal)
      expect(await cluster.secretKey(secret, 'one', signal)).toMatchObject({ secretExists: false })
    })

    it('applies a CronJob, shows what a change would do, suspends, resumes and deletes it', async () => {
      const manifest = cronJob('contract-cron', '5 3 * * *', world.job.image, world.job.succeeding)
      expect(await cluster.tryApply(manifest, signal)).toMatchObject({ outcome: 'created' })
      expect(await cluster.cronJob('contract-cron', signal)).toBeUndefined()
      expect(await cluster.apply(manifest, {}, signal)).toMatchObject({ outcome: 'created' })
      expect(await cluster.apply(manifest, {}, signal)).toEqual({
        outcome: 'unchanged',
        differences: [],
      })
      const later = cronJob('contract-cron', '6 3 * * *', world.job.image, world.job.succeeding)
      expect((await cluster.tryApply(later, signal)).differences).toEqual(['spec.schedule: 5 3 * * * → 6 3 * * *'])
      await cluster.suspendCronJob('contract-cron', false, signal)
      expect(await cluster.cronJob('contract-cron', signal)).toMatchObject({ schedule: '5 3 * * *', suspended: false })
      // Suspended by the manifest, resumed by hand, applied again: no conflict with oneself.
      await cluster.apply(later, {}, signal)
      const applied = await cluster.cronJob('contract-cron', signal)
      expect(applied).toMatchObject({ schedule: '6 3 * * *', suspended: true, active: 0 })
      expect(applied?.manifest).not.toHaveProperty('status')
      expect(applied?.manifest.metadata).not.toHaveProperty('uid')
      await cluster.deleteCronJob('contract-cron', signal)
      expect(await cluster.cronJob('contract-cron', signal)).toBeUndefined()
    })

    it('refuses a manifest with a field that does not exist', async () => {
      const manifest = cronJob('contract-typo', '5 3 * * *', world.job.image, world.job.succeeding)
      const typo = { ...manifest, spec: { ...(manifest.spec as object), shedule: '1 * * * *' } }
      const refusal = await cluster.tryApply(typo, signal).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ message: expect.stringContaining('shedule'), transient: false })
    })

    it('runs a CronJob by hand once, however often it is asked, and brings the log', async () => {
      await cluster.apply(cronJob('contract-run', '5 3 * * *', world.job.image, world.job.succeeding), {}, signal)
      const first = await cluster.runCronJobNow('contract-run', 'contract-run-42', signal)
      expect(first).toMatchObject({ name: 'contract-run-42', succeeded: true, reason: undefined })
      if (world.talkative) expect(first.logs.length).toBeGreaterThan(0)
      expect(await cluster.runCronJobNow('contract-run', 'contract-run-42', signal)).toEqual(first)
    }, 60_000)

    it('says that a job failed and brings its log', async () => {
      await cluster.apply(cronJob('contract-fail', '5 3 * * *', world.job.image, world.job.failing), {}, signal)
      const outcome = await cluster.runCronJobNow('contract-fail', 'contract-fail-1', signal)
      expect(outcome).toMatchObject({ succeeded: false, reason: expect.stringContaining('BackoffLimitExceeded') })
    }, 60_000)

    it('follows the logs of all pods across a rollout and repeats no line', async () => {
      const { image } = await state()
      const other = image === world.images.good ? world.images.better : world.images.good
      const lines: LogLine[] = []
      const abort = new AbortController()
      const follow = { deployment: NAME, container: CONTAINER, since: '2020-01-01T00:00:00Z' }
      const following = cluster.followLogs(follow, (line) => void lines.push(line), abort.signal)
      await setImage(other)
      await rolledOut(other)
      const pods = await cluster.currentPods(NAME, CONTAINER, signal)
      const heard = () => pods.filter((pod) => lines.some((line) => line.pod === pod.name)).length
      if (world.talkative) await vi.waitFor(() => expect(heard()).toBe(pods.length), { timeout: 20_000 })
      abort.abort()
      await following
      const stamps = lines.map((line) => `${line.pod} ${line.timestamp} ${line.text}`)
      expect(new Set(stamps).size).toBe(stamps.length)
    }, 120_000)

    /** Back to a template that runs, for the next test. */
    async function putBack(before: Awaited<ReturnType<typeof state>>): Promise<void> {
      const undo = {
        deployment: NAME,
        container: CONTAINER,
        replicaSetUid: before.replicaSet!.uid,
        image: before.image,
        changeCause: 'contract: back',
      }
      await cluster.restoreReplicaSet(undo, signal)
      await rolledOut(before.image)
    }
  })
}

function deployment(image: string): KubernetesObject {
  const labels = { app: NAME }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: CONTAINER, image }] } },
    },
  }
}

function cronJob(name: string, schedule: string, image: string, command: readonly string[]): KubernetesObject {
  const containers = [{ name: 'job', image, command }]
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name },
    spec: {
      schedule,
      suspend: true,
      jobTemplate: { spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers } } } },
    },
  }
}
