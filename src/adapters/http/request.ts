import { setTimeout as delay } from 'node:timers/promises'
import { PurserError } from '../../errors.ts'
import { startOf } from '../../outside-text/excerpt.ts'
import { NoAnswer, type NoAnswerReason } from './errors.ts'
import { timeLimit } from '../../time-limit.ts'

interface RequestLimits {
  /** What is being done, for the error: "asking https://…/health". */
  readonly doing: string
  /** The limit of the whole exchange, the body included. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Makes one exchange and reads it to its end with `read`. When the signal fires, it ends at once with the signal's
 * reason.
 */
export async function exchange<T>(
  url: string,
  init: Omit<RequestInit, 'signal'>,
  limits: RequestLimits,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  limits.signal.throwIfAborted()
  const timeout = timeLimit(limits.timeoutMs)
  try {
    return await read(await fetch(url, { ...init, signal: AbortSignal.any([limits.signal, timeout]) }))
  } catch (error) {
    limits.signal.throwIfAborted()
    if (error instanceof PurserError) throw error
    if (timeout.aborted)
      throw new NoAnswer(limits.doing, `no answer within ${limits.timeoutMs} ms`, {
        code: 'http_timeout',
        reason: 'timeout',
      })
    throw new NoAnswer(limits.doing, networkReason(error), { cause: error, reason: kindOf(error) })
  }
}

/** Reads the first characters of a body and leaves the rest unread: a wrong address may answer with anything. */
export async function startOfBody(response: Response, characters: number): Promise<string> {
  if (!response.body) return ''
  return startOf(response.body as AsyncIterable<Uint8Array>, characters)
}

/**
 * Finds the reason ("ECONNREFUSED"), which `fetch` hides in the cause of a "fetch failed"; a name tried on two
 * addresses nests it once more.
 */
export function networkReason(error: unknown): string {
  const code = codeOf(error)
  if (code !== undefined) return knownCodes[code] ? `${knownCodes[code][1]} (${code})` : code
  return error instanceof Error ? error.message : String(error)
}

function kindOf(error: unknown): NoAnswerReason {
  const code = codeOf(error) ?? ''
  return knownCodes[code]?.[0] ?? (tlsCode.test(code) ? 'tls' : 'other')
}

/** OpenSSL's words for a certificate that is not good, and Node's for a handshake that failed. */
const tlsCode = /CERT|ISSUER|SELF_SIGNED|VERIFY|^ERR_TLS|^ERR_SSL|^EPROTO$/

function codeOf(error: unknown): string | undefined {
  for (let inner: unknown = error, depth = 0; inner instanceof Error && depth < 5; depth += 1) {
    if ('code' in inner && typeof inner.code === 'string') {
      if (!inner.code.startsWith('ERR_') || tlsCode.test(inner.code)) return inner.code
    }
    inner = inner instanceof AggregateError ? inner.errors[0] : inner.cause
  }
  return undefined
}

const knownCodes: Readonly<Record<string, readonly [NoAnswerReason, string]>> = {
  ECONNREFUSED: ['refused', 'connection refused'],
  ECONNRESET: ['cut', 'connection cut'],
  UND_ERR_SOCKET: ['cut', 'connection cut'],
  ENOTFOUND: ['name', 'unknown host name'],
  EAI_AGAIN: ['name', 'host name could not be looked up'],
  ETIMEDOUT: ['timeout', 'no answer in time'],
  UND_ERR_CONNECT_TIMEOUT: ['timeout', 'no connection in time'],
  EHOSTUNREACH: ['refused', 'no way to that host'],
  ENETUNREACH: ['refused', 'no way to that network'],
  CERT_HAS_EXPIRED: ['tls', 'the certificate has expired'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls', 'the certificate is self-signed'],
  SELF_SIGNED_CERT_IN_CHAIN: ['tls', 'a self-signed certificate in the chain'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['tls', 'the certificate cannot be verified'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['tls', 'the issuer of the certificate is not known'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls', 'the certificate is for a different host name'],
  EPROTO: ['tls', 'the TLS handshake failed'],
}

interface Patience {
  readonly attempts: number
  /** The pause before the second attempt; it doubles with each further one. */
  readonly delayMs: number
  /** Returns the wait that the other side asked for (`Retry-After`); more than 30 s is not waited for but reported. */
  readonly atLeastMs?: (error: unknown) => number | undefined
  readonly signal: AbortSignal
}

const LONGEST_PAUSE_MS = 30_000

/** Repeats what failed transiently. Give it only what is safe to repeat. */
export async function retrying<T>(
  act: () => Promise<T>,
  { attempts, delayMs, atLeastMs, signal }: Patience,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    let pause: number
    try {
      return await act()
    } catch (error) {
      signal.throwIfAborted()
      // Jitter keeps workers that failed together from knocking together again.
      const usual = delayMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
      pause = Math.max(usual, atLeastMs?.(error) ?? 0)
      const worthwhile =
        error instanceof PurserError && error.transient && attempt < attempts && pause <= LONGEST_PAUSE_MS
      if (!worthwhile) throw error
    }
    await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
