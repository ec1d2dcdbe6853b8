import type { Call } from './call.ts'
import { pageOf, requireNumber, selection } from './lists.ts'
import type { KubeObject } from './objects.ts'
import { acceptsTable, send, type Target } from './requests.ts'
import { apiVersionOf } from './resources.ts'
import { forbiddenValue, invalid, StatusError } from './status.ts'
import type { Store } from './store.ts'
import { table } from './tables.ts'
import { streamWatch } from './watch.ts'

const DEFAULT_WATCH_SECONDS = 1_800

/** An object as clients see it. */
type Show = (object: KubeObject) => KubeObject

/** Lists and watches. */
export class Reads {
  readonly #store: Store
  readonly #show: Show
  readonly #watches = new Set<() => void>()

  constructor(store: Store, show: Show) {
    this.#store = store
    this.#show = show
  }

  endWatches(): void {
    for (const stop of Array.from(this.#watches)) stop()
  }

  list(call: Call, target: Target): void {
    const { query, response } = call
    const { resource, namespace } = target
    const wanted = query.get('resourceVersion') ?? undefined
    this.#checkVersion(wanted, query.get('resourceVersionMatch') ?? undefined)
    const found = this.#store.list(resource, namespace).filter(selection(query, resource))
    const page = pageOf(found, query, this.#store)
    if (acceptsTable(call.request)) return send(response, 200, table(resource, page.items, page.metadata))
    const items = page.items.map((object) => {
      const { kind: _kind, apiVersion: _apiVersion, ...item } = this.#show(object)
      return item
    })
    const apiVersion = apiVersionOf(resource)
    return send(response, 200, { kind: `${resource.kind}List`, apiVersion, metadata: page.metadata, items })
  }

  watch(call: Call, target: Target): void {
    const { query, response } = call
    const byName = target.name === undefined ? () => true : (object: KubeObject) => object.metadata.name === target.name
    const matches = selection(query, target.resource)
    if (query.has('resourceVersionMatch')) throw matchForbidden(query)
    requireNumber(query.get('resourceVersion') || '0')
    const seconds = Number(query.get('timeoutSeconds') ?? DEFAULT_WATCH_SECONDS)
    const stop = streamWatch(this.#store, response, {
      resource: target.resource,
      namespace: target.namespace,
      matches: (object) => byName(object) && matches(object),
      resourceVersion: query.get('resourceVersion') || undefined,
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      timeoutMs: seconds * 1_000,
      asTable: acceptsTable(call.request),
      show: (object) => this.#show(object),
    })
    this.#watches.add(stop)
    response.on('close', () => this.#watches.delete(stop))
  }

  #checkVersion(wanted: string | undefined, match: string | undefined): void {
    if (wanted === undefined || wanted === '0') {
      if (match === undefined || wanted !== undefined) return
      throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
        forbiddenValue('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      ])
    }
    requireNumber(wanted)
    if (match === 'Exact' && Number(wanted) < this.#store.oldestRevision)
      throw new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.')
    if (Number(wanted) <= this.#store.revision) return
    throw new StatusError(
      504,
      'Timeout',
      `Timeout: Too large resource version: ${wanted}, current: ${this.#store.revision}`,
      {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    )
  }
}

function matchForbidden(query: URLSearchParams): StatusError {
  const field = 'resourceVersionMatch'
  const without = query.has('resourceVersion')
    ? []
    : [forbiddenValue(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')]
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
    forbiddenValue(field, 'resourceVersionMatch is forbidden for watch'),
    ...without,
  ])
}
