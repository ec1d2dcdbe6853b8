import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildah, type BuildTool, buildToolsAreHere } from '../support/buildah.ts'
import { commitVersion, dockerfileFromNothing } from '../valuecanvas/new-version.ts'
import { standingOf } from './standing.ts'
import { startTown, type Town } from './town.ts'

const version = 'v1.4.0'
const secret = 'registry-hunter2-password'

describe.runIf(buildToolsAreHere)('with Purser building the image', () => {
  let tool: BuildTool
  let folder: string
  let town: Town
  let commit: string
  beforeAll(async () => {
    tool = await buildah()
    folder = await mkdtemp(join(tmpdir(), 'purser-gate-'))
    // Once the image is pushed the build waits at a gate: a moment in which Purser can be killed.
    const gate = ['sh', '-c', `echo came with $REGISTRY_PASSWORD; until [ -e ${folder}/open ]; do sleep 0.1; done`]
    town = await startTown({
      monitorSeconds: 2,
      imageBuild: (host) => ({
        run: [...tool.commands(host), gate],
        env: tool.env,
        envFrom: { REGISTRY_PASSWORD: 'BUILD_REGISTRY_PASSWORD' },
      }),
    })
    commit = await commitVersion(join(town.world.directory, 'repository.git'), version, {
      Dockerfile: dockerfileFromNothing,
    })
  })
  afterAll(async () => {
    await writeFile(join(folder, 'open'), '')
    await town.close()
    await tool.close()
    await rm(folder, { recursive: true, force: true })
  })

  const board = () => town.seenBy('dana').findLast((it) => it.includes('→')) ?? ''
  const bot = (name: string) => town.startBot(name, { BUILD_REGISTRY_PASSWORD: secret })
  const pushes = () =>
    town.world.registry.requests().filter((it) => it === `PUT /v2/valuecanvas/api/manifests/${version}`).length

  it('says before the approval what will be built from which commit, and builds nothing yet', async () => {
    await bot('first')
    await town.types('dana', `/billing deploy ${version}`)
    await town.waitFor('the plan', () => board().includes('waiting for approval'))
    await town.waitFor('its thread', () => town.threads().includes('@Alex'))
    expect(town.threads()).toContain(
      `image valuecanvas/api:${version}, which Purser builds from ${commit.slice(0, 7)} at the end of pre-flight`,
    )
    expect(town.threads()).toMatch(/buildah .* -t valuecanvas\/api:v1\.4\.0 \./)
    expect(town.threads()).toContain('its digest is known once it is pushed')
    expect(pushes()).toBe(0)
  }, 60_000)

  it('killed after its push it finds the image in the registry, builds nothing twice, and rolls out that digest', async () => {
    await town.presses('alex', 'approve')
    await town.waitFor('the push', () => pushes() > 0)
    await town.waitFor('the gate', () => town.threads().includes('came with [masked]'))
    const [first] = town.bots
    first?.kill('SIGKILL')
    await first?.exited
    await bot('second')
    await town.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 120_000)
    expect(board()).toContain(': succeeded')
    expect(pushes()).toBe(1)
    const digest = town.world.registry.digestOf('valuecanvas/api', version)
    expect(standingOf(town).image).toBe(`valuecanvas/api@${digest}`)
    expect(board()).toContain(`3 of 3 pods run ${version} (${digest.slice(0, 19)}…)`)
    expect(town.threads()).toContain('pushed by this run: nothing is built again')
    expect(await (await fetch(`${town.world.publicUrl}/health`)).text()).toContain('1.4.0')
  }, 180_000)

  it('keeps the registry’s password out of the streamed output, the log and the state database', async () => {
    expect(town.threads()).toContain('came with [masked]')
    const [posts] = await town.state(`select coalesce(string_agg(post::text, ''), '') as text from purser.posts`)
    expect(String(posts?.['text']) + town.threads() + town.logs()).not.toContain('hunter2')
  })

  it('plans the next deploy of that version with the image that is there, and says so', async () => {
    await town.types('dana', `/billing plan ${version}`)
    const planned = () => town.seenBy('dana').findLast((it) => it.includes('dry run')) ?? ''
    await town.waitFor('the plan', () => planned().includes('plan ready'))
    await town.waitFor('its thread', () => town.threads().includes('built from this commit: nothing is built'))
  }, 60_000)

  it('says that a rollback leaves the pushed image in the registry', async () => {
    const [outcome] = await town.plays('rollback')
    expect(outcome).toMatchObject({ ok: true })
    expect(town.threads() + town.seenBy('dana').join()).toContain(
      `The image valuecanvas/api:${version} that was built stays in the registry.`,
    )
    expect(standingOf(town).image).toBe('valuecanvas/api:v1.1.0')
    expect(pushes()).toBe(1)
  }, 60_000)
})
