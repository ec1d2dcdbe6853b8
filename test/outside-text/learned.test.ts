import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { dockerCredentials } from '../../src/adapters/registry/login/credentials.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { startStripe } from '../../sandbox/stripe/server.ts'

/** What no environment holds: Purser gets to know it while it works, and from then on no mask lets it through. */

const mask = maskOf()
const { signal } = new AbortController()
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-learned-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('the cluster', () => {
  let api: Server
  beforeAll(async () => {
    api = createServer((_, response) => response.writeHead(404).end('{}'))
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => api.close())

  async function asks(user: object): Promise<void> {
    const kubeconfig = join(directory, 'kubeconfig')
    const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
    const config = {
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'a', user }],
    }
    await writeFile(kubeconfig, JSON.stringify(config))
    await openCluster({ namespace: 'production', kubeconfig })
      .readSecretKey('stripe', 'key', signal)
      .catch(() => undefined)
  }

  it.each([
    ['the token of a service account', 'opaque-token-4711-abcdef', (token: string) => ({ token })],
    ['a password', 'opaque-password-4711', (password: string) => ({ username: 'bot', password })],
  ])('%s', async (_, secret, user) => {
    expect(mask(`refused: ${secret}`)).toContain(secret)
    await asks(user(secret))
    expect(mask(`refused: ${secret}`)).toBe('refused: [masked]')
  })
})

describe('docker', () => {
  it('every login of its configuration, also of registries that are not asked', async () => {
    const auth = Buffer.from('bot:opaque-registry-password').toString('base64')
    const auths = { 'ghcr.io': { auth }, 'other.example': { auth: '', identitytoken: 'opaque-identity-4711' } }
    const path = join(directory, 'config.json')
    await writeFile(path, JSON.stringify({ auths }))
    await dockerCredentials({ path })({ registry: 'docker.io', path: 'library/redis' }, signal)
    expect(mask('login opaque-registry-password')).toBe('login [masked]')
    expect(mask(`header ${auth}`)).toBe('header [masked]')
    expect(mask('token opaque-identity-4711')).toBe('token [masked]')
  })
})

describe('Stripe', () => {
  it('a signing secret that it has just made, also without its prefix', async () => {
    const simulator = await startStripe({ secretKey: 'sk_test_learned12345' })
    try {
      const stripe = openStripe({ secretKey: new Sensitive('sk_test_learned12345'), apiBase: simulator.url })
      const { signingSecret } = await stripe.createEndpoint(
        {
          url: `${simulator.url}/hook`,
          enabledEvents: ['invoice.paid'],
          metadata: {},
          description: '',
          idempotencyKey: 'a',
        },
        signal,
      )
      const bare = signingSecret.reveal().replace('whsec_', '')
      expect(mask(`half of it: ${bare.slice(4, 20)}`)).toBe('half of it: [masked]')
    } finally {
      await simulator.close()
    }
  })
})
