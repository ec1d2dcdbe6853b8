import { createHash } from 'node:crypto'
import { PurserError } from '../../errors.ts'
import { retrying } from '../http/request.ts'
import { ImageError } from './errors.ts'
import type { CredentialsOf } from './login/credentials.ts'
import { type Descriptor, type Manifest, manifestIn, noImage, parse, requireImage, type Wanted } from './manifest.ts'
import { nearest } from '../../nearest.ts'
import type { ImageRegistry, ResolvedImage } from './port.ts'
import { checkTag, parseRepository } from './reference.ts'
import { type RegistryAnswer, RegistrySession, wordsOf } from './session.ts'

interface RegistryOptions {
  /** Whether registries on this machine are asked by plain http; on unless set to false, as in container engines. */
  readonly insecureLoopback?: boolean
  /** Finds the login of a repository; nobody is asked before the registry wants one. */
  readonly credentials?: CredentialsOf
  /** For a registry the `host[:port]` or URL that answers in its place; there is no falling back to the original. */
  readonly mirrors?: Readonly<Record<string, string>>
  /** Hosts beyond the registry's own domain to which it may send us for a login or for content. */
  readonly hosts?: readonly string[]
  /** The time limit of one request; a resolution makes three. */
  readonly timeoutMs?: number
  /** The pause before the second attempt; it doubles with each further one. */
  readonly retryDelayMs?: number
}

/**
 * The media types of manifests, all four: a registry answers 404 "manifest unknown" for an existing image whose type is
 * not listed.
 */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

const REVISION_LABEL = 'org.opencontainers.image.revision'
/** The pages of `tags/list` that are read for a suggestion; a registry may hold tens of thousands. */
const SUGGESTION_PAGES = 5

interface ImageConfig {
  readonly os?: string
  readonly architecture?: string
  readonly variant?: string
  readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null
}

export function openRegistry(options: RegistryOptions = {}): ImageRegistry {
  const {
    insecureLoopback = true,
    credentials,
    mirrors = {},
    hosts = [],
    timeoutMs = 15_000,
    retryDelayMs = 500,
  } = options
  return {
    async resolve(name, tag, signal) {
      const repository = parseRepository(name, { insecureLoopback, mirrors })
      checkTag(tag)
      const doing = `resolving ${name}:${tag}`
      const login = async (anew: boolean) =>
        (await credentials?.(repository, signal, anew)) ?? { credentials: undefined }
      const access = { repository, login, hosts, timeoutMs, signal, doing }
      const atLeastMs = (error: unknown) => (error instanceof ImageError ? error.retryAfterMs : undefined)
      const once = () => resolveIn(new RegistrySession(access), { name, tag, doing })
      return retrying(once, { attempts: 3, delayMs: retryDelayMs, atLeastMs, signal })
    },
  }
}

async function resolveIn(session: RegistrySession, wanted: Wanted): Promise<ResolvedImage> {
  const answer = await session.get(`manifests/${wanted.tag}`, MANIFEST_TYPES)
  if (answer.status === 404) throw await notFound(session, wanted, answer)
  expectOk(answer, wanted)
  const digest = verifiedDigest(answer, wanted)
  const top = manifestIn(answer, wanted)
  // buildx adds attestations as manifests of the platform unknown/unknown; nobody can run these.
  const images = top.manifests?.filter(({ platform }) => platform?.os !== 'unknown')
  if (images?.length === 0) throw noImage(wanted, 'an index without an image in it')
  const platforms = (images ?? []).flatMap(({ platform }) => (platform ? [platformName(platform)] : []))
  const config = await configOf(session, images ? await manifestOf(session, images[0], wanted) : top, wanted)
  return {
    digest,
    platforms: images ? platforms : config?.os ? [platformName(config)] : [],
    revision: config?.config?.Labels?.[REVISION_LABEL] || undefined,
  }
}

/** Reads the manifest of the first platform: the commit is the same for all platforms of one build. */
async function manifestOf(
  session: RegistrySession,
  descriptor: Descriptor | undefined,
  wanted: Wanted,
): Promise<Manifest | undefined> {
  if (!descriptor) return undefined
  return manifestIn(await content(session, `manifests/${descriptor.digest}`, descriptor.digest, wanted), wanted)
}

