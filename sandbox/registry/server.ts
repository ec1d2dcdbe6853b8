import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buildImage, type Content, digestOf, OCI_INDEX, OCI_MANIFEST, type SimulatedImage } from './images.ts'
import { Pushes, type PushTarget } from './pushes.ts'

export interface RegistrySimulatorOptions {
  readonly images: readonly SimulatedImage[]
  /** Asks for a login: by token as Docker Hub and GHCR do (the default), or `basic` as ECR does. */
  readonly auth?: { readonly user: string; readonly password: string; readonly scheme?: 'bearer' | 'basic' }
  readonly port?: number
}

type RegistryFault =
  | { readonly does: 'answer'; readonly status: number; readonly times?: number; readonly retryAfterSeconds?: number }
  | { readonly does: 'hang' }
  /** Serves other bytes than the digest promises, as a broken proxy would. */
  | { readonly does: 'corrupt' }

export interface RegistrySimulator {
  readonly url: string
  /** `127.0.0.1:port`, for image references. */
  readonly host: string
  /** Of what the tag names now. */
  digestOf(repository: string, tag: string): string
  /** Tags that came by HTTP, as `docker push` and buildah send them. */
  pushed(): readonly { readonly repository: string; readonly tag: string; readonly digest: string }[]
  /** A manifest or blob, by its digest. */
  content(digest: string): Buffer | undefined
  /** Pushes a tag, anew or again: it names another image afterwards. Returns the new digest. */
  push(image: SimulatedImage): string
  /** As somebody does who overwrites a tag with a build of another commit. Returns the new digest. */
  move(repository: string, tag: string, revision?: string): string
  setFault(fault: RegistryFault | undefined): void
  /** `HEAD /v2/…`, oldest first. */
  requests(): readonly string[]
  close(): Promise<void>
}

export async function startRegistry(options: RegistrySimulatorOptions): Promise<RegistrySimulator> {
  const registry = new Registry(options)
  const server = createServer((request, response) => registry.serve(request, response))
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve),
  )
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    digestOf: (repository, tag) => registry.digestOf(repository, tag),
    pushed: () => registry.pushed(),
    content: (digest) => registry.content(digest),
    push: (image) => registry.push(image),
    move: (repository, tag, revision) => registry.move(repository, tag, revision),
    setFault: (fault) => registry.setFault(fault),
    requests: () => [...registry.requests],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

interface Shelves {
  /** Without a description when it was pushed over HTTP. */
  readonly tags: Map<string, { readonly digest: string; readonly image: SimulatedImage | undefined }>
  readonly manifests: Map<string, Content>
  readonly blobs: Map<string, Content>
}

class Registry {
  readonly requests: string[] = []
  readonly #repositories = new Map<string, Shelves>()
  readonly #auth: RegistrySimulatorOptions['auth']
  readonly #tokens = new Map<string, string>() // token → repository
  readonly #pushes = new Pushes()
  #fault: RegistryFault | undefined
  #faultsLeft = 0
  #moves = 0

  constructor({ images, auth }: RegistrySimulatorOptions) {
    this.#auth = auth
    for (const image of images) this.push(image)
  }

  push(image: SimulatedImage): string {
    const shelves = this.#shelvesOf(image.repository)
    const built = buildImage(image)
    for (const [digest, content] of built.manifests) shelves.manifests.set(digest, content)
    for (const [digest, content] of built.blobs) shelves.blobs.set(digest, content)
    shelves.tags.set(image.tag, { digest: built.digest, image })
    return built.digest
  }

  pushed(): readonly { readonly repository: string; readonly tag: string; readonly digest: string }[] {
    return [...this.#repositories].flatMap(([repository, { tags }]) =>
      [...tags].flatMap(([tag, { digest, image }]) => (image === undefined ? [{ repository, tag, digest }] : [])),
    )
  }

