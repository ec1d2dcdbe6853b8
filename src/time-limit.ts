/**
 * A time limit that holds also when it is combined with other signals. Node collects a signal of `AbortSignal.timeout` to
 * which nobody listens, although `AbortSignal.any` was made of it, and then the time limit never comes.
 */
export function timeLimit(milliseconds: number): AbortSignal {
  const limit = AbortSignal.timeout(Math.ceil(milliseconds))
  limit.addEventListener('abort', () => undefined, { once: true })
  return limit
}

/**
 * Returns a signal that fires with this one, for one of many who work side by side. Node warns of a leak when more than
 * ten listen to one signal; each of these has its own listeners, and they go with the work that they belong to.
 */
export function ownSignal(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal])
}
