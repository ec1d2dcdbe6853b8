import type http from 'node:http'
import { ClusterError } from './errors.ts'

/**
 * What is read of one answer, in bytes. etcd holds objects of up to 1.5 MiB, and a list comes in pages, so an honest one is
 * far smaller; this much JSON is read in some 60 ms.
 */
export const largestAnswer = 8 * 1024 * 1024

/** Reads a body to its end, and gives up at the first byte too many: nothing that the server sends fills the memory. */
export async function boundedBody(response: http.IncomingMessage, doing: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > largestAnswer) throw tooLarge(doing)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

export function tooLarge(doing: string): ClusterError {
  return new ClusterError('cluster_answer_too_large', `${doing}: the answer has more than ${mebibytes} MiB`, {
    hint: 'Look at the objects of this namespace: one of them is far larger than any that Kubernetes stores.',
  })
}

const mebibytes = largestAnswer / 1024 / 1024
