import { imageName, isLoopback, registryName } from '../../image-name.ts'
import { ImageError } from './errors.ts'

export interface Repository {
  /** The registry, as people and credentials name it: `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  readonly registry: string
  /** The address of its API: `https://registry-1.docker.io`. */
  readonly origin: string
  /** The path of the repository: `library/nginx`, `valuecanvas/api`. */
  readonly path: string
}

interface Addressing {
  /** Whether registries on this machine are asked by plain http, as container engines do. */
  readonly insecureLoopback: boolean
  /** For a registry the `host[:port]` or URL that answers instead of it. */
  readonly mirrors: Readonly<Record<string, string>>
}

const DOCKER_HUB = 'docker.io'
/** The names that distribution/reference allows: lower case, separated by one of `.`, `_`, `__` or dashes. */
const PATH = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/
const TAG = /^\w[\w.-]{0,127}$/

/** Reads a repository as `imageName` does, and refuses what is none: with a tag, or with characters that no registry allows. */
export function parseRepository(name: string, { insecureLoopback, mirrors }: Addressing): Repository {
  const { registry, path, tag, digest } = imageName(name)
  if (tag !== undefined || digest !== undefined || !PATH.test(path) || !HOST.test(registry)) {
    throw new ImageError('image_name_malformed', `reading the image name ${name}: not a repository name`, {
      hint: 'it looks like valuecanvas/api or registry.example.com/team/api: lower case, without a tag',
    })
  }
  const mirror = Object.entries(mirrors).find(([host]) => registryName(host) === registry)?.[1]
  return { registry, origin: originOf(mirror ?? registry, insecureLoopback), path }
}

export function checkTag(tag: string): void {
  if (TAG.test(tag) || /^sha256:[0-9a-f]{64}$/.test(tag)) return
  throw new ImageError('image_name_malformed', `reading the image tag ${tag}: not a tag`, {
    hint: 'a tag has letters, digits, dots, dashes and underscores only, as in v1.2.0',
  })
}

function originOf(address: string, insecureLoopback: boolean): string {
  if (/^https?:\/\//.test(address)) return new URL(address).origin
  const host = address === DOCKER_HUB ? 'registry-1.docker.io' : address
  return `${insecureLoopback && isLoopback(host) ? 'http' : 'https'}://${host}`
}
