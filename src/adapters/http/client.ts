import type { HealthProbe } from './port.ts'
import { exchange } from './request.ts'

/**
 * Asks the URL. Any HTTP status is an answer; no answer raises `NoAnswer` (transient). Redirects are followed, as a
 * browser would.
 */
export function healthProbe({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): HealthProbe {
  return {
    async get(url, signal) {
      const started = performance.now()
      const limits = { doing: `asking ${withoutCredentials(url)}`, timeoutMs, signal }
      const status = await exchange(url, { headers: { accept: '*/*' } }, limits, async (response) => {
        await response.body?.cancel()
        return response.status
      })
      return { status, milliseconds: Math.round(performance.now() - started) }
    },
  }
}

/** Makes a URL fit for an error message: without user, password and query, where secrets hide. */
export function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return 'something that is not a URL'
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
