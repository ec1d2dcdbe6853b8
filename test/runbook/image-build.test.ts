import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import { sharedRunner } from '../../src/adapters/runner/local.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { imageDrift, planImage, releasedImage } from '../../src/runbook/rollout/image.ts'
import { buildImage } from '../../src/runbook/rollout/image-build.ts'
import type { World } from '../../src/runbook/world.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { buildServiceRepository, type ServiceRepository } from '../../sandbox/valuecanvas/repository.ts'
import { deploy, plan as examplePlan } from '../messages/example-runs.ts'
import { buildah, type BuildTool, buildToolsAreHere } from '../support/buildah.ts'
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts'
import { commitVersion, dockerfileFromNothing } from '../valuecanvas/new-version.ts'
import { phaseContext, type Remembered, remembering } from './phase-context.ts'

const signal = AbortSignal.timeout(300_000)

describe.runIf(buildToolsAreHere)('image.build, with buildah and a real registry', () => {
  let directory: string
  let origin: ServiceRepository
  let registry: DockerRegistry
  let tool: BuildTool
  let repository: World['repository']
  const commits = new Map<string, string>()

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'purser-image-'))
    registry = await startDockerRegistry()
    tool = await buildah()
    origin = await buildServiceRepository({ directory: join(directory, 'origin.git') })
    commits.set('v1.4.0', await commitVersion(origin.url, 'v1.4.0', { Dockerfile: dockerfileFromNothing }))
    commits.set('v1.4.1', await commitVersion(origin.url, 'v1.4.1', { Dockerfile: 'FROM scratch\nCOPY nowhere /\n' }))
    repository = openRepository({ url: origin.url, mirrorDirectory: join(directory, 'mirror.git') })
    await repository.tags(signal)
  }, 60_000)
  afterAll(async () => {
    await registry.close()
    await tool.close()
    await rm(directory, { recursive: true, force: true })
  })

  let stores: Remembered
  let told: string[]
  let nodePlatforms: readonly string[]
  beforeEach(() => {
    stores = { steps: new Map(), effects: [] }
    told = []
    nodePlatforms = ['linux/amd64', 'linux/arm64']
  })

  interface Wish {
    readonly version?: string
    /** Instead of build and push. */
    readonly run?: (commands: string[][]) => string[][]
    readonly name?: string
    readonly revision?: 'warn' | 'ignore'
  }

  /** The context of a run whose plan is made now. */
  async function planned({
    version = 'v1.4.0',
    run = (commands) => commands,
    name = 'api',
    revision = 'warn',
  }: Wish): Promise<PhaseContext> {
    const sha = commits.get(version) ?? ''
    const host = registry.host
    const commands = run(tool.commands(host)).map((argv): [string, ...string[]] => {
      const [program = '', ...more] = argv.map((word) => word.replace('valuecanvas/api', `team/${name}`))
      return [program, ...more]
    })
    const build = { run: commands, timeoutMinutes: 2, env: { ...tool.env } }
    const context = phaseContext({
      run: { ...deploy({ status: 'executing' }), version },
      service: { image: { repository: `${host}/team/${name}`, registryHosts: [], revision, build } },
      world: {
        registry: openRegistry(),
        // buildah keeps its images outside of the workspace, and needs rights that a confined command has not.
        runner: sharedRunner({ workspaces: join(directory, 'workspaces'), secret: [] }, 'the test says so'),
        repository,
        cluster: { nodePlatforms: async () => nodePlatforms },
      },
      signal,
      ...remembering(stores, { run: 42, phase: 'preflight' }, signal),
      tell: async (post) => void told.push(JSON.stringify(post)),
    })
    const plan: DeployPlan = {
      ...examplePlan,
      version,
      commit: { sha, subject: '' },
      image: await planImage(context, { sha }),
    }
    return { ...context, run: { ...context.run, plan } }
  }

  const digestNow = async (context: PhaseContext) =>
    (await context.world.registry.resolve(context.service.image.repository, context.run.version, signal)).digest

  it('builds what the commit holds, and rolls out the digest that the registry names', async () => {
    const context = await planned({})
    const plan = context.run.plan as DeployPlan
    expect(plan.image).toMatchObject({ digest: undefined, build: { replaces: null } })
    expect(await imageDrift(context, plan)).toBeUndefined()
    await expect(releasedImage(context)).rejects.toMatchObject({ code: 'image_not_built' })

    const image = await buildImage(context)
    const digest = await digestNow(context)
    expect(image).toMatchObject({ digest, reference: `${registry.host}/team/api@${digest}`, commit: plan.commit.sha })
    expect(await releasedImage(context)).toMatchObject({ reference: `${registry.host}/team/api@${digest}` })
    expect(told.join()).toContain('STEP 1/6: FROM scratch')
    expect(told.join()).toContain(`The registry has it as ${digest}`)
    expect(await imageDrift(context, plan)).toBeUndefined()
  })

  it('uses an image that is there and says that it is of this commit, and builds none', async () => {
    const context = await planned({})
    expect((context.run.plan as DeployPlan).image).toMatchObject({ digest: await digestNow(context), build: 'reused' })
    expect(await buildImage(context)).toBeUndefined()
    expect(told).toEqual([])
  })

  it('does not take the image of another commit, whoever pushed it', async () => {
    const stranger = (commands: string[][]) =>
      commands.map((argv) => argv.map((word) => word.replace('{commit}', 'f'.repeat(40))))
    const context = await planned({ name: 'other', run: stranger })
    await expect(buildImage(context)).rejects.toMatchObject({ code: 'image_of_another_commit' })
    expect(stores.effects[0]?.status).toBe('started')
    const again = await planned({ name: 'other' })
    const { build } = (again.run.plan as DeployPlan).image
    expect(build).toMatchObject({ replaces: await digestNow(again) })
    stores.effects.length = 0
    await buildImage(again)
    expect(told.join()).toContain(`The tag named ${typeof build === 'object' ? build?.replaces : ''} before.`)
  })

  it('takes it where the label is not to be compared, and says nothing of it', async () => {
    const inherited = (commands: string[][]) =>
      commands.map((argv) => argv.map((word) => word.replace('{commit}', 'f'.repeat(40))))
    const context = await planned({ name: 'inherited', run: inherited, revision: 'ignore' })
    expect(await buildImage(context)).toMatchObject({ digest: await digestNow(context) })
    expect(told.join()).not.toContain('commit it was built from')
  })

  it('sees that somebody moved the tag after the build', async () => {
    const context = await planned({ name: 'moved' })
    await buildImage(context)
    const url = `http://${registry.host}/v2/team/moved/manifests/v1.4.0`
    const type = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = (await (await fetch(url, { headers: { accept: type } })).json()) as object
    const body = JSON.stringify({ ...manifest, annotations: { pushed: 'by somebody else' } })
    expect((await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body })).status).toBe(201)
    expect(await imageDrift(context, context.run.plan as DeployPlan)).toMatch(/^image tag v1\.4\.0 moved to sha256:/)
  })

  it('shows why a build fails, and that nothing was pushed', async () => {
    const context = await planned({ version: 'v1.4.1' })
    await expect(buildImage(context)).rejects.toMatchObject({
      code: 'image_build_failed',
      evidence: expect.arrayContaining([expect.stringMatching(/nowhere.*no such file or directory/i)]),
    })
    await expect(digestNow(context)).rejects.toMatchObject({ code: 'image_not_found' })
  })

  it('does not believe a build that ends well without its image in the registry', async () => {
    const context = await planned({ name: 'nothing', run: ([build = []]) => [build] })
    await expect(buildImage(context)).rejects.toMatchObject({
      code: 'image_not_pushed',
      hint: expect.stringContaining('pushes'),
    })
  })

  it('stops before the database changes when no node can run what was built', async () => {
    nodePlatforms = ['linux/riscv64']
    await expect(buildImage(await planned({ name: 'platform' }))).rejects.toMatchObject({ code: 'image_platform' })
  })

  it('is ended by a cancel, with everything that it started', async () => {
    const wait = ['sh', '-c', 'echo under way; while :; do sleep 0.05; done']
    const context = await planned({ name: 'cancelled', run: () => [wait] })
    const cancel = new AbortController()
    const change: PhaseContext['change'] = (_, { act }) => act({ digest: null } as never, cancel.signal)
    const tell: PhaseContext['tell'] = async (post) => {
      if (JSON.stringify(post).includes('under way')) cancel.abort(new Error('cancelled by Dana'))
    }
    await expect(buildImage({ ...context, change, tell })).rejects.toThrow('cancelled by Dana')
  })
})
