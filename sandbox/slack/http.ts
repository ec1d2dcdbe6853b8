import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Json } from './model.ts'

const largestBody = 20_000_000

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > largestBody) throw new Error('the request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Arguments of an API call: JSON, a form or multipart, as Slack takes them. */
export async function argumentsOf(request: IncomingMessage): Promise<Json> {
  const contentType = request.headers['content-type'] ?? ''
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams
  const body = await bodyOf(request)
  if (contentType.startsWith('application/json')) return jsonOf(body) ?? {}
  if (contentType.startsWith('multipart/form-data')) {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
    return Object.fromEntries([...form.entries()].filter(([, value]) => typeof value === 'string'))
  }
  return { ...Object.fromEntries(query), ...Object.fromEntries(new URLSearchParams(body.toString('utf8'))) }
}

/** The bytes of an upload, bare or as the multipart field that the SDK sends. */
export async function uploadedBytes(request: IncomingMessage): Promise<Buffer> {
  const contentType = request.headers['content-type'] ?? ''
  const body = await bodyOf(request)
  if (!contentType.startsWith('multipart/form-data')) return body
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  const parts = await Promise.all(
    [...form.values()].map(async (value) =>
      typeof value === 'string' ? Buffer.from(value) : Buffer.from(await value.arrayBuffer()),
    ),
  )
  return parts[0] ?? Buffer.alloc(0)
}

export function jsonOf(body: Buffer): Json | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

export function reply(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
  response.end(body)
}

export function replyJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  reply(response, status, JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8', ...headers })
}
