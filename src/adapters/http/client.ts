import { refuseLinkLocal } from './addresses.ts'
import type { HealthAnswer, HealthProbe } from './port.ts'
import { exchange } from './request.ts'

const mostRedirects = 3

interface HealthProbeOptions {
  /** The time limit of each request. */
  readonly timeoutMs?: number
  /** Whether link-local and metadata addresses may be asked. */
  readonly allowLinkLocal?: boolean
}

/**
 * Asks the URL. Any HTTP status is an answer; no answer raises `NoAnswer` (transient). Redirects are followed on the same host,
 * from http to https for instance; one to another host is the answer.
 */
export function healthProbe({ timeoutMs = 5_000, allowLinkLocal = false }: HealthProbeOptions = {}): HealthProbe {
  async function once(url: string, signal: AbortSignal): Promise<Pick<HealthAnswer, 'status' | 'location'>> {
    const doing = `asking ${withoutCredentials(url)}`
    if (!allowLinkLocal) await refuseLinkLocal(url, doing)
    const init: RequestInit = { headers: { accept: '*/*' }, redirect: 'manual' }
    return exchange(url, init, { doing, timeoutMs, signal }, async ({ status, headers, body }) => {
      await body?.cancel()
      const location = headers.get('location')
      if (location === null || status < 300 || status > 399 || !URL.canParse(location, url)) return { status }
      return { status, location: new URL(location, url).href }
    })
  }

  return {
    async get(first, signal) {
      const started = performance.now()
      let [url, answer] = [first, await once(first, signal)]
      for (let redirects = 0; redirects < mostRedirects && sameHost(url, answer.location); redirects += 1) {
        url = answer.location ?? url
        answer = await once(url, signal)
      }
      const milliseconds = Math.round(performance.now() - started)
      const { status, location } = answer
      return { status, milliseconds, ...(location === undefined ? {} : { location: withoutCredentials(location) }) }
    },
  }
}

/** Also not from https to http: what was asked in secret is not asked in the open. */
function sameHost(from: string, to: string | undefined): boolean {
  if (to === undefined) return false
  const [asked, sent] = [new URL(from), new URL(to)]
  return asked.hostname === sent.hostname && (sent.protocol === asked.protocol || sent.protocol === 'https:')
}

/** Makes a URL fit for an error message: without user, password and query, where secrets hide. */
export function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return 'something that is not a URL'
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
