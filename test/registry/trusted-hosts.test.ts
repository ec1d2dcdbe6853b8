import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import { whyNotAsked } from '../../src/adapters/registry/trusted-hosts.ts'
import { Sensitive } from '../../src/sensitive.ts'

const hub = 'https://registry-1.docker.io'
const own = 'https://registry.example.com'
const here = 'http://127.0.0.1:5000'
const hosts = ['auth.other.example.org', '*.storage.example.net', 'token.example.org:8443']

describe('where the login may go', () => {
  it.each([
    [hub, 'https://auth.docker.io/token'],
    [own, 'https://registry.example.com/token'],
    [own, 'https://auth.example.com/token'],
    [own, 'https://example.com/jwt/auth'],
    [own, 'https://auth.other.example.org/token'],
    [own, 'https://AUTH.other.example.org/token'],
    [own, 'https://token.example.org:8443/token'],
    [own, 'https://a.storage.example.net/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://mine.azurecr.io', 'https://mine.azurecr.io/oauth2/token'],
    ['https://ghcr.io', 'https://ghcr.io/token'],
    ['https://registry.internal:5000', 'https://registry.internal:5000/token'],
    [here, 'http://127.0.0.1:5000/token'],
    [here, 'http://127.0.0.1:5001/token'],
    [here, 'http://localhost:5001/token'],
    [here, 'http://[::1]:5001/token'],
    ['http://mirror.internal', 'http://mirror.internal/token'],
  ])('%s → %s', (origin, realm) => {
    expect(whyNotAsked(realm, 'login', { origin, hosts })).toBeUndefined()
  })

  it.each([
    [own, 'http://127.0.0.1:9200/', /not https/],
    [own, 'https://127.0.0.1:9200/', /an address/],
    [own, 'https://localhost/', /an address/],
    [own, 'https://[::1]/', /an address/],
    [own, 'https://[::ffff:127.0.0.1]/', /an address/],
    [own, 'https://2130706433/', /an address/],
    [own, 'https://0x7f.1/', /an address/],
    [own, 'https://169.254.169.254/latest/meta-data', /an address/],
    [own, 'https://10.0.0.1/', /an address/],
    [own, 'http://registry.example.com/token', /not https/],
    [own, 'http://auth.example.com/token', /not https/],
    [own, 'https://example.com.evil.org/', /own domain/],
    [own, 'https://evilexample.com/', /own domain/],
    [own, 'https://registry.example.com@evil.org/', /user or a password/],
    [own, 'https://me:secret@registry.example.com/', /user or a password/],
    [own, 'file:///etc/passwd', /not https/],
    [own, 'not a url', /isn't a URL/],
    [own, '', /isn't a URL/],
    [own, 'https://evil.org/', /own domain/],
    [own, 'https://token.example.org/', /own domain/],
    [own, 'https://storage.example.net/', /own domain/],
    [hub, 'https://production.cloudflare.docker.com/', /own domain/],
    ['https://mine.azurecr.io', 'https://evil.azurecr.io/oauth2/token', /own domain/],
    ['https://mine.jfrog.io', 'https://evil.jfrog.io/token', /own domain/],
    ['https://team.github.io', 'https://evil.github.io/token', /own domain/],
    ['https://registry.example.co.uk', 'https://evil.co.uk/token', /own domain/],
    ['https://registry.example.co.uk', 'https://co.uk/token', /own domain/],
    [own, 'https://com/token', /own domain/],
    ['https://team.github.io', 'https://github.io/token', /own domain/],
    ['https://registry.internal', 'https://internal/token', /own domain/],
    ['https://ghcr.io', 'https://evil.githubusercontent.com/', /own domain/],
    ['https://10.0.0.1:5000', 'https://10.0.0.2/', /an address/],
    ['http://mirror.internal', 'http://127.0.0.1/', /not https/],
  ])('%s ↛ %s', (origin, realm, why) => {
    expect(whyNotAsked(realm, 'login', { origin, hosts })).toMatch(why)
  })
})

describe('where content may lie', () => {
  it.each([
    [hub, 'https://production.cloudflare.docker.com/registry-v2/blob'],
    [hub, 'https://docker-images-prod.0123.r2.cloudflarestorage.com/blob'],
    ['https://ghcr.io', 'https://pkg-containers.githubusercontent.com/blob'],
    ['https://europe-docker.pkg.dev', 'https://storage.googleapis.com/blob'],
    ['https://mine.azurecr.io', 'https://weumanaged.blob.core.windows.net/blob'],
    [
      'https://1.dkr.ecr.eu-central-1.amazonaws.com',
      'https://prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com/blob',
    ],
  ])('%s → %s', (origin, blob) => {
    expect(whyNotAsked(blob, 'content', { origin, hosts: [] })).toBeUndefined()
  })

  it.each([
    [own, 'https://storage.googleapis.com/blob'],
    [hub, 'http://production.cloudflare.docker.com/blob'],
    [hub, 'https://production.cloudflare.docker.com.evil.org/blob'],
    [hub, 'https://127.0.0.1/blob'],
  ])('%s ↛ %s', (origin, blob) => {
    expect(whyNotAsked(blob, 'content', { origin, hosts: [] })).toBeDefined()
  })
})

const open: Server[] = []
afterEach(async () => {
  await Promise.all(
    open.splice(0).map((server) => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }),
  )
})

interface Listener {
  readonly host: string
  readonly asked: IncomingMessage[]
}

async function listening(answer: RequestListener): Promise<Listener> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const login = { kind: 'password', user: 'purser', password: new Sensitive('pull-only-please') } as const
const failureOf = (registry: Listener) =>
  openRegistry({ credentials: async () => ({ credentials: login }), retryDelayMs: 1 })
    .resolve(`${registry.host}/team/api`, 'v1', AbortSignal.timeout(10_000))
    .then(
      () => undefined,
      (error: unknown) => error as Error,
    )

describe('a registry that sends elsewhere', () => {
  it.each(['https://evil.example.org/token', 'http://10.0.0.1/token', 'gopher://x', 'https://u:p@127.0.0.1/token'])(
    'does not get the login sent to %s',
    async (realm) => {
      const registry = await listening((_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` }).end(),
      )
      const failure = await failureOf(registry)
      expect(failure).toMatchObject({ code: 'image_host_refused' })
      expect(failure).toHaveProperty('hint', expect.stringContaining('service.image.registryHosts'))
      expect(registry.asked).toHaveLength(1)
    },
  )

  it('does not carry the login to where it redirects, nor pass on what is answered there', async () => {
    const inside = await listening((_, response) => response.writeHead(403).end('cluster-name: internal-secret'))
    const registry = await listening((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      else response.writeHead(302, { location: `http://${inside.host}/_cat/indices` }).end()
    })
    const failure = await failureOf(registry)
    expect(inside.asked.map(({ headers }) => headers.authorization)).toEqual([undefined])
    expect(JSON.stringify(failure)).not.toContain('internal-secret')
    expect(failure).toHaveProperty('evidence', [`${inside.host} answered HTTP 403`])
  })

  it.each(['https://evil.example.org/blob', 'http://169.254.169.254/latest/meta-data'])(
    'is not followed to %s',
    async (location) => {
      const registry = await listening((_, response) => response.writeHead(307, { location }).end())
      expect(await failureOf(registry)).toMatchObject({ code: 'image_host_refused' })
    },
  )

  it('is not followed in circles', async () => {
    const registry = await listening((_, response) => response.writeHead(302, { location: '/v2/' }).end())
    expect(await failureOf(registry)).toMatchObject({
      message: expect.stringContaining('more than 5 redirects') as string,
    })
    expect(registry.asked).toHaveLength(6)
  })
})
