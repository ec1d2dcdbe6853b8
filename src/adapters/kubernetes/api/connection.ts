/**
 * Requests to one API server. client-node's KubeConfig gives CA and proxies, `cluster-access.ts` the credential as it is now. The transport
 * is Node's own, because client-node's generated calls take no AbortSignal and drop the fields that their models do not
 * know, its `Log` raises an uncaught error when a followed log is aborted, and its `Watch` ends after 30 quiet seconds.
 * Every request has a time limit beside the caller's signal, and every failure is a ClusterError. A request is sent
 * again after a 429, after a 5xx that names a short time to wait, and after any other temporary error of a GET, unless
 * the time limit was it. Watches and followed logs are streams of lines; whoever reads them opens them again.
 */

import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

import { excerpt } from '../../../outside-text/excerpt.ts'
import type { RawLine } from '../../../outside-text/lines.ts'
import { clockAheadMs } from '../../http/clock.ts'
import { ClusterAccess } from '../access/cluster-access.ts'
import { learnCredentials } from './credentials.ts'
import { boundedLines, wholeLines } from './lines.ts'
import { isMap, type JsonMap } from './objects.ts'
import { ClusterError } from './errors.ts'
import { timeLimit } from '../../../time-limit.ts'

interface ConnectionOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly requestTimeoutMs: number
}

interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Required for PATCH: the API refuses a patch without one. */
  readonly contentType?: string
  /** What the request does, for the error message: "reading deployment valuecanvas-api". */
  readonly doing: string
  /** A stream that brings no byte for this long counts as dead. */
  readonly idleMs?: number
  /** How long the head of a stream's answer may take (default: the time limit of every request). */
  readonly openingMs?: number
}

/** How often a request is sent at most. */
const mostAttempts = 4
/** A server that asks for a longer wait than this gets no further request. */
const longestWaitMs = 10_000
const firstWaitMs = 250

export class Connection {
  readonly #access: ClusterAccess
  readonly #timeoutMs: number

  constructor(options: ConnectionOptions) {
    this.#access = new ClusterAccess(options)
    this.#timeoutMs = options.requestTimeoutMs
  }

  get server(): string {
    return this.#access.server
  }

