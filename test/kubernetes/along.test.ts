import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { containersBeside } from '../../src/runbook/rollout/going-along.ts'
import { fakeRuntime } from './fake-runtime.ts'

const namespace = 'production'
const signal = AbortSignal.timeout(60_000)
const labels = { app: 'api' }
const digest = `sha256:${'a'.repeat(64)}`

/** A Deployment whose pods have more than one container of the service's image. */
describe('setting the image of a Deployment', () => {
  let simulator: KubernetesSimulator
  let directory: string
  let cluster: Cluster
  beforeAll(async () => {
    const spec = {
      initContainers: [
        { name: 'migrate', image: 'docker.io/team/api:v1' },
        { name: 'certificates', image: 'busybox:1' },
      ],
      containers: [
        { name: 'api', image: 'team/api:v1' },
        { name: 'worker', image: 'team/api:v1', args: ['work'] },
        { name: 'proxy', image: 'team/api:nginx-v1' },
      ],
    }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'api', namespace },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    }
    simulator = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace], seed: [deployment] })
    directory = await mkdtemp(join(tmpdir(), 'purser-along-'))
    await writeFile(join(directory, 'config'), simulator.kubeconfig(namespace))
    cluster = openCluster({ kubeconfig: join(directory, 'config'), namespace })
  })
  afterAll(async () => {
    await simulator.close()
    await rm(directory, { recursive: true })
  })

  const images = async () =>
    Object.fromEntries(
      (await cluster.deployment('api', 'api', signal))?.images.map(({ name, image }) => [name, image]) ?? [],
    )
  const set = async (image: string, dryRun = false) => {
    const along = containersBeside((await cluster.deployment('api', 'api', signal))?.images ?? [], 'api').along
    return cluster.setImage({ deployment: 'api', container: 'api', image, along, changeCause: 'x', dryRun }, signal)
  }

  it('says in a dry run which containers get it, and changes nothing', async () => {
    const before = await images()
    const { outcome, differences } = await set(`team/api@${digest}`, true)
    expect(outcome).toBe('changed')
    const changed = differences.filter((line) => line.includes(digest))
    expect(changed).toHaveLength(3)
    expect(changed.join()).toMatch(/initContainers.*migrate/)
    expect(await images()).toEqual(before)
  })

  it('takes those along that run the same image, init containers too, and leaves the others', async () => {
    await set(`team/api@${digest}`)
    const image = `team/api@${digest}`
    expect(await images()).toEqual({
      api: image,
      worker: image,
      migrate: image,
      proxy: 'team/api:nginx-v1',
      certificates: 'busybox:1',
    })
  })

  it('sends nothing for another spelling of what runs', async () => {
    expect(await set(`index.docker.io/team/api:v9@${digest}`)).toMatchObject({ outcome: 'unchanged' })
    const wait = {
      deployment: 'api',
      container: 'api',
      image: `docker.io/team/api@${digest}`,
      onProgress: () => undefined,
    }
    expect(await cluster.waitForRollout(wait, signal)).toMatchObject({ ready: 1 })
  })

  it('adds no container that is not there', async () => {
    await cluster.setImage(
      { deployment: 'api', container: 'api', image: 'team/api:v2', along: ['gone'], changeCause: 'x' },
      signal,
    )
    expect(await images()).toMatchObject({ api: 'team/api:v2', worker: `team/api@${digest}` })
    expect(await images()).not.toHaveProperty('gone')
  })
})
