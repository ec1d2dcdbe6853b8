import { setTimeout as delay } from 'node:timers/promises'
import { PurserError } from '../../errors.ts'

/** No answer came: refused, cut, name unknown, or too slow. An HTTP error status is an answer and never raises this. */
export class NoAnswer extends PurserError {
  constructor(
    doing: string,
    why: string,
    facts: { readonly hint?: string; readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(facts.code ?? 'http_no_answer', `${doing}: ${why}`, {
      hint: facts.hint ?? 'check the address and that it can be reached from where Purser runs',
      transient: true,
      cause: facts.cause,
    })
  }
}

export interface RequestLimits {
  /** What is being done, for the error: "asking https://…/health". */
  readonly doing: string
  /** Of the whole exchange, the body included. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** One exchange, read to its end with `read`. Ends at once, with the signal's reason, when the signal fires. */
export async function exchange<T>(
  url: string,
  init: Omit<RequestInit, 'signal'>,
  limits: RequestLimits,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  limits.signal.throwIfAborted()
  const timeout = AbortSignal.timeout(limits.timeoutMs)
  try {
    return await read(await fetch(url, { ...init, signal: AbortSignal.any([limits.signal, timeout]) }))
  } catch (error) {
    limits.signal.throwIfAborted()
    if (error instanceof PurserError) throw error
    if (timeout.aborted)
      throw new NoAnswer(limits.doing, `no answer within ${limits.timeoutMs} ms`, { code: 'http_timeout' })
    throw new NoAnswer(limits.doing, networkReason(error), { cause: error })
  }
}

/** The first characters of a body, leaving the rest unread: a wrong address may answer with anything. */
export async function startOfBody(response: Response, characters: number): Promise<string> {
  if (!response.body) return ''
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= characters) break // leaving the loop cancels the rest
  }
  return text.slice(0, characters)
}

/** `fetch` hides the reason ("ECONNREFUSED") in the cause of a "fetch failed"; a name tried on two addresses nests it once more. */
export function networkReason(error: unknown): string {
  for (let inner: unknown = error, depth = 0; inner instanceof Error && depth < 5; depth += 1) {
    if ('code' in inner && typeof inner.code === 'string' && !inner.code.startsWith('ERR_')) return describe(inner.code)
    inner = inner instanceof AggregateError ? inner.errors[0] : inner.cause
  }
  return error instanceof Error ? error.message : String(error)
}

function describe(code: string): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection cut',
    UND_ERR_SOCKET: 'connection cut',
    ENOTFOUND: 'unknown host name',
    EAI_AGAIN: 'host name could not be looked up',
    ETIMEDOUT: 'no answer in time',
    UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  }
  return words[code] ? `${words[code]} (${code})` : code
}

export interface Patience {
  readonly attempts: number
  /** Pause before the second attempt; doubles. */
  readonly delayMs: number
  /** What the other side asked for (`Retry-After`); more than 30 s is not waited for but reported. */
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
      // Without jitter, workers that failed together would knock together again.
      const usual = delayMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
      pause = Math.max(usual, atLeastMs?.(error) ?? 0)
      const worthwhile =
        error instanceof PurserError && error.transient && attempt < attempts && pause <= LONGEST_PAUSE_MS
      if (!worthwhile) throw error
    }
    await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
