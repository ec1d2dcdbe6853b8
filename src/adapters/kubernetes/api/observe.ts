import { setTimeout as delay } from 'node:timers/promises'

import type { ApiList, ApiObject } from './objects.ts'
import type { Connection } from './connection.ts'
import { ClusterError } from './errors.ts'

interface Observed {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly doing: string
}

/** Asked of the server; it ends the stream cleanly then and we go on from the last version seen. */
const WATCH_SECONDS = 240
/** The server ends a watch by itself; one that is silent for longer than that is a connection that died unheard. */
const IDLE_MS = (WATCH_SECONDS + 15) * 1_000
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 8_000
/** How long the API may be away before an observation gives up. */
const PATIENCE_MS = 60_000

interface WatchLine<T> {
  readonly type: string
  readonly object: T & { readonly code?: number; readonly message?: string }
}

/**
 * Lists, then watches until the signal fires, and calls back with all objects after each change. Survives closed and broken
 * connections (from the last version seen, ever slower while nothing comes) and expired versions (a new list). Raises what
 * is not transient, or the last trouble after a minute of nothing else.
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
  let fruitless = 0
  while (!signal.aborted) {
    const opened = Date.now()
    try {
      version ??= await relist(connection, what, objects, onChange, signal)
      for await (const line of connection.lines(watchRequest(what, version), signal)) {
        const event = JSON.parse(line) as WatchLine<T>
        if (event.type === 'ERROR') throw watchError(what, event.object)
        troubleSince = undefined
        fruitless = 0
        version = event.object.metadata.resourceVersion
        if (event.type === 'BOOKMARK') continue
        if (event.type === 'DELETED') objects.delete(event.object.metadata.uid)
        else objects.set(event.object.metadata.uid, event.object)
        onChange([...objects.values()])
      }
      // A watch that lasted is no trouble, whatever it told.
      if (Date.now() - opened > LONGEST_WAIT_MS) troubleSince = undefined
      else await pause(fruitless++, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ClusterError)) throw error
      if (error.status === 410) version = undefined
      else if (!error.transient) throw error
      troubleSince ??= Date.now()
      if (Date.now() - troubleSince > PATIENCE_MS) throw error
      // The first new list after an expiry is asked for at once.
      if (error.status !== 410 || fruitless > 0) await pause(fruitless, signal, error.retryAfterMs)
      fruitless += 1
    }
  }
}

async function pause(attempt: number, signal: AbortSignal, atLeastMs = 0): Promise<void> {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
  await delay(Math.max(wait, atLeastMs), undefined, { signal }).catch(() => undefined)
}

/** Too old a version is 410 on a list, and on a watch a 200 with an ERROR event. */
function watchError(
  { doing }: Observed,
  { code = 500, message = 'no reason given' }: { code?: number; message?: string },
) {
  return new ClusterError('cluster_server_error', `${doing}: ${message}`, {
    status: code,
    transient: code === 410 || code === 429 || code >= 500,
  })
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
    idleMs: IDLE_MS,
  }
}

/** `metadata.name=x` for a list or watch of one object: what RBAC with resourceNames allows. */
export const byName = (name: string) => ({ fieldSelector: `metadata.name=${name}` })