  async json<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    const body = await this.text(request, signal)
    return JSON.parse(body) as T
  }

  /** Returns undefined for 404, be it that the object, its namespace or its kind does not exist. */
  async find<T>(request: ApiRequest, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.json<T>(request, signal)
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return undefined
      throw error
    }
  }

  /** Sends the request again where `waitBefore` allows it; the caller judges every other error. */
  async text(request: ApiRequest, signal: AbortSignal): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(request, signal)
      } catch (error) {
        const wait = attempt < mostAttempts ? waitBefore(error, request, attempt) : undefined
        if (wait === undefined) throw error
        await delay(wait, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
    }
  }

  async #once(request: ApiRequest, signal: AbortSignal): Promise<string> {
    const timeout = timeLimit(this.#timeoutMs)
    const both = AbortSignal.any([signal, timeout])
    try {
      const response = await this.#send(request, both)
      const body = await text(response)
      if (isSuccess(response)) return body
      throw refusal(request, response, body)
    } catch (error) {
      throw this.#translated(error, request, signal, timeout)
    }
  }

  async clockAheadMs(signal: AbortSignal): Promise<number | undefined> {
    const request = { method: 'GET', path: '/version', doing: "reading the cluster's clock" } as const
    const timeout = timeLimit(this.#timeoutMs)
    try {
      const response = await this.#send(request, AbortSignal.any([signal, timeout]))
      const ahead = clockAheadMs(response.headers.date)
      response.resume()
      return ahead
    } catch (error) {
      throw this.#translated(error, request, signal, timeout)
    }
  }

  /** Gives the lines of a watch, whole. Ends and raises as `logLines` does. */
  lines(request: ApiRequest, signal: AbortSignal): AsyncGenerator<string> {
    return this.#stream(request, wholeLines, signal)
  }

  /**
   * Gives the lines of a log, of which a long one has its beginning only. Ends when the server ends the stream; raises when the
   * connection breaks or the signal fires. The half line before a broken end is never given.
   */
  logLines(request: ApiRequest, signal: AbortSignal): AsyncGenerator<RawLine> {
    return this.#stream(request, boundedLines, signal)
  }

  async *#stream<Line>(
    request: ApiRequest,
    linesOf: (response: http.IncomingMessage) => AsyncGenerator<Line>,
    signal: AbortSignal,
  ): AsyncGenerator<Line> {
    const timeout = timeLimit(request.openingMs ?? this.#timeoutMs)
    const opening = new AbortController()
    const giveUp = () => opening.abort(timeout.reason)
    timeout.addEventListener('abort', giveUp, { once: true })
    try {
      const response = await this.#send(request, AbortSignal.any([signal, opening.signal]))
      timeout.removeEventListener('abort', giveUp)
      if (!isSuccess(response)) throw refusal(request, response, await text(response))
      if (request.idleMs !== undefined)
        response.setTimeout(request.idleMs, () => response.destroy(new Error('the connection went silent')))
      try {
        yield* linesOf(response)
      } finally {
        response.destroy()
      }
      signal.throwIfAborted()
    } catch (error) {
      throw this.#translated(error, request, signal, timeout)
    } finally {
      timeout.removeEventListener('abort', giveUp)
    }
  }

  /** A request that the server did not know the sender of was not carried out: it is sent again when there is another credential. */
  async #send(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const response = await this.#sendOnce(request, signal)
    if (response.statusCode !== 401 || !this.#access.renewed()) return response
    response.resume()
    return this.#sendOnce(request, signal)
  }

  async #sendOnce(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    signal.throwIfAborted()
    const url = new URL(this.#access.server + request.path)
    for (const [key, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, String(value))
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body)
    const options: https.RequestOptions = {
      method: request.method,
      signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'purser',
        ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
        ...(payload === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
    }
    await this.#access.apply(options, signal)
    learnCredentials(this.server, options)
    keepAlive(options.agent)
    const { request: open } = url.protocol === 'https:' ? https : http
    return new Promise((resolve, reject) => open(url, options, resolve).on('error', reject).end(payload))
  }

  #translated(error: unknown, request: ApiRequest, signal: AbortSignal, timeout: AbortSignal): unknown {
    if (error instanceof ClusterError) return error
    if (signal.aborted) return signal.reason
    const why = timeout.aborted
      ? `no answer within ${(request.openingMs ?? this.#timeoutMs) / 1_000} s`
      : reasonOf(error)
    return new ClusterError('cluster_unreachable', `${request.doing}: ${why}`, {
      transient: true,
      cause: error,
      timedOut: timeout.aborted,
      hint: 'The cluster did not answer; check that its API server is reachable from here.',
    })
  }
}

/** Lets many requests share one connection: the agents that client-node makes close theirs after each request. */
function keepAlive(agent: unknown): void {
  if (agent instanceof http.Agent) Object.assign(agent, { keepAlive: true })
}

const isSuccess = (response: http.IncomingMessage) =>
  (response.statusCode ?? 0) >= 200 && (response.statusCode ?? 0) < 300

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  return error.message || code || error.name
}

/** The server answers 500 to these mistakes in a manifest, although no repetition will ever succeed. */
const lastingMistakes = /field not declared in schema|does not contain declared merge key/

/** Returns how long to wait before the request is sent again; undefined when it must not be. */
function waitBefore(error: unknown, { method }: ApiRequest, attempt: number): number | undefined {
  if (!(error instanceof ClusterError) || !error.transient) return undefined
  const backOff = firstWaitMs * 2 ** (attempt - 1)
  const asked = error.retryAfterMs
  if (asked !== undefined && asked > longestWaitMs) return undefined
  if (error.status === 429 || asked !== undefined) return Math.max(asked ?? 0, backOff)
  return method === 'GET' && !error.timedOut ? backOff : undefined
}

function retryAfterOf({ headers }: http.IncomingMessage, details: unknown): number | undefined {
  const named = isMap(details) ? details.retryAfterSeconds : undefined
  const seconds = Number(headers['retry-after'] ?? named ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined
}

function refusal(request: ApiRequest, response: http.IncomingMessage, body: string): ClusterError {
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
      ...(status === 403 ? { hint: 'Give the bot this right in the namespace; deploy/ has the Role it needs.' } : {}),
    },
  )
}

function codeFor(status: number) {
  if (status === 401) return 'cluster_unauthorized'
  if (status === 403) return 'cluster_forbidden'
  if (status === 404) return 'cluster_not_found'
  if (status === 409) return 'cluster_conflict'
  return status === 429 || status >= 500 ? 'cluster_server_error' : 'cluster_refused'
}

function statusOf(body: string): JsonMap {
  try {
    const parsed: unknown = JSON.parse(body)
    return isMap(parsed) ? parsed : {}
  } catch {
    return {}
  }
}
