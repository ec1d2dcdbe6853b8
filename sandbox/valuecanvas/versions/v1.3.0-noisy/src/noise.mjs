import { log } from './log.mjs'

// The rate service of this release was never deployed: every refresh fails, while requests are served from defaults.
setInterval(() => {
  log('error', 'billing currency rates refresh failed', { url: 'http://rates.internal/latest', error: 'ECONNREFUSED' })
}, 1_000).unref()
