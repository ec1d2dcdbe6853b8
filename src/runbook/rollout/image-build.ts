import type { ResolvedImage } from '../../adapters/registry/port.ts'
import type { PushBefore, PushedImage } from '../../model/effects/image-push.ts'
import type { DeployPlan, PlannedBuild } from '../../model/deploy-plan.ts'
import { revisionVerdict } from '../../model/revision-label.ts'
import { platformRisk } from '../plan/cluster-risks.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { buildOf, builtImage, filled, requireSameCommit, taggedImage } from './image.ts'
import { environmentFor, runInWorkspace } from '../workspace/workspace-command.ts'
import { inWorkspace } from '../workspace/workspace.ts'

/**
 * Builds and pushes the Docker image before anything else changes: what the registry holds afterwards is what will be
 * rolled out. Returns undefined when the plan builds none.
 */
export async function buildImage(context: PhaseContext): Promise<PushedImage | undefined> {
  const { service, run } = context
  const plan = planOf(run)
  const build = buildOf(plan)
  if (build === undefined) return undefined
  await context.report(`building ${plan.image.reference}`)
  return context.change('build and push the image', {
    kind: 'image-push',
    target: `${service.image.repository}:${run.version}`,
    before: async (signal) => ({ digest: (await taggedImage(context, signal))?.digest ?? null }),
    act: async (before, signal) => {
      const there = await alreadyPushed(context, plan, before, signal)
      if (there !== undefined) return accepted(context, plan, there, signal)
      const milliseconds = await runBuild(context, build, signal)
      return accepted(context, plan, await pushed(context, plan, before, signal), signal, { before, milliseconds })
    },
  })
}

/**
 * Finds the push of a worker that died after it: an image that was not there before and says that it is this commit's.
 */
async function alreadyPushed(
  context: PhaseContext,
  plan: DeployPlan,
  before: PushBefore,
  signal: AbortSignal,
): Promise<ResolvedImage | undefined> {
  const there = await taggedImage(context, signal)
  if (there === undefined) return undefined
  const recorded = await builtImage(context, plan)
  const ours = there.digest !== before.digest && revisionVerdict(there.revision, plan.commit) === 'same'
  return ours || there.digest === recorded?.digest ? there : undefined
}

/** Builds in a checkout of its own: what tests and builds of pre-flight left behind must not get into the image. */
async function runBuild(context: PhaseContext, { commands }: PlannedBuild, signal: AbortSignal): Promise<number> {
  const { build } = context.service.image
  if (build === 'none') throw new Error('the plan has a build and the configuration has none')
  const { envFrom } = context.environment.build
  const env = environmentFor(context, { env: build.env, envFrom }, (text) =>
    filled(context, planOf(context.run).commit.sha, text),
  )
  const deadline = performance.now() + build.timeoutMinutes * 60_000
  return inWorkspace(context, async (workspace) => {
    let spent = 0
    for (const argv of commands as readonly (readonly [string, ...string[]])[]) {
      const title = argv.join(' ')
      await context.report(title)
      const timeoutMs = Math.max(1, deadline - performance.now())
      const outcome = await runInWorkspace(context, { argv, workspace, title, env, timeoutMs, failure }, signal)
      spent += outcome.milliseconds
    }
    return spent
  })
}

const failure = {
  code: 'image_build_failed',
  doing: 'building the image',
  hint: 'Nothing else changed. If it was a glitch, retry. Otherwise tag a fixed version.',
} as const

/** Asks the registry what it holds now, instead of believing what a tool printed. */
async function pushed(
  context: PhaseContext,
  { commit, image }: DeployPlan,
  before: PushBefore,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const there = await taggedImage(context, signal)
  const hint = `Check that service.image.build pushes ${image.reference}, to the registry that Purser asks.`
  if (there === undefined)
    throw new CheckFailed('image_not_pushed', `the build ended well, but the registry has no ${image.reference}`, {
      hint,
    })
  const verdict = revisionVerdict(there.revision, commit)
  const { revision } = context.service.image
  // The plan was approved before there was an image: nobody could see a risk that is known only now.
  if (revision === 'require' || (revision === 'warn' && verdict !== 'unnamed'))
    requireSameCommit(context.run.version, commit, there.revision)
  if (verdict !== 'same' && there.digest === before.digest)
    throw new CheckFailed(
      'image_not_pushed',
      `the build succeeded, but ${image.reference} is still the previous image (${there.digest.slice(0, 19)}…)`,
      { hint: `${hint} If the build gives the same image each time, label it: --label ${revisionLabel}={commit}.` },
    )
  return there
}

const revisionLabel = 'org.opencontainers.image.revision'

/** Compares the image's platforms with the nodes', which nobody could do before the build. */
async function accepted(
  context: PhaseContext,
  { commit, image }: DeployPlan,
  { digest, platforms, revision }: ResolvedImage,
  signal: AbortSignal,
  built?: { readonly before: PushBefore; readonly milliseconds: number },
): Promise<PushedImage> {
  const { service, world } = context
  const nodePlatforms = await world.cluster.nodePlatforms(signal)
  const former = built?.before.digest
  const text = [
    built === undefined
      ? `${image.reference} is in the registry already, pushed by this run: nothing is built again.`
      : `Built ${image.reference} from ${commit.sha.slice(0, 7)} in ${Math.round(built.milliseconds / 1_000)} s.`,
    `The registry has it as ${digest}: this is what will be rolled out.`,
    ...(former === undefined || former === null || former === digest ? [] : [`The tag named ${former} before.`]),
    ...(service.image.revision !== 'ignore' && revisionVerdict(revision, commit) === 'unnamed'
      ? [`The image does not say which commit it was built from (label ${revisionLabel}).`]
      : []),
    ...platformRisk(platforms, nodePlatforms).filter((line) => !line.startsWith('Unknown')),
  ].join(' ')
  await context.tell({ kind: 'note', text }, 'image-built')
  return { reference: `${service.image.repository}@${digest}`, digest, platforms, commit: commit.sha }
}
