import { knownSecrets } from '../../outside-text/known-secrets.ts'
import { Sensitive } from '../../sensitive.ts'
import { exchange } from '../http/request.ts'
import { ImageError, registryWords } from './errors.ts'
import { type Challenge, chosenChallenge } from './login/challenges.ts'
import type { FoundLogin } from './login/credentials.ts'
import { type RegistryCredentials, sameCredentials } from './login/registry-credentials.ts'
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
  /** Finds the login, when the registry asks for one; `anew` when it has refused the one that is known. */
  readonly login: (anew: boolean) => Promise<FoundLogin>
  /** Further hosts to which the registry may send us; see `trusted-hosts.ts`. */
  readonly hosts: readonly string[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What is being done, for errors: "resolving valuecanvas/api:v1.2.0". */
  readonly doing: string
}

/** The largest body that is read, in bytes. Registries limit manifests to 4 MiB; configs, and pages of a thousand tags, are smaller. */
const LARGEST_BODY = 4 * 1024 * 1024
const MOST_REDIRECTS = 5

/** Read access to one repository; proves who we are when it is asked to, and keeps the token for the session's life. */
export class RegistrySession {
  readonly #options: SessionOptions
  #challenge: Challenge | undefined
  #login: FoundLogin | undefined
  #authorization: string | undefined
  /** What the one who gives tokens said instead. */
  #noToken: RegistryAnswer | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  async get(path: string, accept: string): Promise<RegistryAnswer> {
    let answer = await this.#send(path, accept)
    // With the login that is known, then with the one that is there by now: tokens live for hours, and others renew them.
    for (const anew of [false, true]) {
      // Amazon's registry refuses a token that has expired as if it lacked the right.
      if (answer.status !== 401 && !(answer.status === 403 && anew)) break
      const proof = await this.#proof(answer, anew)
      if (proof === undefined) continue
      this.#authorization = proof
      answer = await this.#send(path, accept)
    }
    if (answer.status === 401 || answer.status === 403) throw this.#denied(this.#noToken ?? answer)
    if (answer.status === 429 || answer.status >= 500) throw this.#trouble(answer)
    return answer
  }

  #send(path: string, accept: string): Promise<RegistryAnswer> {
    const { repository } = this.#options
    const headers: Record<string, string> = { accept }
    if (this.#authorization) headers['authorization'] = this.#authorization
    return this.#follow(`${repository.origin}/v2/${repository.path}/${path}`, { headers }, 'content')
  }

  /** What answers the registry's challenge; undefined when nothing is known that it has not refused. */
  async #proof(refusal: RegistryAnswer, anew: boolean): Promise<string | undefined> {
    const header = refusal.headers.get('www-authenticate')
    if (header !== null) this.#challenge = chosenChallenge(header)
    const challenge = this.#challenge
    if (challenge === undefined) return undefined
    if (anew || this.#login === undefined) {
      const found = await this.#options.login(anew)
      if (anew && sameCredentials(found.credentials, this.#login?.credentials)) return undefined
      this.#login = found
    }
    const { credentials } = this.#login
    if (credentials?.kind === 'registry token') return `Bearer ${credentials.token.reveal()}`
    if (challenge.scheme === 'bearer') return this.#token(challenge, credentials)
    return credentials?.kind === 'password' ? basic(credentials) : undefined
  }

  /**
   * Gets a token: see https://distribution.github.io/distribution/spec/auth/token/, and /oauth/ there for an identity token.
   * Undefined when the login is refused.
   */
  async #token(
    { parameters }: Challenge,
    credentials: Exclude<RegistryCredentials, { kind: 'registry token' }> | undefined,
  ): Promise<string | undefined> {
    const { repository } = this.#options
    const realm = parameters.get('realm') ?? ''
    this.#mayAsk(realm, 'login')
    const service = parameters.get('service')
    const question = new URLSearchParams(service === undefined ? {} : { service })
    question.set('scope', parameters.get('scope') ?? `repository:${repository.path}:pull`)
    const answer =
      credentials?.kind === 'identity token'
        ? await this.#exchange(realm, question, credentials.token.reveal())
        : await this.#follow(
            asking(realm, question),
            { headers: credentials ? { authorization: basic(credentials) } : {} },
            'login',
          )
    if (answer.status === 429 || answer.status >= 500) throw this.#trouble(answer)
    const token = answer.status === 200 ? tokenIn(answer.bytes) : undefined
    if (token === undefined) {
      this.#noToken = answer
      return undefined
    }
    this.#noToken = undefined
    knownSecrets.learnRenewed(`registry ${repository.origin}`, new Sensitive(token))
    return `Bearer ${token}`
  }

  /** Nobody is followed with it: what a redirect of this leads to would get the token that lasts. */
  #exchange(realm: string, question: URLSearchParams, token: string): Promise<RegistryAnswer> {
    const body = new URLSearchParams(question)
    for (const [name, value] of Object.entries({
      grant_type: 'refresh_token',
      client_id: 'purser',
      refresh_token: token,
    }))
      body.set(name, value)
    return this.#fetch(realm, { method: 'POST', body, headers: {} })
  }

  /**
   * Follows redirects by hand, each to a host that may be asked only: blobs often lie in object storage. The login stays with
   * the origin that it was meant for.
   */
  async #follow(
    first: string,
    { headers }: { readonly headers: Readonly<Record<string, string>> },
    purpose: 'login' | 'content',
  ): Promise<RegistryAnswer> {
    let url = first
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const { authorization: _login, ...without } = headers
      const sameOrigin = new URL(url).origin === new URL(first).origin
      const answer = await this.#fetch(url, { headers: sameOrigin ? headers : without })
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

  #fetch(url: string, how: Omit<RequestInit, 'signal' | 'redirect'>): Promise<RegistryAnswer> {
    const { doing, timeoutMs, signal, repository } = this.#options
    const { host, origin } = new URL(url)
    const init: RequestInit = { ...how, redirect: 'manual' }
    return exchange(url, init, { doing, timeoutMs, signal }, async (response) => {
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength
        if (size > LARGEST_BODY)
          throw new ImageError('image_registry_trouble', `${doing}: the answer is larger than the 4 MiB of a manifest`)
        chunks.push(chunk)
      }
      const elsewhere = origin === repository.origin ? undefined : host
      return { status: response.status, headers: response.headers, bytes: Buffer.concat(chunks), elsewhere }
    })
  }

  #denied(answer: RegistryAnswer): ImageError {
    const { doing, repository } = this.#options
    const evidence = wordsOf(answer)
    const refused = `${doing}: the registry refused access (HTTP ${answer.status})`
    const { credentials, trouble } = this.#login ?? {}
    if (credentials === undefined && trouble !== undefined)
      return new ImageError('credential_helper_failed', `${refused}, and ${trouble.message}`, {
        hint: trouble.hint ?? 'see why the credential helper of docker fails',
        evidence: [...trouble.evidence, ...evidence],
        cause: trouble,
      })
    const hint = credentials
      ? `the credentials for ${repository.registry} don't allow pulling ${repository.path}`
      : `give Purser credentials for ${repository.registry} (docker login). A missing repository looks the same`
    return new ImageError('image_access_denied', refused, { hint, evidence })
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
          : "Try again. If it stays so, check the registry's status.",
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

function asking(realm: string, question: URLSearchParams): string {
  const url = new URL(realm)
  for (const [name, value] of question) url.searchParams.set(name, value)
  return url.href
}

function basic({ user, password }: Extract<RegistryCredentials, { kind: 'password' }>): string {
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
