import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { send } from './requests.ts'
import { StatusError } from './status.ts'

/** What goes wrong with a request, for tests. Watches and followed logs count as requests when they are opened. */
export interface ApiFault {
  /** Which requests: all when left out. */
  readonly concerns?: (request: { readonly method: string; readonly path: string; readonly watch: boolean }) => boolean
  /** How many of them (default: all). */
  readonly times?: number
  readonly latencyMs?: number
  /** Answers with this in place of the server; without it the request is only late. */
  readonly status?: 401 | 403 | 429 | 500 | 503 | 504
  readonly retryAfterSeconds?: number
}

const REASONS = {
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'TooManyRequests',
  500: undefined,
  503: 'ServiceUnavailable',
  504: 'Timeout',
} as const
const MESSAGES = {
  401: 'Unauthorized',
  // As RBAC answers while its caches are not filled yet: the same as for a right that is missing.
  403: 'forbidden: User "purser" cannot get resource in the namespace',
  429: 'Too many requests, please try again later.',
  500: 'etcdserver: leader changed',
  503: 'apiserver not ready',
  504: 'etcdserver: request timed out',
} as const

export class Faults {
  #fault: ApiFault | undefined
  #left = 0

  set(fault: ApiFault | undefined): void {
    this.#fault = fault
    this.#left = fault?.times ?? Infinity
  }

  /** True when the request has been answered. */
  async meet(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const fault = this.#fault
    if (fault === undefined || this.#left <= 0) return false
    const url = new URL(request.url ?? '/', 'http://cluster')
    const path = url.pathname.replace(/^\/token\/[^/]+/, '')
    const watch = url.searchParams.get('watch') === 'true' || url.searchParams.get('follow') === 'true'
    if (fault.concerns?.({ method: request.method ?? 'GET', path, watch }) === false) return false
    this.#left -= 1
    if (fault.latencyMs !== undefined) await delay(fault.latencyMs)
    const { status, retryAfterSeconds } = fault
    if (status === undefined) return false
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds))
    send(response, status, new StatusError(status, REASONS[status], MESSAGES[status]).body())
    return true
  }
}
