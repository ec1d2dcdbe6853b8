interface ServiceImage {
  /** Without the registry's host: `valuecanvas/api`. */
  readonly repository: string
  readonly tag: string
  /** The commit it is built from; label `org.opencontainers.image.revision`. */
  readonly revision: string
}

export interface PublishedImage {
  readonly repository: string
  readonly tag: string
  /** `sha256:…`, as the registry names its manifest. */
  readonly digest: string
  /** What is in it, when somebody pushed it. Without: the repository's tree at the tag. */
  readonly content?: ImageContent
}

export interface ImageContent {
  /** Archives, the lowest first. */
  readonly layers: readonly Buffer[]
  readonly command: readonly string[]
  readonly workingDirectory: string
}

const imageRepository = 'valuecanvas/api'

/** In the registry's index, but its manifest is gone: pulling it fails. */
export const unpullable = 'v1.3.0-badimage'

/** What the registry simulator must offer. */
export function serviceImages(commits: Readonly<Record<string, string>>): readonly ServiceImage[] {
  return Object.entries(commits).map(([tag, revision]) => ({ repository: imageRepository, tag, revision }))
}

/** A pushed image as a container engine reads it: manifest, config, layers. */
export function contentOf(digest: string, read: (digest: string) => Buffer | undefined): ImageContent {
  const json = <T>(of: string) => JSON.parse((read(of) ?? Buffer.from('{}')).toString()) as T
  const manifest = json<{ config?: { digest: string }; layers?: { digest: string }[] }>(digest)
  const { config = {} } = json<{ config?: { Entrypoint?: string[]; Cmd?: string[]; WorkingDir?: string } }>(
    manifest.config?.digest ?? '',
  )
  return {
    layers: (manifest.layers ?? []).map((layer) => read(layer.digest) ?? Buffer.alloc(0)),
    command: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    workingDirectory: config.WorkingDir ?? '/',
  }
}

interface ImageReference {
  /** As written, with a host if there is one. */
  readonly name: string
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

export function parseReference(image: string): ImageReference {
  const [named = '', digest] = image.split('@')
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const name = tagged ? named.slice(0, colon) : named
  const [first = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const tag = tagged ? named.slice(colon + 1) : digest === undefined ? 'latest' : undefined
  return { name, repository: hasHost ? rest.join('/') : name, tag, digest }
}
