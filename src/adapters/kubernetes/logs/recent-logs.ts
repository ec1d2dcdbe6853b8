import { type Deployment, type Pod, selectorText } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import type { Paths } from '../api/paths.ts'
import { LogLineReader } from './line-reader.ts'
import type { LogRange, OnLine, RecentLogs } from './port.ts'

type Read = Omit<LogRange, 'deployment'> & { readonly mostLines: number }

/** Reads the log of every pod of the Deployment once, all at the same time. */
export async function recentLogs(
  connection: Connection,
  paths: Paths,
  deployment: Deployment,
  read: Read,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<RecentLogs> {
  const query = { labelSelector: selectorText(deployment.spec.selector) }
  const doing = `listing the pods of ${deployment.metadata.name}`
  const { items } = await connection.list<Pod>({ method: 'GET', path: paths.pods, query, doing }, signal)
  const names = items.map((pod) => pod.metadata.name)
  const ends = await Promise.all(names.map((pod) => readPod(connection, paths, pod, read, onLine, signal)))
  return {
    pods: names,
    cut: names.filter((_, index) => (ends[index]?.lines ?? 0) >= read.mostLines),
    unreadable: ends.flatMap(({ notice }) => notice ?? []),
  }
}

/** Reads one pod and returns how many lines there were, and what the kubelet said in place of some. */
async function readPod(
  connection: Connection,
  paths: Paths,
  pod: string,
  { container, since, mostLines }: Read,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<{ readonly lines: number; readonly notice: string | undefined }> {
  const query = { container, timestamps: true, sinceTime: `${since.slice(0, 19)}Z`, tailLines: mostLines }
  const reader = new LogLineReader()
  let lines = 0
  let notice: string | undefined
  try {
    const request = { method: 'GET', path: paths.log(pod), query, doing: `reading the log of ${pod}` } as const
    for await (const line of connection.logLines(request, signal)) {
      const read = reader.read(line)
      if (read?.kind === 'notice') notice = `${pod}: ${read.text}`
      else lines += 1
      if (read?.kind === 'line') await onLine({ pod, container, timestamp: read.stamp, text: read.text })
    }
  } catch (error) {
    // The status 400 says that the container has not started, 404 that the pod has been deleted.
    if (!(error instanceof ClusterError) || (error.status !== 400 && error.status !== 404)) throw error
  }
  return { lines, notice }
}
