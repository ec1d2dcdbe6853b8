import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { healthProbe } from '../../src/adapters/http/client.ts'
import { type Receiver, startReceiver } from '../stripe/receiver.ts'

const signal = AbortSignal.timeout(30_000)
let service: Receiver
beforeEach(async () => {
  service = await startReceiver()
})
afterEach(() => service.close())

describe('a look at a health URL', () => {
  it.each([200, 404, 503])('reports HTTP %i as an answer, not as an error', async (status) => {
    service.status = status
    const seen = await healthProbe().get(service.url, signal)
    expect(seen.status).toBe(status)
    expect(seen.milliseconds).toBeGreaterThanOrEqual(0)
  })

  it('stops waiting at its limit and at once when cancelled', async () => {
    service.status = 0
    await expect(healthProbe({ timeoutMs: 50 }).get(service.url, signal)).rejects.toMatchObject({
      code: 'http_timeout',
      transient: true,
    })
    const cancel = new AbortController()
    const waiting = healthProbe().get(service.url, cancel.signal)
    cancel.abort(new Error('cancelled by Dana'))
    await expect(waiting).rejects.toThrow('cancelled by Dana')
  })

  it('says so when the address is no address', async () => {
    await expect(healthProbe().get('api.valuecanvas.com/health', signal)).rejects.toMatchObject({
      code: 'http_no_answer',
    })
  })
})
