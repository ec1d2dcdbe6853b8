import type { JsonMap, KubeObject } from './objects.ts'
import type { Resource } from './resources.ts'
import { fieldSelector, labelSelector, type Matches } from './selectors.ts'
import { badRequest, StatusError } from './status.ts'
import type { Store } from './store.ts'

export function selection(query: URLSearchParams, resource: Resource): Matches {
  const labels = labelSelector(query.get('labelSelector') ?? '')
  const fields = fieldSelector(query.get('fieldSelector') ?? '', resource)
  return (object) => labels(object) && fields(object)
}

export function pageOf(found: KubeObject[], query: URLSearchParams, { revision, oldestRevision }: Store) {
  const metadata: JsonMap = { resourceVersion: String(revision) }
  const limitText = query.get('limit') ?? '0'
  if (!/^\d+$/.test(limitText)) throw badRequest(`strconv.ParseInt: parsing "${limitText}": invalid syntax`)
  const limit = Number(limitText)
  const token = query.get('continue')
  const start = token ? continueAfter(token, oldestRevision) : undefined
  const rest = start === undefined ? found : found.filter((object) => object.metadata.name > start)
  if (limit === 0 || rest.length <= limit) return { items: rest, metadata }
  const items = rest.slice(0, limit)
  const last = items.at(-1)?.metadata.name ?? ''
  metadata.continue = continueToken(revision, last)
  if (!query.get('labelSelector') && !query.get('fieldSelector')) metadata.remainingItemCount = rest.length - limit
  return { items, metadata }
}

const ANY_REVISION = -1

const continueToken = (rv: number, after: string) =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start: `${after}\0` })).toString('base64url')

function continueAfter(token: string, oldestRevision: number): string {
  let page: { rv: number; start: string }
  try {
    page = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv: number; start: string }
  } catch (error) {
    throw badRequest(`invalid continue token: continue key is not valid: ${(error as Error).message}`)
  }
  const after = page.start.replace(/\0$/, '')
  if (page.rv !== ANY_REVISION && page.rv < oldestRevision)
    throw new StatusError(410, 'Expired', TOO_OLD_TO_CONTINUE, undefined, continueToken(ANY_REVISION, after))
  return after
}

const TOO_OLD_TO_CONTINUE =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

export function requireNumber(resourceVersion: string): void {
  if (/^\d+$/.test(resourceVersion)) return
  const why = `strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`
  throw new StatusError(500, undefined, `resourceVersion: Invalid value: "${resourceVersion}": ${why}`)
}
