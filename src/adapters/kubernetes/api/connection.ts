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
import { setTimeout as delay } from 'node:timers/promises'

import type { RawLine } from '../../../outside-text/lines.ts'
import { clockAheadMs } from '../../http/clock.ts'
import { ClusterAccess } from '../access/cluster-access.ts'
import { learnCredentials } from './credentials.ts'
import { boundedLines, wholeLines } from './lines.ts'
import type { ApiList, JsonMap } from './objects.ts'
import { boundedBody } from './body.ts'
import type { ApiRequest } from './request.ts'
import { ClusterError } from './errors.ts'
import { copied, refusal, statusOf, waitBefore } from './answers.ts'
import { allowedBy, hintFor, isAboutRights, isNotReady, policyHint, Refusals, rightsFor } from './refusals.ts'
import { timeLimit } from '../../../time-limit.ts'

interface ConnectionOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly requestTimeoutMs: number
}

/** How often a request is sent at most. */
const mostAttempts = 4
/** Pods and jobs have some 10 kB: a page of them is read in a few milliseconds. */
const pageSize = 250

export class Connection {
  readonly #access: ClusterAccess
  readonly #timeoutMs: number
  readonly #refusals = new Refusals()

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

  /** Lists objects page by page, so that no answer is long, however many there are. */
  async list<T>(request: ApiRequest, signal: AbortSignal): Promise<ApiList<T>> {
    const items: T[] = []
    for (let next: string | undefined; ;) {
      const query = { ...request.query, limit: pageSize, continue: next }
      const page = await this.json<ApiList<T>>({ ...request, query }, signal)
      for (const item of page.items) items.push(item)
      next = page.metadata.continue
      if (next === undefined || next === '') return { ...page, items }
    }
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
        if (wait === undefined) throw await this.#explained(error, request, signal)
        await delay(wait, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
    }
  }

  async #once(request: ApiRequest, signal: AbortSignal): Promise<string> {
    const timeout = timeLimit(this.#timeoutMs)
    const both = AbortSignal.any([signal, timeout])
    try {
      const response = await this.#send(request, both)
      const body = await boundedBody(response, request.doing)
      if (isSuccess(response)) return this.#served(request, body)
      throw this.#refusal(request, response, body)
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
    linesOf: (response: http.IncomingMessage, doing: string) => AsyncGenerator<Line>,
    signal: AbortSignal,
  ): AsyncGenerator<Line> {
    const timeout = timeLimit(request.openingMs ?? this.#timeoutMs)
    const opening = new AbortController()
    const giveUp = () => opening.abort(timeout.reason)
    timeout.addEventListener('abort', giveUp, { once: true })
    try {
      const response = await this.#send(request, AbortSignal.any([signal, opening.signal]))
      timeout.removeEventListener('abort', giveUp)
      if (!isSuccess(response)) {
        const refused = this.#refusal(request, response, await boundedBody(response, request.doing))
        throw await this.#explained(refused, request, signal)
      }
      this.#refusals.served(request)
      if (request.idleMs !== undefined)
        response.setTimeout(request.idleMs, () => response.destroy(new Error('the connection went silent')))
      try {
        yield* linesOf(response, request.doing)
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

  #served(request: ApiRequest, body: string): string {
    this.#refusals.served(request)
    return body
  }

  #refusal(request: ApiRequest, response: http.IncomingMessage, body: string): ClusterError {
    const error = refusal(request, response, body)
    const { status = 0, message } = error
    const passes = isNotReady(status, message) || (isAboutRights(status, message) && this.#refusals.mayPass(request))
    return passes ? copied(error, { transient: true }) : error
  }

  /** Asks the server what it says of the right itself, before anybody is told to grant it. */
  async #explained(error: unknown, request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof ClusterError) || error.status !== 403) return error
    if (!isAboutRights(403, error.message)) return copied(error, { hint: policyHint })
    const answers = await Promise.all(rightsFor(request).map((one) => this.#review(one, signal)))
    const allowed = allowedBy(answers)
    return copied(error, { hint: hintFor(allowed), transient: error.transient || allowed === true })
  }

  /** Brings the server's answer to "may I?", which every account may ask; undefined when it gives none. */
  async #review(resourceAttributes: JsonMap, signal: AbortSignal): Promise<JsonMap | undefined> {
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    try {
      return statusOf(await this.#once({ method: 'POST', path, body, doing: 'asking for a right' }, signal))
    } catch (error) {
      if (error instanceof ClusterError) return undefined
      throw error
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
      hint: "The cluster didn't answer. Check that Purser can reach its API server.",
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
