/**
 * A time limit that holds also when it is combined with other signals. Node collects a signal of `AbortSignal.timeout` to
 * which nobody listens, although `AbortSignal.any` was made of it, and then the time limit never comes.
 */
export function timeLimit(milliseconds: number): AbortSignal {
  const limit = AbortSignal.timeout(Math.ceil(milliseconds))
  limit.addEventListener('abort', () => undefined, { once: true })
  return limit
}
