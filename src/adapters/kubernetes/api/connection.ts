/**
 * Requests to one API server. client-node's KubeConfig gives credentials, CA, proxies and token refresh. The transport
 * is Node's own, because client-node's generated calls take no AbortSignal and drop the fields that their models do not
 * know, its `Log` raises an uncaught error when a followed log is aborted, and its `Watch` ends after 30 quiet seconds.
 * Every request has a time limit beside the caller's signal, and every failure is a ClusterError. A request is sent
 * again after a 429, after a 5xx that names a short time to wait, and after any other temporary error of a GET, unless
 * the time limit was it. Watches and followed logs are streams of lines; whoever reads them opens them again.
 */

import { existsSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { homedir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

import { KubeConfig } from '@kubernetes/client-node'

import { clockAheadMs } from '../../http/clock.ts'
import type { JsonMap } from './objects.ts'
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

export class Connection {
  readonly #config: KubeConfig
  readonly #server: string
  readonly #timeoutMs: number
  readonly #refusals = new Refusals()

  constructor(options: ConnectionOptions) {
    this.#config = loadConfig(options)
    const server = this.#config.getCurrentCluster()?.server
    if (server === undefined)
      throw new ClusterError('cluster_config', 'opening the cluster: the kubeconfig has no current context', {
        hint: 'Name a context that exists, or set current-context in the kubeconfig.',
      })
    this.#server = server.replace(/\/$/, '')
    this.#timeoutMs = options.requestTimeoutMs
  }

  get server(): string {
    return this.#server
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
      const body = await text(response)
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

  /**
   * Gives the lines of a watch or a followed log. Ends when the server ends the stream; raises when the connection
   * breaks or the signal fires. The half line before a broken end is never given.
   */
  async *lines(request: ApiRequest, signal: AbortSignal): AsyncGenerator<string> {
    const timeout = timeLimit(request.openingMs ?? this.#timeoutMs)
    const opening = new AbortController()
    const giveUp = () => opening.abort(timeout.reason)
    timeout.addEventListener('abort', giveUp, { once: true })
    try {
      const response = await this.#send(request, AbortSignal.any([signal, opening.signal]))
      timeout.removeEventListener('abort', giveUp)
      if (!isSuccess(response)) {
        const refused = this.#refusal(request, response, await text(response))
        throw await this.#explained(refused, request, signal)
      }
      this.#refusals.served(request)
      if (request.idleMs !== undefined)
        response.setTimeout(request.idleMs, () => response.destroy(new Error('the connection went silent')))
      try {
        yield* wholeLines(response)
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

  async #send(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    signal.throwIfAborted()
    const url = new URL(this.#server + request.path)
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
    await this.#config.applyToHTTPSOptions(options)
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

/** Reads no faster than the lines are taken, so that a slow reader leaves the rest in the socket and not in memory. */
async function* wholeLines(response: http.IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  // A broken stream raises above. One that ended in order may lack the newline after its last line.
  if (rest !== '' && response.complete) yield rest
}

/** Lets many requests share one connection: the agents that client-node makes close theirs after each request. */
function keepAlive(agent: unknown): void {
  if (agent instanceof http.Agent) Object.assign(agent, { keepAlive: true })
}

/**
 * Takes `--kubeconfig`, else KUBECONFIG, else the pod's ServiceAccount, else ~/.kube/config. client-node would go on to
 * http://localhost:8080 and say nothing about it; here that is an error.
 */
function loadConfig({ kubeconfig, context }: ConnectionOptions): KubeConfig {
  const config = new KubeConfig()
  try {
    const fallback = path.join(homedir(), '.kube', 'config')
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
    else if (process.env.KUBECONFIG) config.loadFromDefault()
    else if (process.env.KUBERNETES_SERVICE_HOST) config.loadFromCluster()
    else if (existsSync(fallback)) config.loadFromFile(fallback)
    else throw new Error('there is no kubeconfig and this is not a pod')
  } catch (error) {
    throw new ClusterError('cluster_config', `opening the cluster: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Set KUBECONFIG to a readable kubeconfig file.',
    })
  }
  if (context === undefined) return config
  if (config.getContextObject(context) === null)
    throw new ClusterError('cluster_config', `opening the cluster: the kubeconfig has no context "${context}"`)
  config.setCurrentContext(context)
  return config
}

const isSuccess = (response: http.IncomingMessage) =>
  (response.statusCode ?? 0) >= 200 && (response.statusCode ?? 0) < 300

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  return error.message || code || error.name
}
