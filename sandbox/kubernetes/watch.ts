import type { ServerResponse } from 'node:http'

import type { KubeObject } from './objects.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import type { Matches } from './selectors.ts'
import { StatusError } from './status.ts'
import type { Change, Store } from './store.ts'
import { table } from './tables.ts'

const BOOKMARK_MS = 60_000
/** A last bookmark comes this long before `timeoutSeconds` ends. */
const LAST_BOOKMARK_MS = 2_000

interface WatchRequest {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly matches: Matches
  readonly resourceVersion: string | undefined
  readonly bookmarks: boolean
  readonly timeoutMs: number
  readonly asTable: boolean
  readonly show: (object: KubeObject) => KubeObject
}

/** Streams changes until the client leaves, the time is over or the server closes. Returns how to end it. */
export function streamWatch(store: Store, response: ServerResponse, request: WatchRequest): () => void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
  response.flushHeaders()
  const { resource, matches, show } = request
  let columnsSent = false
  const emit = (type: string, object: object) => response.write(`${JSON.stringify({ type, object })}\n`)
  const send = (type: Change['type'], object: KubeObject) => {
    if (!request.asTable) return emit(type, show(object))
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    emit(type, table(resource, [object], metadata, !columnsSent))
    columnsSent = true
    return undefined
  }
  const concerned = (change: Change) =>
    change.resource === resource &&
    (request.namespace === undefined || change.object.metadata.namespace === request.namespace)
  const forward = (change: Change) => {
    // Any namespace counts: a bookmark says how far the server has looked, not what the watcher missed.
    if (change.resource === resource) moved = true
    if (!concerned(change)) return
    const now = change.type !== 'DELETED' && matches(change.object)
    const before = change.previous !== undefined && matches(change.previous)
    if (now) send(before ? 'MODIFIED' : 'ADDED', change.object)
    else if (before) send('DELETED', change.object)
  }
  let moved = false
  const bookmark = () => {
    if (request.bookmarks && moved && !request.asTable)
      emit('BOOKMARK', {
        kind: resource.kind,
        apiVersion: apiVersionOf(resource),
        metadata: { resourceVersion: String(store.revision), creationTimestamp: null },
      })
  }

  const from = Number(request.resourceVersion ?? '0')
  if (from !== 0 && from < store.oldestRevision) {
    const message = `too old resource version: ${from} (${store.oldestRevision})`
    emit('ERROR', new StatusError(410, 'Expired', message).body())
    response.end()
    return () => undefined
  }
  if (from === 0) for (const object of store.list(resource, request.namespace).filter(matches)) send('ADDED', object)
  else for (const change of store.since(from)) forward(change)

  const unsubscribe = store.onChange(forward)
  const repeated = setInterval(bookmark, BOOKMARK_MS)
  const last = setTimeout(bookmark, Math.max(0, request.timeoutMs - LAST_BOOKMARK_MS))
  const timeout = setTimeout(() => stop(), request.timeoutMs)
  const stop = () => {
    unsubscribe()
    clearInterval(repeated)
    clearTimeout(last)
    clearTimeout(timeout)
    response.end()
  }
  response.on('close', stop)
  return stop
}
