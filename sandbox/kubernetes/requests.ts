import type { IncomingMessage, ServerResponse } from 'node:http'

import { parse as parseYaml } from 'yaml'

import { tooLarge } from './admission.ts'
import { isMap, type JsonMap } from './objects.ts'
import { decodeProtobuf } from './protobuf.ts'
import { type Resource, resourceOf, servesGroup } from './resources.ts'
import { badRequest, StatusError } from './status.ts'

/** The patches of `scale` differ only for lists, and a Scale has none. */
const PATCHES_OF_ONE_FIELD = ['application/merge-patch+json', 'application/strategic-merge-patch+json']
const BODY_LIMIT = 3_145_728

/** Where a request points. */
export interface Target {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
}

/**
 * kubectl sends its bearer token only over TLS, so a kubeconfig for plain http carries it in the server's path:
 * `/token/<token>/api/…`. A header counts too, as it does for a real server.
 */
export function credentialsOf(request: IncomingMessage): { url: URL; authorization: string | undefined } {
  const url = new URL(request.url ?? '/', 'http://cluster')
  const [, token, rest] = /^\/token\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? []
  if (token === undefined) return { url, authorization: request.headers.authorization }
  url.pathname = rest ?? '/'
  return { url, authorization: `Bearer ${token}` }
}

export function targetOf(path: string): Target | 'unknown' | undefined {
  const match = /^\/(?:api|apis\/([^/]+))\/(v\d[a-z0-9]*)\/(.+)$/.exec(path)
  if (match === null) return undefined
  const [, group = '', version = '', rest = ''] = match
  const parts = rest.split('/').map(decodeURIComponent)
  const scoped = parts[0] === 'namespaces' && parts.length > 2
  const [plural = '', name, subresource] = scoped ? parts.slice(2) : parts
  const resource = resourceOf(group, version, plural)
  if (resource !== undefined) return { resource, namespace: scoped ? parts[1] : undefined, name, subresource }
  return servesGroup(group) ? 'unknown' : undefined
}

export function verbOf(method: string, named: boolean, watching: boolean): string | undefined {
  // On a single object the parameter `watch` means nothing.
  if (method === 'GET') return named ? 'get' : watching ? 'watch' : 'list'
  if (method === 'POST') return named ? undefined : 'create'
  if (method === 'DELETE') return named ? 'delete' : 'deletecollection'
  if (!named) return undefined
  return method === 'PUT' ? 'update' : method === 'PATCH' ? 'patch' : undefined
}

export const contentType = (request: IncomingMessage) =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''

/** `json` unless the client names another form first: kubectl's list always ends with plain JSON. */
export function formOf(request: IncomingMessage): 'json' | 'yaml' | 'table' | 'metadata' {
  const accept = request.headers.accept ?? ''
  if (accept.includes('as=Table')) return 'table'
  if (accept.includes('as=PartialObjectMetadata')) return 'metadata'
  return accept.split(',')[0]?.trim() === 'application/yaml' ? 'yaml' : 'json'
}

export const acceptsTable = (request: IncomingMessage) => (request.headers.accept ?? '').includes('as=Table')

export async function documentOf(request: IncomingMessage, kind: string): Promise<JsonMap> {
  const body = await bodyOf(request)
  if (body.length === 0) return {}
  const type = contentType(request)
  if (type === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(body)
  if (!['', 'application/json', 'application/yaml', ...PATCHES_OF_ONE_FIELD].includes(type))
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    )
  let document: unknown
  try {
    document = type === 'application/yaml' ? parseYaml(body.toString()) : JSON.parse(body.toString())
  } catch (error) {
    const text = body.toString()
    const why = (error as Error).message.replace('Unexpected end', 'unexpected end')
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why} (${text.slice(0, 100)})`,
    )
  }
  if (!isMap(document)) throw badRequest('the object provided is unrecognized')
  return document
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_LIMIT) throw tooLarge(BODY_LIMIT)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
  response.end(`${JSON.stringify(body)}\n`)
}

export function sendText(
  response: ServerResponse,
  code: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(code, { 'content-type': type })
  response.end(body)
}
