/** What an answer of the API server that is no success comes to: an error in its own words, and whether to ask again. */

import type http from 'node:http'
import { excerpt } from '../../../outside-text/excerpt.ts'
import type { ApiRequest } from './request.ts'
import { ClusterError } from './errors.ts'
import { isMap, type JsonMap } from './objects.ts'

/** A server that asks for a longer wait than this gets no further request. */
const longestWaitMs = 10_000
const firstWaitMs = 250

/** The server answers 500 to these mistakes in a manifest, although no repetition will ever succeed. */
const lastingMistakes = /field not declared in schema|does not contain declared merge key/

/** Returns how long to wait before the request is sent again; undefined when it must not be. */
export function waitBefore(error: unknown, { method }: ApiRequest, attempt: number): number | undefined {
  if (!(error instanceof ClusterError) || !error.transient) return undefined
  const backOff = firstWaitMs * 2 ** (attempt - 1)
  const asked = error.retryAfterMs
  if (asked !== undefined && asked > longestWaitMs) return undefined
  if (error.status === 429 || asked !== undefined) return Math.max(asked ?? 0, backOff)
  // What was refused was not done, so it may be sent again, whatever it is.
  if (error.status === 401 || error.status === 403) return backOff
  return method === 'GET' && !error.timedOut ? backOff : undefined
}

function retryAfterOf({ headers }: http.IncomingMessage, details: unknown): number | undefined {
  const named = isMap(details) ? details.retryAfterSeconds : undefined
  const seconds = Number(headers['retry-after'] ?? named ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined
}

export function refusal(request: ApiRequest, response: http.IncomingMessage, body: string): ClusterError {
  const status = response.statusCode ?? 0
  const answer = statusOf(body)
  const retryAfterMs = retryAfterOf(response, answer.details)
  const message = typeof answer.message === 'string' ? answer.message : excerpt(body.trim(), 300) || `HTTP ${status}`
  const reason = typeof answer.reason === 'string' ? answer.reason : undefined
  const causes = isMap(answer.details) && Array.isArray(answer.details.causes) ? answer.details.causes : []
  const evidence = causes
    .filter(isMap)
    .map((cause) => `${String(cause.field ?? cause.reason)}: ${String(cause.message)}`)
  return new ClusterError(
    codeFor(status),
    `${request.doing}: ${message}${reason === undefined ? '' : ` (${reason})`}`,
    {
      status,
      evidence,
      transient: status === 429 || (status >= 500 && !lastingMistakes.test(message)),
      ...(reason === undefined ? {} : { reason }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  )
}

/** The same error with another word on what to do, or on whether it may pass. */
export function copied(
  error: ClusterError,
  more: { readonly transient?: boolean; readonly hint?: string },
): ClusterError {
  const { code, message, status, reason, evidence, hint, transient } = error
  return new ClusterError(code, message, {
    evidence,
    transient,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...more,
  })
}

function codeFor(status: number) {
  if (status === 401) return 'cluster_unauthorized'
  if (status === 403) return 'cluster_forbidden'
  if (status === 404) return 'cluster_not_found'
  if (status === 409) return 'cluster_conflict'
  return status === 429 || status >= 500 ? 'cluster_server_error' : 'cluster_refused'
}

export function statusOf(body: string): JsonMap {
  try {
    const parsed: unknown = JSON.parse(body)
    return isMap(parsed) ? parsed : {}
  } catch {
    return {}
  }
}