  content(digest: string): Buffer | undefined {
    const shelves = [...this.#repositories.values()]
    const found = shelves.map(({ manifests, blobs }) => manifests.get(digest) ?? blobs.get(digest))
    return found.find((content) => content !== undefined)?.bytes
  }

  digestOf(repository: string, tag: string): string {
    return this.#tag(repository, tag).digest
  }

  move(repository: string, tag: string, revision?: string): string {
    this.#moves += 1
    const anyCommit = this.#moves.toString(16).padStart(40, '0')
    return this.push({ repository, tag, ...this.#tag(repository, tag).image, revision: revision ?? anyCommit })
  }

  setFault(fault: RegistryFault | undefined): void {
    this.#fault = fault
    this.#faultsLeft = fault?.does === 'answer' ? (fault.times ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'registry'}`)
    this.requests.push(`${request.method ?? ''} ${url.pathname}`)
    const answer = (status: number, headers: Record<string, string>, body: Buffer | string = ''): void => {
      response.writeHead(status, {
        'docker-distribution-api-version': 'registry/2.0',
        'content-length': Buffer.byteLength(body),
        ...headers,
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const fault = this.#faultsLeft > 0 ? this.#fault : undefined
    this.#faultsLeft -= 1
    if (fault?.does === 'hang') return
    if (fault?.does === 'answer') {
      const headers = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }
      return refuse(
        answer,
        fault.status,
        fault.status === 429 ? 'TOOMANYREQUESTS' : 'UNAVAILABLE',
        'try again later',
        headers,
      )
    }
    if (url.pathname === '/token') return this.#grant(request, url, answer)
    const { repository, kind, reference } = partsOf(url.pathname)
    if (!this.#admits(request, repository)) return this.#challenge(request, url, repository, answer)
    if (url.pathname === '/v2/') return answer(200, { 'content-type': 'application/json' }, '{}')
    if (request.method !== 'GET' && request.method !== 'HEAD') return void this.#takePush(request, url, answer)
    const shelves = this.#repositories.get(repository)
    if (kind === 'tags' && !shelves) {
      return refuse(answer, 404, 'NAME_UNKNOWN', 'repository name not known to registry', {}, { name: repository })
    }
    if (kind === 'tags' && shelves) return listTags(shelves, repository, url, answer)
    const found = kind === 'blobs' ? blobIn(shelves, reference) : manifestIn(shelves, reference)
    if (!found && kind === 'blobs')
      return refuse(answer, 404, 'BLOB_UNKNOWN', 'blob unknown to registry', {}, reference)
    if (!found) return refuse(answer, 404, 'MANIFEST_UNKNOWN', 'manifest unknown', {}, { Tag: reference })
    const unaccepted = kind === 'manifests' ? refusalOf(found.content.mediaType, request.headers.accept) : undefined
    if (unaccepted !== undefined) return refuse(answer, 404, 'MANIFEST_UNKNOWN', unaccepted)
    const { digest, content } = found
    const bytes = fault?.does === 'corrupt' ? Buffer.concat([content.bytes, Buffer.from('\n')]) : content.bytes
    answer(200, { 'content-type': content.mediaType, 'docker-content-digest': digest, etag: `"${digest}"` }, bytes)
  }

  async #takePush(request: IncomingMessage, url: URL, answer: Answer): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { repository, kind, reference } = partsOf(url.pathname)
    const path = `${kind}/${reference}`
    const { method = '', headers } = request
    const target = repository === '' ? noTarget : this.#targetOf(repository)
    const push = { method, repository, path, query: url.searchParams, type: headers['content-type'] ?? '' }
    const { status, headers: answered, problem } = this.#pushes.take({ ...push, body: Buffer.concat(chunks) }, target)
    if (problem === undefined) return answer(status, { ...answered })
    refuse(answer, status, problem.code, problem.message, {}, problem.detail)
  }

  #shelvesOf(repository: string): Shelves {
    const known = this.#repositories.get(repository)
    if (known !== undefined) return known
    const shelves: Shelves = { tags: new Map(), manifests: new Map(), blobs: new Map() }
    this.#repositories.set(repository, shelves)
    return shelves
  }

  #targetOf(repository: string): PushTarget {
    const keep = (shelf: keyof Pick<Shelves, 'manifests' | 'blobs'>, content: Content): string => {
      const digest = digestOf(content.bytes)
      this.#shelvesOf(repository)[shelf].set(digest, content)
      return digest
    }
    return {
      putBlob: (content) => keep('blobs', content),
      hasBlob: (digest) => this.#repositories.get(repository)?.blobs.has(digest) === true,
      putManifest: (reference, content) => {
        const digest = keep('manifests', content)
        const tagged = !reference.startsWith('sha256:')
        if (tagged) this.#shelvesOf(repository).tags.set(reference, { digest, image: undefined })
        return digest
      },
    }
  }

  #tag(repository: string, tag: string): { readonly digest: string; readonly image: SimulatedImage | undefined } {
    const found = this.#repositories.get(repository)?.tags.get(tag)
    if (!found) throw new Error(`the sandbox's registry has no ${repository}:${tag}`)
    return found
  }

  #admits(request: IncomingMessage, repository: string): boolean {
    if (!this.#auth) return true
    const authorization = request.headers.authorization ?? ''
    if (this.#auth.scheme === 'basic') return authorization === basic(this.#auth)
    const token = /^Bearer (\S+)$/.exec(authorization)?.[1]
    return token !== undefined && (repository === '' ? this.#tokens.has(token) : this.#tokens.get(token) === repository)
  }

  #challenge({ method }: IncomingMessage, url: URL, repository: string, answer: Answer): void {
    const action = method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'
    const scope = repository === '' ? '' : `,scope="repository:${repository}:${action}"`
    const bearer = `Bearer realm="${url.origin}/token",service="sandbox registry"${scope}`
    const challenge =
      this.#auth?.scheme === 'basic' ? 'Basic realm="sandbox registry",service="sandbox registry"' : bearer
    refuse(answer, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge })
  }

  #grant(request: IncomingMessage, url: URL, answer: Answer): void {
    if (!this.#auth || request.headers.authorization !== basic(this.#auth)) {
      return answer(401, { 'content-type': 'application/json' }, '{"details":"incorrect username or password"}')
    }
    const token = randomBytes(24).toString('base64url')
    this.#tokens.set(token, /^repository:(.+):[a-z,]+$/.exec(url.searchParams.get('scope') ?? '')?.[1] ?? '')
    answer(200, { 'content-type': 'application/json' }, JSON.stringify({ token, access_token: token, expires_in: 300 }))
  }
}

const noTarget: PushTarget = { putBlob: () => '', hasBlob: () => false, putManifest: () => '' }

type Answer = (status: number, headers: Record<string, string>, body?: Buffer | string) => void

function refuse(
  answer: Answer,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
  detail?: unknown,
): void {
  const body = JSON.stringify({ errors: [{ code, message, detail }] })
  answer(status, { 'content-type': 'application/json; charset=utf-8', ...headers }, `${body}\n`)
}

function partsOf(path: string): { readonly repository: string; readonly kind: string; readonly reference: string } {
  const [, repository = '', kind = '', reference = ''] =
    /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags)\/([^/]*)$/.exec(path) ?? []
  return { repository, kind, reference }
}