async function configOf(
  session: RegistrySession,
  manifest: Manifest | undefined,
  wanted: Wanted,
): Promise<ImageConfig | undefined> {
  if (!manifest?.config) return undefined
  requireImage(manifest, wanted)
  return parse<ImageConfig>(
    await content(session, `blobs/${manifest.config.digest}`, manifest.config.digest, wanted),
    wanted,
  )
}

/** Fetches by digest and trusts nothing else. */
async function content(
  session: RegistrySession,
  path: string,
  digest: string,
  wanted: Wanted,
): Promise<RegistryAnswer> {
  const answer = await session.get(path, path.startsWith('manifests/') ? MANIFEST_TYPES : '*/*')
  expectOk(answer, wanted)
  const served = `sha256:${sha256(answer.bytes)}`
  if (digest.startsWith('sha256:') && served !== digest) throw mismatch(wanted, digest, served)
  return answer
}

/** Returns the digest of the exact bytes; the header must say the same, and so must a digest that was asked for. */
function verifiedDigest({ bytes, headers }: RegistryAnswer, wanted: Wanted): string {
  const served = `sha256:${sha256(bytes)}`
  const claimed = headers.get('docker-content-digest')
  if (claimed?.startsWith('sha256:') && claimed !== served) throw mismatch(wanted, claimed, served)
  if (wanted.tag.startsWith('sha256:') && wanted.tag !== served) throw mismatch(wanted, wanted.tag, served)
  return served
}

function mismatch({ doing }: Wanted, promised: string, served: string): ImageError {
  return new ImageError('image_digest_mismatch', `${doing}: the registry's bytes do not match their digest`, {
    hint: "Don't deploy this image. Check for a broken proxy or mirror between Purser and the registry.",
    evidence: [`promised ${promised}`, `received ${served}`],
  })
}

async function notFound(
  session: RegistrySession,
  { name, tag, doing }: Wanted,
  answer: RegistryAnswer,
): Promise<ImageError> {
  const words = wordsOf(answer)
  const tags = await tagsOf(session).catch((error: unknown) => {
    // Many registries forbid listing or answer it with something else; the verdict stays "not found".
    if (error instanceof PurserError || error instanceof SyntaxError) return undefined
    throw error
  })
  if (tags === undefined) {
    return new ImageError('image_not_found', `${doing}: not in the registry`, {
      hint: 'check that the image was built and pushed',
      evidence: words,
    })
  }
  const near = nearest(tag, tags)
  const hint =
    near.length > 0
      ? `the nearest tags of ${name} are ${near.join(', ')}`
      : `${name} has no tags yet. Was the image built and pushed?`
  return new ImageError('image_not_found', `${doing}: the registry has no such tag`, { hint, evidence: words })
}

/** Lists the tags; undefined when the repository does not exist or does not list. */
async function tagsOf(session: RegistrySession): Promise<readonly string[] | undefined> {
  const tags: string[] = []
  let path: string | undefined = 'tags/list?n=1000'
  for (let page = 0; path !== undefined && page < SUGGESTION_PAGES; page += 1) {
    const answer: RegistryAnswer = await session.get(path, 'application/json')
    if (answer.status !== 200) return page === 0 ? undefined : tags
    const list = JSON.parse(answer.bytes.toString()) as { readonly tags?: readonly string[] | null }
    tags.push(...(list.tags ?? []))
    const next = /<[^>]*(\?[^>]+)>;\s*rel="?next/.exec(answer.headers.get('link') ?? '')?.[1]
    path = next === undefined ? undefined : `tags/list${next}`
  }
  return tags
}

function expectOk(answer: RegistryAnswer, { doing }: Wanted): void {
  const { status } = answer
  if (status === 200) return
  const hint = "The registry lists something that it doesn't serve. Try again, or push the image again."
  throw new ImageError('image_registry_trouble', `${doing}: the registry answered HTTP ${status}`, {
    hint,
    evidence: wordsOf(answer),
  })
}

function platformName({ os, architecture, variant }: NonNullable<Descriptor['platform']>): string {
  return [os, architecture, variant].filter(Boolean).join('/')
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
