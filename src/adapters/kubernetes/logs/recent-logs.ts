import { type ApiList, type Deployment, type Pod, selectorText } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import type { Paths } from '../api/paths.ts'
import { ShownLines } from '../../../outside-text/lines.ts'
import type { LogRange, OnLine } from './port.ts'
import { stamped } from './stamped.ts'

type RecentLogs = Omit<LogRange, 'deployment'> & { readonly mostLines: number }

/** Reads the log of every pod of the Deployment once, all at the same time. */
export async function recentLogs(
  connection: Connection,
  paths: Paths,
  deployment: Deployment,
  read: RecentLogs,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<{ readonly pods: readonly string[]; readonly cut: readonly string[] }> {
  const query = { labelSelector: selectorText(deployment.spec.selector) }
  const doing = `listing the pods of ${deployment.metadata.name}`
  const { items } = await connection.json<ApiList<Pod>>({ method: 'GET', path: paths.pods, query, doing }, signal)
  const names = items.map((pod) => pod.metadata.name)
  const counts = await Promise.all(names.map((pod) => readPod(connection, paths, pod, read, onLine, signal)))
  return { pods: names, cut: names.filter((_, index) => (counts[index] ?? 0) >= read.mostLines) }
}

/** Reads one pod and returns how many lines there were. */
async function readPod(
  connection: Connection,
  paths: Paths,
  pod: string,
  { container, since, mostLines }: RecentLogs,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<number> {
  const query = { container, timestamps: true, sinceTime: `${since.slice(0, 19)}Z`, tailLines: mostLines }
  let count = 0
  const lines = new ShownLines()
  try {
    const request = { method: 'GET', path: paths.log(pod), query, doing: `reading the log of ${pod}` } as const
    for await (const line of connection.logLines(request, signal)) {
      count += 1
      const { timestamp, rest } = stamped(line)
      const shown = lines.of(rest)
      if (shown !== undefined) await onLine({ pod, container, timestamp, text: shown })
    }
  } catch (error) {
    // The status 400 says that the container has not started, 404 that the pod has been deleted.
    if (!(error instanceof ClusterError) || (error.status !== 400 && error.status !== 404)) throw error
  }
  return count
}
