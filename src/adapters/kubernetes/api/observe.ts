import { setTimeout as delay } from 'node:timers/promises'

import type { ApiObject } from './objects.ts'
import type { Connection } from './connection.ts'
import { ClusterError } from './errors.ts'

interface Observed {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly doing: string
}

/** The server is asked to end the watch cleanly after this time; the next one starts from the last version seen. */
const watchSeconds = 240
/** A watch that is silent for longer than the server would have kept it open is a connection that died unnoticed. */
const longestSilenceMs = (watchSeconds + 15) * 1_000
const firstWaitMs = 200
const longestWaitMs = 8_000
/** How long requests may fail before an observation gives up. */
const patienceMs = 60_000

interface WatchLine<T> {
  readonly type: string
  readonly object: T & { readonly code?: number; readonly message?: string }
}

/**
 * Lists objects, then watches them until the signal fires, and calls back with all of them after each change. After a
 * closed or broken connection it watches on from the last version seen, and waits longer each time that nothing has
 * come. A version that has expired is replaced by a new list. Raises any error that is not temporary, and a temporary
 * one when nothing has succeeded for a minute.
 */
export async function observe<T extends ApiObject>(
  connection: Connection,
  what: Observed,
  onChange: (objects: readonly T[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const objects = new Map<string, T>()
  let version: string | undefined
  let failingSince: number | undefined
  let fruitless = 0
  while (!signal.aborted) {
    const opened = Date.now()
    try {
      version ??= await relist(connection, what, objects, onChange, signal)
      for await (const line of connection.lines(watchRequest(what, version), signal)) {
        const event = JSON.parse(line) as WatchLine<T>
        if (event.type === 'ERROR') throw watchError(what, event.object)
        failingSince = undefined
        fruitless = 0
        version = event.object.metadata.resourceVersion
        if (event.type === 'BOOKMARK') continue
        if (event.type === 'DELETED') objects.delete(event.object.metadata.uid)
        else objects.set(event.object.metadata.uid, event.object)
        onChange([...objects.values()])
      }
      // A watch that stayed open for a while proves that the API serves, even when no event came.
      if (Date.now() - opened > longestWaitMs) failingSince = undefined
      else await pause(fruitless++, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ClusterError)) throw error
      if (error.status === 410) version = undefined
      else if (!error.transient) throw error
      failingSince ??= Date.now()
      if (Date.now() - failingSince > patienceMs) throw error
      // The first new list after an expired version is asked for at once.
      if (error.status !== 410 || fruitless > 0) await pause(fruitless, signal, error.retryAfterMs)
      fruitless += 1
    }
  }
}

async function pause(attempt: number, signal: AbortSignal, atLeastMs = 0): Promise<void> {
  const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** attempt)
  await delay(Math.max(wait, atLeastMs), undefined, { signal }).catch(() => undefined)
}

/**
 * Makes the error of a watch's ERROR event. For an expired version a list answers 410; a watch answers 200 and sends
 * such an event with the code 410.
 */
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
  const list = await connection.list<T>({ method: 'GET', path, query, doing }, signal)
  objects.clear()
  for (const item of list.items) objects.set(item.metadata.uid, item)
  onChange([...objects.values()])
  return list.metadata.resourceVersion
}

function watchRequest({ path, query, doing }: Observed, resourceVersion: string) {
  return {
    method: 'GET' as const,
    path,
    query: { ...query, watch: true, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: watchSeconds },
    doing,
    idleMs: longestSilenceMs,
  }
}

/**
 * Selects one object of a list or watch by its name. A Role with resourceNames allows a list or watch only in this
 * form.
 */
export const byName = (name: string) => ({ fieldSelector: `metadata.name=${name}` })
