import { setTimeout as delay } from 'node:timers/promises'

import type { ApiList, ApiObject } from './api-objects.ts'
import type { Connection } from './connection.ts'
import { ClusterError } from './errors.ts'

export interface Observed {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly doing: string
}

/** Asked of the server; it ends the stream cleanly then and we go on from the last version seen. */
const WATCH_SECONDS = 240
const RETRY_MS = 1_000
/** How long the API may be away before an observation gives up. */
const PATIENCE_MS = 60_000

/**
 * Lists, then watches until the signal fires, and calls back with all objects after each change. Survives closed and broken
 * connections and expired versions; raises what is not transient, or the last trouble after a minute of nothing else.
 */
export async function observe<T extends ApiObject>(
  connection: Connection,
  what: Observed,
  onChange: (objects: readonly T[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const objects = new Map<string, T>()
  let version: string | undefined
  let troubleSince: number | undefined
  while (!signal.aborted) {
    try {
      version ??= await relist(connection, what, objects, onChange, signal)
      for await (const line of connection.lines(watchRequest(what, version), signal)) {
        const event = JSON.parse(line) as { type: string; object: T }
        troubleSince = undefined
        if (event.type === 'ERROR') {
          version = undefined
          break
        }
        version = event.object.metadata.resourceVersion
        if (event.type === 'BOOKMARK') continue
        if (event.type === 'DELETED') objects.delete(event.object.metadata.uid)
        else objects.set(event.object.metadata.uid, event.object)
        onChange([...objects.values()])
      }
    } catch (error) {
      if (signal.aborted) return
      if (isGone(error)) version = undefined
      else if (!(error instanceof ClusterError) || !error.transient) throw error
      troubleSince ??= Date.now()
      if (Date.now() - troubleSince > PATIENCE_MS) throw error
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

async function relist<T extends ApiObject>(
  connection: Connection,
  what: Observed,
  objects: Map<string, T>,
  onChange: (objects: readonly T[]) => void,
  signal: AbortSignal,
): Promise<string> {
  const { path, query, doing } = what
  const list = await connection.json<ApiList<T>>({ method: 'GET', path, query, doing }, signal)
  objects.clear()
  for (const item of list.items) objects.set(item.metadata.uid, item)
  onChange([...objects.values()])
  return list.metadata.resourceVersion
}

function watchRequest({ path, query, doing }: Observed, resourceVersion: string) {
  return {
    method: 'GET' as const,
    path,
    query: { ...query, watch: true, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: WATCH_SECONDS },
    doing,
  }
}

/** Too old a version is 410 on a list, and on a watch a 200 with an ERROR event. */
function isGone(error: unknown): boolean {
  return error instanceof ClusterError && error.status === 410
}

/** `metadata.name=x` for a list or watch of one object: what RBAC with resourceNames allows. */
export const byName = (name: string) => ({ fieldSelector: `metadata.name=${name}` })
