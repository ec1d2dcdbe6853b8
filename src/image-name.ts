/**
 * The name of an image, read as container engines read it (github.com/distribution/reference). One image has many spellings:
 * `nginx`, `docker.io/nginx`, `index.docker.io/library/nginx:latest`. So names are compared here, and nowhere by their text.
 */
interface ImageName {
  /** The registry, as people and credentials name it: `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  readonly registry: string
  /** The path of the repository: `library/nginx`, `valuecanvas/api`. */
  readonly path: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

const dockerHub = 'docker.io'

/**
 * Reads a name by Docker's rule: the first part is a registry if it has a dot, a port or a capital letter, or is `localhost`;
 * otherwise it is Docker Hub. It does not check whether the parts are allowed: what is no name is equal to itself only.
 */
export function imageName(text: string): ImageName {
  const [name = '', digest] = text.trim().split('@')
  const [, untagged = name, tag] = /^(.*?)(?::([^:/]*))?$/s.exec(name) ?? []
  const slash = untagged.indexOf('/')
  const first = slash < 0 ? '' : untagged.slice(0, slash)
  const isRegistry = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  const registry = isRegistry ? registryName(first) : dockerHub
  const rest = isRegistry ? untagged.slice(slash + 1) : untagged
  return { registry, path: registry === dockerHub && !rest.includes('/') ? `library/${rest}` : rest, tag, digest }
}

/** Gives the one spelling of a registry: lower case, without the port that is asked anyway, Docker Hub by one of its names. */
export function registryName(host: string): string {
  const lower = host.toLowerCase()
  const usual = lower.replace(isLoopback(lower) ? /:80$/ : /(:443)+$/, '')
  return /^((index|registry-1)\.)?docker\.io$/.test(usual) ? dockerHub : usual
}

/** Registries on this machine are asked by plain http, as container engines do. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host)
}

/** Tells whether two images come from one repository, whatever their tags and digests. */
export function sameRepository(one: string, other: string): boolean {
  const [a, b] = [imageName(one), imageName(other)]
  return a.registry === b.registry && a.path === b.path
}

/**
 * Tells whether two names are the same image: of one repository, and the same digest, whatever tag stands beside it; or both by
 * the same tag. A tag and a digest are not compared: what the tag names is known to the registry only.
 */
export function sameImage(one: string, other: string): boolean {
  if (one === other) return true
  if (!sameRepository(one, other)) return false
  const [a, b] = [imageName(one), imageName(other)]
  if (a.digest !== undefined || b.digest !== undefined) return a.digest === b.digest
  return (a.tag ?? 'latest') === (b.tag ?? 'latest')
}

/** Returns the tag of an image, `v1.1.0` of `valuecanvas/api:v1.1.0`; undefined when it is named by digest only. */
export function tagOf(image: string): string | undefined {
  const { tag, digest } = imageName(image)
  return digest === undefined ? tag : undefined
}
