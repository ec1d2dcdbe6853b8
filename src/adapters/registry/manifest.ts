import { z } from 'zod'
import { ImageError } from './errors.ts'
import type { RegistryAnswer } from './session.ts'

export interface Wanted {
  readonly name: string
  readonly tag: string
  readonly doing: string
}

const descriptorSchema = z.object({
  digest: z.string().min(1),
  mediaType: z.string().exactOptional(),
  platform: z
    .object({
      os: z.string().exactOptional(),
      architecture: z.string().exactOptional(),
      variant: z.string().exactOptional(),
    })
    .exactOptional(),
})

/** An index has `manifests`, a manifest `config` and `layers`; everything else is neither. */
const manifestSchema = z.union([
  z.object({ manifests: z.array(descriptorSchema), artifactType: z.string().exactOptional() }),
  z.object({ config: descriptorSchema, layers: z.array(z.unknown()), artifactType: z.string().exactOptional() }),
])

export type Descriptor = z.infer<typeof descriptorSchema>
export interface Manifest {
  readonly manifests?: readonly Descriptor[]
  readonly config?: Descriptor
  readonly artifactType?: string
}

/** The configurations of images that a container engine runs. */
const imageConfigs = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])

/** Reads a manifest or an index. Raises when the answer is something else, whatever status it came with. */
export function manifestIn(answer: RegistryAnswer, wanted: Wanted): Manifest {
  const read = parse<unknown>(answer, wanted)
  const known = manifestSchema.safeParse(read)
  if (known.success) return known.data
  if (isSchema1(read))
    throw noImage(wanted, 'a manifest of schema 1, which registries and container engines have given up')
  throw noManifest(wanted)
}

function isSchema1(read: unknown): boolean {
  return z.object({ schemaVersion: z.literal(1), fsLayers: z.array(z.unknown()) }).safeParse(read).success
}

/** Raises when the manifest is of something that no node can run: a chart, a signature, any other artifact. */
export function requireImage({ config, artifactType }: Manifest, wanted: Wanted): void {
  const kind = config?.mediaType
  if (kind !== undefined && imageConfigs.has(kind)) return
  if (kind === 'application/vnd.cncf.helm.config.v1+json') throw noImage(wanted, 'a Helm chart')
  throw noImage(wanted, `an artifact of the type ${artifactType ?? kind ?? 'that it does not tell'}`)
}

export function noImage({ doing }: Wanted, what: string): ImageError {
  return new ImageError('image_not_runnable', `${doing}: it isn't an image but ${what}`, {
    hint: 'See what was pushed under this tag: a container image is wanted.',
  })
}

export function parse<T>({ bytes }: RegistryAnswer, wanted: Wanted): T {
  try {
    return JSON.parse(bytes.toString()) as T
  } catch (error) {
    throw noManifest(wanted, error)
  }
}

function noManifest({ doing }: Wanted, cause?: unknown): ImageError {
  const hint = 'check the registry’s address: something else seems to answer there'
  return new ImageError('image_registry_trouble', `${doing}: the answer is not a manifest`, { hint, cause })
}
