import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { Bucket } from './bucket.ts'
import { S3Problem } from './problems.ts'
import { type Keys, requireSignature } from './signature.ts'

interface S3SimulatorOptions extends Keys {
  readonly region: string
  readonly bucket: string
  /** How many objects a page of a listing has; S3 itself gives a thousand. */
  readonly pageSize?: number
}

export interface S3Simulator {
  readonly url: string
  readonly bucket: Bucket
  /** `PUT backups/key?partNumber=1…`, oldest first. */
  readonly requests: readonly string[]
  /** Asked before each request is served; what it throws is answered. */
  before: (request: string) => Promise<void> | void
  close(): Promise<void>
}

/** The part of S3 that backups use, path-style, on loopback: signatures, multipart uploads, paged listings. */
export async function startS3(options: S3SimulatorOptions): Promise<S3Simulator> {
  const bucket = new Bucket()
  const requests: string[] = []
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const simulator: S3Simulator = {
    url,
    bucket,
    requests,
    before: () => {},
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await buffer(request)
      const address = new URL(request.url ?? '/', url)
      const line = `${request.method} ${request.url?.slice(1)}`
      requests.push(line)
      await simulator.before(line)
      const method = request.method ?? ''
      requireSignature({ method, url: address, headers: request.headers, body }, options, options.region)
      answer(response, route(bucket, options, method, address, body))
    } catch (error) {
      if (response.destroyed) return
      const problem = error instanceof S3Problem ? error : new S3Problem(500, 'InternalError', String(error))
      const { status, code, message } = problem
      answer(response, { status, xml: element('Error', element('Code', code) + element('Message', escape(message))) })
    }
  }
  return simulator
}

interface Answer {
  readonly status?: number
  readonly xml?: string
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

function answer(response: ServerResponse, { status = 200, xml, body, headers = {} }: Answer): void {
  const content = xml === undefined ? body : `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`
  response.writeHead(status, { ...(xml === undefined ? {} : { 'content-type': 'application/xml' }), ...headers })
  response.end(content)
}

function route(bucket: Bucket, options: S3SimulatorOptions, method: string, url: URL, body: Buffer): Answer {
  const [, name = '', ...rest] = url.pathname.split('/').map(decodeURIComponent)
  if (name !== options.bucket) throw new S3Problem(404, 'NoSuchBucket', 'The specified bucket does not exist')
  const key = rest.join('/')
  const query = url.searchParams
  if (key === '') {
    if (method === 'GET' && query.has('uploads')) return listUploads(bucket, query)
    if (method === 'GET' && query.get('list-type') === '2') return listObjects(bucket, query, options.pageSize ?? 1_000)
    throw new S3Problem(501, 'NotImplemented', `${method} of a bucket is not implemented.`)
  }
  const id = query.get('uploadId')
  if (id !== null) return multipart(bucket, method, key, id, query, body)
  switch (method) {
    case 'POST':
      if (!query.has('uploads')) break
      return {
        xml: element(
          'InitiateMultipartUploadResult',
          element('Bucket', name) + element('Key', escape(key)) + element('UploadId', bucket.begin(key)),
        ),
      }
    case 'PUT':
      return { headers: { etag: `"${bucket.put(key, body)}"` } }
    case 'GET':
    case 'HEAD': {
      const { body: content, etag } = bucket.get(key)
      const headers = { etag: `"${etag}"`, 'content-length': String(content.length) }
      return method === 'GET' ? { body: content, headers } : { headers }
    }
    case 'DELETE':
      bucket.objects.delete(key)
      return { status: 204 }
  }
  throw new S3Problem(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
}

function multipart(
  bucket: Bucket,
  method: string,
  key: string,
  id: string,
  query: URLSearchParams,
  body: Buffer,
): Answer {
  switch (method) {
    case 'PUT':
      return { headers: { etag: `"${bucket.putPart(key, id, Number(query.get('partNumber')), body)}"` } }
    case 'POST': {
      const parts = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
        number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
        etag: /<ETag>(?:&quot;|")?([0-9a-f]+)/.exec(part)?.[1] ?? '',
      }))
      const etag = element('ETag', `&quot;${bucket.complete(key, id, parts)}&quot;`)
      return { xml: element('CompleteMultipartUploadResult', element('Key', escape(key)) + etag) }
    }
    case 'DELETE':
      bucket.abort(key, id)
      return { status: 204 }
  }
  throw new S3Problem(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
}

function listObjects(bucket: Bucket, query: URLSearchParams, pageSize: number): Answer {
  const prefix = query.get('prefix') ?? ''
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString()
  const all = [...bucket.objects]
    .filter(([key]) => key.startsWith(prefix) && key > after)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const page = all.slice(0, pageSize)
  const more = all.length > page.length
  const contents = page.map(([key, { body, etag, modified }]) =>
    element(
      'Contents',
      element('Key', escape(key)) +
        element('LastModified', modified.toISOString()) +
        element('ETag', `&quot;${etag}&quot;`) +
        element('Size', String(body.length)),
    ),
  )
  const token = more ? element('NextContinuationToken', Buffer.from(page.at(-1)?.[0] ?? '').toString('base64')) : ''
  const facts = element('IsTruncated', String(more)) + element('KeyCount', String(page.length)) + token
  return { xml: element('ListBucketResult', facts + contents.join('')) }
}

function listUploads(bucket: Bucket, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? ''
  const uploads = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ key, id, initiated }) =>
      element(
        'Upload',
        element('Key', escape(key)) + element('UploadId', id) + element('Initiated', initiated.toISOString()),
      ),
    )
  return { xml: element('ListMultipartUploadsResult', element('IsTruncated', 'false') + uploads.join('')) }
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
