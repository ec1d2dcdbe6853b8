import type { JsonMap, KubeObject } from './objects.ts'
import type { Resource } from './resources.ts'
import { type Matches, fieldSelector, labelSelector } from './selectors.ts'
import { StatusError, badRequest } from './status.ts'

export function selection(query: URLSearchParams, resource: Resource): Matches {
  const labels = labelSelector(query.get('labelSelector') ?? '')
  const fields = fieldSelector(query.get('fieldSelector') ?? '', resource)
  return (object) => labels(object) && fields(object)
}

export function pageOf(found: KubeObject[], query: URLSearchParams, revision: number) {
  const metadata: JsonMap = { resourceVersion: String(revision) }
  const limitText = query.get('limit') ?? '0'
  if (!/^\d+$/.test(limitText)) throw badRequest(`strconv.ParseInt: parsing "${limitText}": invalid syntax`)
  const limit = Number(limitText)
  const token = query.get('continue')
  const start = token ? continueAfter(token) : undefined
  const rest = start === undefined ? found : found.filter((object) => object.metadata.name > start)
  if (limit === 0 || rest.length <= limit) return { items: rest, metadata }
  const items = rest.slice(0, limit)
  const last = items.at(-1)?.metadata.name ?? ''
  metadata.continue = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `${last}\0` })).toString(
    'base64url',
  )
  if (!query.get('labelSelector') && !query.get('fieldSelector')) metadata.remainingItemCount = rest.length - limit
  return { items, metadata }
}

function continueAfter(token: string): string {
  try {
    const { start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { start: string }
    return start.replace(/\0$/, '')
  } catch (error) {
    throw badRequest(`invalid continue token: continue key is not valid: ${(error as Error).message}`)
  }
}

export function requireNumber(resourceVersion: string): void {
  if (/^\d+$/.test(resourceVersion)) return
  const why = `strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`
  throw new StatusError(500, undefined, `resourceVersion: Invalid value: "${resourceVersion}": ${why}`)
}
