import { ImageError, type ResolvedImage } from '../../adapters/registry/port.ts'
import type { PushedImage } from '../../model/effects/image-push.ts'
import type { DeployPlan, PlannedBuild, PlannedImage } from '../../model/deploy-plan.ts'
import { revisionVerdict, type Tagged } from '../../model/revision-label.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { fillIn } from '../workspace/workspace-command.ts'
import { revisionWords } from './revision-words.ts'

/** The image that a run rolls out, known by its digest. */
export interface ReleasedImage {
  readonly reference: string
  readonly digest: string
  readonly platforms: readonly string[]
}

/**
 * Plans which image the deploy will roll out: the one that the tag names, or one that Purser builds from the commit.
 */
export async function planImage(context: PhaseContext, commit: Tagged): Promise<PlannedImage> {
  const { service, run, world, signal } = context
  const { repository, build } = service.image
  if (build === 'none') {
    const image = await world.registry.resolve(repository, run.version, signal)
    if (service.image.revision === 'require') requireSameCommit(run.version, commit, image.revision)
    return { ...given(repository, image), build: 'none' }
  }
  const there = await taggedImage(context, signal)
  if (there !== undefined && revisionVerdict(there.revision, commit) === 'same')
    return { ...given(repository, there), build: 'reused' }
  const commands = build.run.map((argv) => argv.map((word) => filled(context, commit.sha, word)))
  return {
    reference: `${repository}:${run.version}`,
    digest: undefined,
    platforms: [],
    revision: undefined,
    build: { commands, replaces: there?.digest ?? null },
  }
}

function given(repository: string, { digest, platforms, revision }: ResolvedImage): PlannedImage {
  return { reference: `${repository}@${digest}`, digest, platforms, revision }
}

/** Returns what the planned image is by now: approved by its digest, or built since by this run. */
export async function releasedImage(context: PhaseContext): Promise<ReleasedImage> {
  const plan = planOf(context.run)
  const image = await imageSoFar(context, plan)
  if (image !== undefined) return image
  throw new CheckFailed('image_not_built', `looking for ${plan.image.reference}: this run has built no image`, {
    hint: 'Start the deploy again: the image is built in its pre-flight phase.',
  })
}

/** Returns the planned image; undefined while it is still to be built. */
export async function imageSoFar(context: PhaseContext, plan: DeployPlan): Promise<ReleasedImage | undefined> {
  const { reference, digest, platforms } = plan.image
  return digest === undefined ? builtImage(context, plan) : { reference, digest, platforms }
}

/** Returns what this run has built from the planned commit, if it has. */
export async function builtImage(context: PhaseContext, { commit }: DeployPlan): Promise<PushedImage | undefined> {
  const push = await pushOf(context)
  return push?.status === 'applied' && push.after?.commit === commit.sha ? push.after : undefined
}

/** Says how what the tag names differs from what was approved, if it does. */
export async function imageDrift(context: PhaseContext, approved: DeployPlan): Promise<string | undefined> {
  const { image, version } = approved
  const now = await taggedImage(context, context.signal)
  if (now === undefined && (image.digest !== undefined || (await builtImage(context, approved)) !== undefined))
    return `image tag ${version} is gone from the registry`
  const expected = image.digest ?? (await expectedWhileBuilding(context, approved))
  if (expected === 'any' || now?.digest === (expected ?? undefined)) return undefined
  return `image tag ${version} moved to ${now?.digest.slice(0, 19)}…`
}

/**
 * Returns the digest that the tag must have: before the build the planned one, after it what was pushed. It is `any`
 * during the build.
 */
async function expectedWhileBuilding(context: PhaseContext, approved: DeployPlan): Promise<string | null> {
  const built = await builtImage(context, approved)
  if (built !== undefined) return built.digest
  const push = await pushOf(context)
  return push === undefined ? (buildOf(approved)?.replaces ?? null) : 'any'
}

/** Returns the record of the push that this run has begun, finished or not. */
async function pushOf({ records, run }: PhaseContext) {
  const effects = await records.effectsOf(run.number)
  return effects.find((effect) => effect.kind === 'image-push')
}

export function buildOf({ image }: DeployPlan): PlannedBuild | undefined {
  return typeof image.build === 'object' ? image.build : undefined
}

/** Resolves the version's tag; undefined when there is no such tag. */
export async function taggedImage(
  { world, service, run }: PhaseContext,
  signal: AbortSignal,
): Promise<ResolvedImage | undefined> {
  try {
    return await world.registry.resolve(service.image.repository, run.version, signal)
  } catch (error) {
    if (error instanceof ImageError && error.code === 'image_not_found') return undefined
    throw error
  }
}

/** Raises CheckFailed unless the image says that it was built from the commit of the tag. */
export function requireSameCommit(version: string, commit: Tagged, revision: string | undefined): void {
  const words = revisionWords(version, commit, revision)
  if (words === undefined) return
  throw new CheckFailed('image_of_another_commit', `comparing image and tag: ${words}`, {
    hint:
      'Build the image from the tagged commit, with the label org.opencontainers.image.revision. Or deploy the version it was built from. ' +
      'Where the label means something else, service.image.revision in purser.yaml says what to make of it.',
  })
}

/** Fills the values of this release into a word of a build command. */
export function filled({ run, service }: PhaseContext, commit: string, text: string): string {
  const { repository } = service.image
  const values: Readonly<Record<string, string>> = {
    image: `${repository}:${run.version}`,
    repository,
    version: run.version,
    commit,
    environment: run.environment,
  }
  return fillIn(text, values)
}
