import { exchange } from '../http/request.ts'
import type { RegistryCredentials } from './credentials.ts'
import { ImageError, registryWords } from './errors.ts'
import { isLoopback, type Repository } from './reference.ts'

export interface RegistryAnswer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

interface SessionOptions {
  readonly repository: Repository
  readonly credentials: RegistryCredentials | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What is being done, for errors: "resolving valuecanvas/api:v1.2.0". */
  readonly doing: string
}

/** The largest body that is read. Registries limit manifests to 4 MiB; configs are smaller. */
const LARGEST_BODY = 8 * 1024 * 1024

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
    // Blobs are often redirected to object storage; fetch drops the authorization when the origin changes.
    return this.#fetch(`${repository.origin}/v2/${repository.path}/${path}`, headers)
  }

  async #authorize(refusal: RegistryAnswer): Promise<string> {
    const challenge = refusal.headers.get('www-authenticate') ?? ''
    const { credentials } = this.#options
    if (/^basic\b/i.test(challenge)) {
      if (!credentials) throw this.#denied(refusal)
      return basic(credentials)
    }
    if (/^bearer\b/i.test(challenge)) return `Bearer ${await this.#token(challenge, refusal)}`
    throw this.#denied(refusal)
  }

  /** Gets a token, see https://distribution.github.io/distribution/spec/auth/token/. */
  async #token(challenge: string, refusal: RegistryAnswer): Promise<string> {
    const { repository, credentials } = this.#options
    const parts = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value] as const))
    const realm = parts.get('realm') ?? ''
    if (!URL.canParse(realm)) throw this.#denied(refusal)
    const url = new URL(realm)
    if (url.protocol !== 'https:' && !isLoopback(url.host)) throw this.#insecureRealm(url)
    const service = parts.get('service')
    if (service !== undefined) url.searchParams.set('service', service)
    url.searchParams.set('scope', parts.get('scope') ?? `repository:${repository.path}:pull`)
    const answer = await this.#fetch(url.href, credentials ? { authorization: basic(credentials) } : {})
    if (answer.status === 429 || answer.status >= 500) throw this.#trouble(answer)
    const token = answer.status === 200 ? tokenIn(answer.bytes) : undefined
    if (token === undefined) throw this.#denied(answer)
    return token
  }

  #fetch(url: string, headers: Readonly<Record<string, string>>): Promise<RegistryAnswer> {
    const { doing, timeoutMs, signal } = this.#options
    return exchange(url, { headers }, { doing, timeoutMs, signal }, async (response) => {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength
        if (size > LARGEST_BODY)
          throw new ImageError('image_registry_trouble', `${doing}: the answer is larger than a manifest can be`)
        chunks.push(chunk)
      }
      return { status: response.status, headers: response.headers, bytes: Buffer.concat(chunks) }
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

  #insecureRealm(url: URL): ImageError {
    return new ImageError(
      'image_access_denied',
      `${this.#options.doing}: the registry asks for credentials over plain http at ${url.host}`,
      {
        hint: 'use a registry whose token service has https',
      },
    )
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

function wordsOf(answer: RegistryAnswer): readonly string[] {
  return registryWords(answer.bytes.toString())
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
