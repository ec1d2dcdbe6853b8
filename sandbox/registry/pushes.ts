import { randomBytes } from 'node:crypto'
import { type Content, digestOf } from './images.ts'

/** What a push puts onto the shelves of one repository. */
export interface PushTarget {
  putBlob(content: Content): string
  hasBlob(digest: string): boolean
  /** `reference`: a tag or a digest. */
  putManifest(reference: string, content: Content): string
}

interface PushRequest {
  readonly method: string
  readonly repository: string
  /** Below `/v2/<repository>/`: `blobs/uploads/<id>`, `manifests/<reference>`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly type: string
  readonly body: Buffer
}

interface PushAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly problem?: { readonly code: string; readonly message: string; readonly detail?: unknown }
}

/** Blobs in one or in several parts, manifests after the blobs that they name, as `docker push` and buildah send them. */
export class Pushes {
  readonly #uploads = new Map<string, Buffer>()

  take(request: PushRequest, target: PushTarget): PushAnswer {
    const { method, path } = request
    const upload = /^blobs\/uploads\/(\w*)$/.exec(path)?.[1]
    if (method === 'POST' && upload === '') return this.#begin(request)
    if (upload !== undefined && upload !== '') return this.#go(upload, request, target)
    const reference = /^manifests\/([^/]+)$/.exec(path)?.[1]
    if (method === 'PUT' && reference !== undefined) return putManifest(reference, request, target)
    return refused(405, 'UNSUPPORTED', 'The operation is unsupported.')
  }

  /** A mount from another repository is not offered: the client uploads then. */
  #begin({ repository }: PushRequest): PushAnswer {
    const upload = randomBytes(12).toString('hex')
    this.#uploads.set(upload, Buffer.alloc(0))
    return accepted(repository, upload, 0)
  }

  #go(upload: string, { method, repository, query, body }: PushRequest, target: PushTarget): PushAnswer {
    const so = this.#uploads.get(upload)
    if (so === undefined) return refused(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
    const bytes = Buffer.concat([so, body])
    if (method === 'PATCH') {
      this.#uploads.set(upload, bytes)
      return accepted(repository, upload, bytes.length)
    }
    if (method !== 'PUT') return refused(405, 'UNSUPPORTED', 'The operation is unsupported.')
    this.#uploads.delete(upload)
    const promised = query.get('digest') ?? ''
    if (digestOf(bytes) !== promised)
      return refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
    const digest = target.putBlob({ mediaType: 'application/octet-stream', bytes })
    return {
      status: 201,
      headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
    }
  }
}

interface ManifestBody {
  readonly config?: { readonly digest: string }
  readonly layers?: readonly { readonly digest: string }[]
}

function putManifest(reference: string, { repository, type, body }: PushRequest, target: PushTarget): PushAnswer {
  let manifest: ManifestBody
  try {
    manifest = JSON.parse(body.toString()) as ManifestBody
  } catch {
    return refused(400, 'MANIFEST_INVALID', 'manifest invalid')
  }
  const named = [...(manifest.config ? [manifest.config] : []), ...(manifest.layers ?? [])]
  const missing = named.find(({ digest }) => !target.hasBlob(digest))
  if (missing !== undefined) return refused(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', missing)
  if (reference.startsWith('sha256:') && digestOf(body) !== reference)
    return refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  const digest = target.putManifest(reference, { mediaType: type, bytes: body })
  return {
    status: 201,
    headers: { location: `/v2/${repository}/manifests/${digest}`, 'docker-content-digest': digest },
  }
}

function accepted(repository: string, upload: string, bytes: number): PushAnswer {
  const headers = {
    location: `/v2/${repository}/blobs/uploads/${upload}`,
    'docker-upload-uuid': upload,
    range: `0-${Math.max(0, bytes - 1)}`,
  }
  return { status: 202, headers }
}

function refused(status: number, code: string, message: string, detail?: unknown): PushAnswer {
  return { status, headers: {}, problem: { code, message, detail } }
}