interface Found {
  readonly digest: string
  readonly content: Content
}

function manifestIn(shelves: Shelves | undefined, reference: string): Found | undefined {
  const digest = reference.startsWith('sha256:') ? reference : shelves?.tags.get(reference)?.digest
  const content = digest === undefined ? undefined : shelves?.manifests.get(digest)
  return digest === undefined || content === undefined ? undefined : { digest, content }
}

function blobIn(shelves: Shelves | undefined, digest: string): Found | undefined {
  const content = shelves?.blobs.get(digest)
  return content && { digest, content }
}

/** docker distribution answers 404 when the type is not listed by name; a wildcard does not count. */
function refusalOf(mediaType: string, accept: string | undefined): string | undefined {
  const accepted = (accept ?? '').split(',').map((type) => type.split(';')[0]?.trim())
  if (accepted.includes(mediaType)) return undefined
  if (mediaType === OCI_INDEX) return 'OCI index found, but accept header does not support OCI indexes'
  if (mediaType === OCI_MANIFEST) return 'OCI manifest found, but accept header does not support OCI manifests'
  return undefined
}

function listTags({ tags }: Shelves, repository: string, url: URL, answer: Answer): void {
  const last = url.searchParams.get('last') ?? ''
  const all = [...tags.keys()].sort().filter((tag) => tag > last)
  const count = Number(url.searchParams.get('n') ?? all.length)
  const page = all.slice(0, count)
  const next = `</v2/${repository}/tags/list?last=${encodeURIComponent(page.at(-1) ?? '')}&n=${count}>; rel="next"`
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (page.length < all.length) headers['link'] = next
  answer(200, headers, JSON.stringify({ name: repository, tags: page }))
}

function basic({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
