import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import type { Paths } from '../api/paths.ts'
import { LogLineReader } from './line-reader.ts'
import type { LogLine, LogPart } from './port.ts'

/**
 * The bytes that are asked for each line wanted: lines are seldom longer, and the API limits the start of a log by
 * bytes only.
 */
const bytesPerLine = 500

export async function readLog(
  connection: Connection,
  paths: Paths,
  { pod, container, from, lines, previous }: LogPart,
  signal: AbortSignal,
): Promise<readonly LogLine[]> {
  const query = {
    timestamps: true,
    ...(container === undefined ? {} : { container }),
    ...(previous === true ? { previous } : {}),
    ...(from === 'end' ? { tailLines: lines } : { limitBytes: lines * bytesPerLine }),
  }
  const request = { method: 'GET', path: paths.log(pod), query, doing: `reading the log of ${pod}` } as const
  try {
    const text = await connection.text(request, signal)
    // The limit of bytes may have cut the last line in two.
    const whole = from === 'start' && !text.endsWith('\n') ? text.slice(0, text.lastIndexOf('\n') + 1) : text
    const reader = new LogLineReader()
    return whole
      .split('\n')
      .slice(0, lines)
      .flatMap((line): readonly LogLine[] => {
        const read = reader.read({ text: line, left: 0 })
        return read?.kind === 'line'
          ? [{ pod, container: container ?? '', timestamp: read.stamp, text: read.text }]
          : []
      })
  } catch (error) {
    // The status 400 says that the container has not started or has had no run before this one, 404 that the pod was
    // deleted.
    if (error instanceof ClusterError && (error.status === 400 || error.status === 404)) return []
    throw error
  }
}
