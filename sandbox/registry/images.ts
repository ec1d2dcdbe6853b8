import { createHash } from 'node:crypto'

export interface SimulatedImage {
  readonly repository: string
  readonly tag: string
  /** Commit that the image says it was built from. */
  readonly revision?: string
  /** `linux/amd64` and `linux/arm64` unless told. */
  readonly platforms?: readonly string[]
  /** `index` as buildx pushes (the default), or a bare `manifest`, as a single-platform `docker push` does. */
  readonly shape?: 'index' | 'manifest'
}

export interface Content {
  readonly mediaType: string
  readonly bytes: Buffer
}

interface BuiltImage {
  /** Of what the tag names. */
  readonly digest: string
  /** By digest: index, manifests. */
  readonly manifests: ReadonlyMap<string, Content>
  /** By digest: configs and layers. */
  readonly blobs: ReadonlyMap<string, Content>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
const IN_TOTO = 'application/vnd.in-toto+json'

/** The same image gives the same bytes, hence digests, on every machine and day. */
export function buildImage(image: SimulatedImage): BuiltImage {
  const shelf = new Shelf()
  const platforms = image.platforms ?? ['linux/amd64', 'linux/arm64']
  const built = platforms.map((platform) => ({
    ...shelf.platformImage(image, platform),
    platform: platformOf(platform),
  }))
  if (image.shape === 'manifest')
    return { digest: built[0]?.digest ?? '', manifests: shelf.manifests, blobs: shelf.blobs }
  const attested = built.map((descriptor) => shelf.attestation(descriptor.digest))
  const index = shelf.manifest(OCI_INDEX, {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [...built, ...attested],
  })
  return { digest: index.digest, manifests: shelf.manifests, blobs: shelf.blobs }
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Where the parts of one image are put while it is built. */
class Shelf {
  readonly manifests = new Map<string, Content>()
  readonly blobs = new Map<string, Content>()

  manifest(mediaType: string, value: object): Descriptor {
    return put(this.manifests, mediaType, Buffer.from(JSON.stringify(value, null, 2)))
  }

  platformImage(image: SimulatedImage, platform: string): Descriptor {
    const { os, architecture, variant } = platformOf(platform)
    const tar = Buffer.alloc(1024) // two zero blocks: an empty archive, which engines accept
    const layer = put(this.blobs, OCI_LAYER, tar) // not compressed: gzip's bytes differ between builds of zlib
    const labels = {
      ...(image.revision !== undefined && { 'org.opencontainers.image.revision': image.revision }),
      'org.opencontainers.image.title': image.repository,
      'org.opencontainers.image.version': image.tag,
    }
    const created = '2026-01-01T00:00:00Z'
    const config = {
      created,
      architecture,
      os,
      ...(variant !== undefined && { variant }),
      config: { Cmd: ['node', 'server.js'], Env: ['NODE_ENV=production'], Labels: labels },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{ created, created_by: 'COPY . .' }],
    }
    const configured = put(this.blobs, OCI_CONFIG, Buffer.from(JSON.stringify(config)))
    return this.manifest(OCI_MANIFEST, {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: configured,
      layers: [layer],
    })
  }

  /** What buildx adds per platform: a manifest that no one can run. */
  attestation(subject: string): Descriptor & { readonly platform: object; readonly annotations: object } {
    const config = put(
      this.blobs,
      OCI_CONFIG,
      Buffer.from(JSON.stringify({ architecture: 'unknown', os: 'unknown', config: {} })),
    )
    const statement = put(
      this.blobs,
      IN_TOTO,
      Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ digest: subject }] })),
    )
    const manifest = this.manifest(OCI_MANIFEST, {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config,
      layers: [statement],
    })
    const annotations = { 'vnd.docker.reference.digest': subject, 'vnd.docker.reference.type': 'attestation-manifest' }
    return { ...manifest, annotations, platform: { architecture: 'unknown', os: 'unknown' } }
  }
}

function put(shelf: Map<string, Content>, mediaType: string, bytes: Buffer): Descriptor {
  const digest = digestOf(bytes)
  shelf.set(digest, { mediaType, bytes })
  return { mediaType, digest, size: bytes.length }
}

function platformOf(platform: string): {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
} {
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/')
  return { architecture, os, ...(variant !== undefined && { variant }) }
}
