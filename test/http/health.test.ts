import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { healthProbe } from '../../src/adapters/http/client.ts'
import { webhookProbe } from '../../src/adapters/stripe/webhook-probe.ts'
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

describe('a health URL that sends elsewhere', () => {
  async function sending(location: string): Promise<{ readonly url: string; readonly close: () => Promise<unknown> }> {
    const server = createServer((request, response) => {
      if (request.url === '/health') response.writeHead(302, { location }).end()
      else response.writeHead(200).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { url: `http://127.0.0.1:${port}/health`, close: () => new Promise((resolve) => server.close(resolve)) }
  }

  it('is followed on its own host', async () => {
    const { url, close } = await sending('/healthz')
    expect(await healthProbe().get(url, signal)).toMatchObject({ status: 200 })
    await close()
  })

  it.each(['http://localhost:1/x?token=1', 'https://login.example.com/x?token=1', 'http://169.254.169.254/x'])(
    'is not followed to %s',
    async (location) => {
      const { url, close } = await sending(location)
      expect(await healthProbe().get(url, signal)).toMatchObject({
        status: 302,
        location: location.replace(/\?.*/, ''),
      })
      await close()
    },
  )

  it('is not followed in circles', async () => {
    const { url, close } = await sending('/health')
    expect(await healthProbe().get(url, signal)).toMatchObject({ status: 302 })
    await close()
  })
})

describe('link-local and metadata addresses', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166/',
    'http://0xa9.254.169.254/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://[::ffff:169.254.169.254]/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
  ])('%s is not asked', async (url) => {
    await expect(healthProbe().get(url, signal)).rejects.toMatchObject({ code: 'http_address_refused' })
    await expect(
      webhookProbe().unsigned(
        url,
        { asker: 'a test', type: 'file.created', apiVersion: null, livemode: false },
        signal,
      ),
    ).rejects.toMatchObject({ code: 'http_address_refused' })
  })

  it('are asked where purser.yaml says so', async () => {
    const probe = healthProbe({ allowLinkLocal: true, timeoutMs: 200 })
    // Whether anything answers there is this machine's business.
    const seen: unknown = await probe.get('http://169.254.255.254/', signal).catch((error: unknown) => error)
    expect(seen).not.toMatchObject({ code: 'http_address_refused' })
  })
})
