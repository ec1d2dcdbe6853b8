import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildah, type BuildTool, buildToolsAreHere } from '../support/buildah.ts'
import { commitVersion, dockerfileFromNothing } from '../valuecanvas/new-version.ts'
import { snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const version = 'v1.4.0'
const secret = 'registry-hunter2-password'

describe.runIf(buildToolsAreHere)('with Purser building the image', () => {
  let tool: BuildTool
  let folder: string
  let world: TestWorld
  let commit: string
  beforeAll(async () => {
    tool = await buildah()
    folder = await mkdtemp(join(tmpdir(), 'purser-gate-'))
    // Once the image is pushed the build waits at a gate: a moment in which Purser can be killed.
    const gate = ['sh', '-c', `echo came with $REGISTRY_PASSWORD; until [ -e ${folder}/open ]; do sleep 0.1; done`]
    world = await startTestWorld({
      monitorSeconds: 2,
      imageBuild: (host) => ({
        run: [...tool.commands(host), gate],
        env: tool.env,
        envFrom: { REGISTRY_PASSWORD: 'BUILD_REGISTRY_PASSWORD' },
      }),
    })
    commit = await commitVersion(join(world.sandbox.directory, 'repository.git'), version, {
      Dockerfile: dockerfileFromNothing,
    })
  })
  afterAll(async () => {
    await writeFile(join(folder, 'open'), '')
    await world.close()
    await tool.close()
    await rm(folder, { recursive: true, force: true })
  })

  const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''
  // buildah keeps its images outside of the workspace, and the gate is a file of this machine.
  const bot = (name: string) => world.startBot(name, { BUILD_REGISTRY_PASSWORD: secret, PURSER_RUNNER: 'none' })
  const pushes = () =>
    world.sandbox.registry.requests().filter((it) => it === `PUT /v2/valuecanvas/api/manifests/${version}`).length

  it('says before the approval what will be built from which commit, and builds nothing yet', async () => {
    await bot('first')
    await world.types('dana', `/billing deploy ${version}`)
    await world.waitFor('the plan', () => board().includes('waiting for approval'))
    await world.waitFor('its thread', () => world.threads().includes('@Alex'))
    expect(world.threads()).toContain(
      `image valuecanvas/api:${version}, built by Purser from ${commit.slice(0, 7)} at the end of preflight`,
    )
    expect(world.threads()).toMatch(/buildah .* -t valuecanvas\/api:v1\.4\.0 \./)
    expect(world.threads()).toContain('its digest is known once it is pushed')
    expect(pushes()).toBe(0)
    // This Purser runs the build as its own user: whoever approves is told first.
    expect(board()).toContain(`Nothing keeps the commands of ${version} apart from Purser`)
  }, 180_000)

  it('killed after its push it finds the image in the registry, builds nothing twice, and rolls out that digest', async () => {
    await world.presses('alex', 'approve')
    await world.waitFor('the push', () => pushes() > 0)
    await expect.poll(() => world.printed(), { timeout: 180_000 }).toContain('came with [masked]')
    const [first] = world.bots
    first?.kill('SIGKILL')
    await first?.exited
    await bot('second')
    await world.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 360_000)
    expect(board()).toContain(': succeeded')
    expect(pushes()).toBe(1)
    const digest = world.sandbox.registry.digestOf('valuecanvas/api', version)
    expect(snapshotOf(world).image).toBe(`valuecanvas/api@${digest}`)
    expect(board()).toContain(`3 of 3 pods run ${version} (${digest.slice(0, 19)}…)`)
    expect(world.threads()).toContain('pushed by this run: nothing is built again')
    expect(await (await fetch(`${world.sandbox.publicUrl}/health`)).text()).toContain('1.4.0')
  }, 540_000)

  it('keeps the registry’s password out of the kept output, the log and the state database', async () => {
    expect(await world.printed()).toContain('came with [masked]')
    const [posts] = await world.state(`select coalesce(string_agg(post::text, ''), '') as text from purser.posts`)
    expect(String(posts?.['text']) + world.threads() + world.logs()).not.toContain('hunter2')
  })

  it('plans the next deploy of that version with the image that is there, and says so', async () => {
    await world.types('dana', `/billing plan ${version}`)
    const planned = () => world.seenBy('dana').findLast((it) => it.includes('dry run')) ?? ''
    await world.waitFor('the plan', () => planned().includes('plan ready'))
    await world.waitFor('its thread', () => world.threads().includes('built from this commit: nothing is built'))
  }, 180_000)

  it('says that a rollback leaves the pushed image in the registry', async () => {
    await world.succeeds('rollback')
    expect(world.threads() + world.seenBy('dana').join()).toContain(
      `The image valuecanvas/api:${version} that was built stays in the registry.`,
    )
    expect(snapshotOf(world).image).toBe('valuecanvas/api:v1.1.0')
    expect(pushes()).toBe(1)
  }, 180_000)
})
