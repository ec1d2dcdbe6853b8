import { knownSecrets } from '../../outside-text/known-secrets.ts'
import { Sensitive } from '../../sensitive.ts'
import { exchange } from '../http/request.ts'
import type { RegistryCredentials } from './credentials.ts'
import { ImageError, registryWords } from './errors.ts'
import type { Repository } from './reference.ts'
import { whyNotAsked } from './trusted-hosts.ts'

export interface RegistryAnswer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** The host that answered in the registry's place; undefined when it was the registry itself. */
  readonly elsewhere: string | undefined
}

interface SessionOptions {
  readonly repository: Repository
  readonly credentials: RegistryCredentials | undefined
  /** Further hosts to which the registry may send us; see `trusted-hosts.ts`. */
  readonly hosts: readonly string[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What is being done, for errors: "resolving valuecanvas/api:v1.2.0". */
  readonly doing: string
}

/** The largest body that is read. Registries limit manifests to 4 MiB; configs are smaller. */
const LARGEST_BODY = 8 * 1024 * 1024
const MOST_REDIRECTS = 5

/** Read access to one repository; proves who we are once and keeps the token for the session's life. */
export class RegistrySession {
  readonly #options: SessionOptions
  #authorization: string | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  async get(path: string, accept: string): Promise<RegistryAnswer> {
    const first = await this.#send(path, accept)
    const answer =
      first.status === 401 && this.#authorization === undefined ? await this.#again(first, path, accept) : first
    if (answer.status === 401 || answer.status === 403) throw this.#denied(answer)
    if (answer.status === 429 || answer.status >= 500) throw this.#trouble(answer)
    return answer
  }

  async #again(refusal: RegistryAnswer, path: string, accept: string): Promise<RegistryAnswer> {
    this.#authorization = await this.#authorize(refusal)
    return this.#send(path, accept)
  }

  #send(path: string, accept: string): Promise<RegistryAnswer> {
    const { repository } = this.#options
    const headers: Record<string, string> = { accept }
    if (this.#authorization) headers['authorization'] = this.#authorization
    return this.#follow(`${repository.origin}/v2/${repository.path}/${path}`, headers, 'content')
  }

  async #authorize(refusal: RegistryAnswer): Promise<string> {
    const challenge = refusal.headers.get('www-authenticate') ?? ''
    const { credentials } = this.#options
    if (/^basic\b/i.test(challenge)) {
      if (!credentials) throw this.#denied(refusal)
      return basic(credentials)
    }
    if (/^bearer\b/i.test(challenge)) return `Bearer ${await this.#token(challenge)}`
    throw this.#denied(refusal)
  }

  /** Gets a token, see https://distribution.github.io/distribution/spec/auth/token/. */
  async #token(challenge: string): Promise<string> {
    const { repository, credentials } = this.#options
    const parts = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value] as const))
    const realm = parts.get('realm') ?? ''
    this.#mayAsk(realm, 'login')
    const url = new URL(realm)
    const service = parts.get('service')
    if (service !== undefined) url.searchParams.set('service', service)
    url.searchParams.set('scope', parts.get('scope') ?? `repository:${repository.path}:pull`)
    const answer = await this.#follow(url.href, credentials ? { authorization: basic(credentials) } : {}, 'login')
    if (answer.status === 429 || answer.status >= 500) throw this.#trouble(answer)
    const token = answer.status === 200 ? tokenIn(answer.bytes) : undefined
    if (token === undefined) throw this.#denied(answer)
    knownSecrets.learnRenewed(`registry ${repository.origin}`, new Sensitive(token))
    return token
  }

  /**
   * Follows redirects by hand, each to a host that may be asked only: blobs often lie in object storage. The login stays with
   * the origin that it was meant for.
   */
  async #follow(
    first: string,
    headers: Readonly<Record<string, string>>,
    purpose: 'login' | 'content',
  ): Promise<RegistryAnswer> {
    let url = first
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const { authorization: _login, ...without } = headers
      const sameOrigin = new URL(url).origin === new URL(first).origin
      const answer = await this.#fetch(url, sameOrigin ? headers : without)
      const location = [301, 302, 303, 307, 308].includes(answer.status) ? answer.headers.get('location') : null
      if (location === null) return answer
      const next = URL.canParse(location, url) ? new URL(location, url).href : location
      this.#mayAsk(next, purpose)
      url = next
    }
    throw new ImageError('image_registry_trouble', `${this.#options.doing}: more than ${MOST_REDIRECTS} redirects`)
  }

  #mayAsk(url: string, purpose: 'login' | 'content'): void {
    const { repository, hosts, doing } = this.#options
    const why = whyNotAsked(url, purpose, { origin: repository.origin, hosts })
    if (why === undefined) return
    const host = URL.canParse(url) ? new URL(url).host : 'something that is not a URL'
    const wanted = purpose === 'login' ? 'asks for the login at' : 'sends to'
    throw new ImageError('image_host_refused', `${doing}: the registry ${wanted} ${host}, which is not asked: ${why}`, {
      hint: `If ${host} belongs to the registry, name it in service.image.registryHosts.`,
    })
  }

  #fetch(url: string, headers: Readonly<Record<string, string>>): Promise<RegistryAnswer> {
    const { doing, timeoutMs, signal, repository } = this.#options
    const { host, origin } = new URL(url)
    const init: RequestInit = { headers, redirect: 'manual' }
    return exchange(url, init, { doing, timeoutMs, signal }, async (response) => {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength
        if (size > LARGEST_BODY)
          throw new ImageError('image_registry_trouble', `${doing}: the answer is larger than a manifest can be`)
        chunks.push(chunk)
      }
      const elsewhere = origin === repository.origin ? undefined : host
      return { status: response.status, headers: response.headers, bytes: Buffer.concat(chunks), elsewhere }
    })
  }

  #denied(answer: RegistryAnswer): ImageError {
    const { doing, credentials, repository } = this.#options
    const hint = credentials
      ? `the credentials for ${repository.registry} do not allow pulling ${repository.path}; check them`
      : `give Purser credentials for ${repository.registry} (docker login); a repository that does not exist looks the same`
    return new ImageError('image_access_denied', `${doing}: the registry refused access (HTTP ${answer.status})`, {
      hint,
      evidence: wordsOf(answer),
    })
  }

  #trouble(answer: RegistryAnswer): ImageError {
    const limited = answer.status === 429
    const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
    const message = limited ? 'the registry limits our requests' : `the registry answered HTTP ${answer.status}`
    return new ImageError(
      limited ? 'image_registry_limited' : 'image_registry_trouble',
      `${this.#options.doing}: ${message}`,
      {
        hint: limited
          ? 'wait, or give Purser credentials: anonymous pulls are limited first'
          : 'try again; look at the registry’s status if it stays so',
        evidence: wordsOf(answer),
        transient: true,
        retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
      },
    )
  }
}

/** Gives the registry's own words. What another host answers is not passed on: it may be anything that can be reached from here. */
export function wordsOf({ status, bytes, elsewhere }: RegistryAnswer): readonly string[] {
  return elsewhere === undefined ? registryWords(bytes.toString()) : [`${elsewhere} answered HTTP ${status}`]
}

function basic({ user, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}`
}

function tokenIn(bytes: Buffer): string | undefined {
  try {
    const answer = JSON.parse(bytes.toString()) as { readonly token?: unknown; readonly access_token?: unknown }
    const token = answer.token ?? answer.access_token
    return typeof token === 'string' ? token : undefined
  } catch {
    return undefined
  }
}
