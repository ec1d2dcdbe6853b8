import { getDomain } from 'tldts'
import { isLoopback } from '../../image-name.ts'

/** What an answer of a registry sends us to: where the login goes, or where content lies, which is asked for without it. */
type Purpose = 'login' | 'content'

interface Trust {
  /** The address of the registry's API, which people configured. */
  readonly origin: string
  /** Further hosts that people configured: `auth.example.com`, `*.example.com`, with a port if it is not the usual one. */
  readonly hosts: readonly string[]
}

/**
 * Where registries keep their blobs, as their vendors tell those who run firewalls. Content from there is compared with its
 * digest, and asked for without a login.
 */
const storage: readonly (readonly [RegExp, RegExp])[] = [
  // https://docs.docker.com/desktop/setup/allow-list/
  [/(^|\.)docker\.io$/, /(^|\.)(docker\.com|r2\.cloudflarestorage\.com)$/],
  // https://docs.github.com/en/packages (pkg-containers.githubusercontent.com)
  [/^ghcr\.io$/, /(^|\.)githubusercontent\.com$/],
  [/(^|\.)(gcr\.io|pkg\.dev)$/, /^storage\.googleapis\.com$/],
  // https://learn.microsoft.com/azure/container-registry/container-registry-firewall-access-rules
  [/\.azurecr\.io$/, /\.blob\.core\.windows\.net$/],
  // https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
  [/\.amazonaws\.com$/, /\.s3[.-][a-z0-9.-]*amazonaws\.com$/],
  [/^public\.ecr\.aws$/, /\.cloudfront\.net$/],
  [/(^|\.)quay\.io$/, /\.cloudfront\.net$/],
  [/^registry\.gitlab\.com$/, /^(storage\.googleapis\.com|cdn\.registry\.gitlab-static\.net)$/],
]

/** Registries of many customers below one domain, as far as the public suffix list does not know them: a neighbour is a stranger. */
const shared =
  /(^|\.)(azurecr\.io|amazonaws\.com|jfrog\.io|pkg\.dev|gcr\.io|ocir\.io|scw\.cloud|cr\.de-fra\.ionos\.com)$/

/**
 * Tells why an address is not asked; undefined when it is. The registry itself always is. Else it has to be https, and a host
 * of the registry's own domain or a configured one; loopback only for a registry on loopback. Pure.
 */
export function whyNotAsked(address: string, purpose: Purpose, { origin, hosts }: Trust): string | undefined {
  if (!URL.canParse(address)) return "it isn't a URL"
  const [target, registry] = [new URL(address), new URL(origin)]
  if (target.username !== '' || target.password !== '') return 'it carries a user or a password'
  if (target.origin === registry.origin) return undefined
  if (isLoopback(registry.host) && isLoopback(target.host)) return undefined
  if (target.protocol !== 'https:') return 'it is not https'
  if (hosts.some((host) => isHost(target, host))) return undefined
  if (isAddress(target.hostname) || isLoopback(target.host)) return 'it is an address and not a name of the registry'
  if (isOwn(target.hostname, registry.hostname)) return undefined
  if (purpose === 'content' && storage.some(([of, at]) => of.test(registry.hostname) && at.test(target.hostname)))
    return undefined
  return `it is not of the registry's own domain`
}

function isOwn(target: string, registry: string): boolean {
  if (target.endsWith(`.${registry}`)) return true
  // A public suffix, as in `com` or `co.uk`, is above every registry there and belongs to none.
  const domain = getDomain(target, { allowPrivateDomains: true })
  if (domain === null) return false
  if (registry.endsWith(`.${target}`)) return true
  return !shared.test(registry) && domain === getDomain(registry, { allowPrivateDomains: true })
}

function isHost({ host, hostname }: URL, configured: string): boolean {
  const wanted = configured.toLowerCase()
  return wanted.startsWith('*.') ? hostname.endsWith(wanted.slice(1)) : host === wanted
}

/** Tells an IPv4 or IPv6 address, which a URL always writes in its usual form. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(hostname)
}
