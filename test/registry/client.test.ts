import { afterEach, describe, expect, it } from 'vitest'
import { type RegistrySimulator, type RegistrySimulatorOptions, startRegistry } from '../../sandbox/registry/server.ts'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import type { CredentialsOf } from '../../src/adapters/registry/login/credentials.ts'
import { parseRepository } from '../../src/adapters/registry/reference.ts'
import { Sensitive } from '../../src/sensitive.ts'

const signal = AbortSignal.timeout(30_000)
const open: RegistrySimulator[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()))
})

const commit = 'd4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3'
const api = { repository: 'valuecanvas/api', tag: 'v1.2.0', revision: commit }

async function registryWith(options: Partial<RegistrySimulatorOptions> = {}): Promise<RegistrySimulator> {
  const registry = await startRegistry({ images: [api], ...options })
  open.push(registry)
  return registry
}

const nameIn = (registry: RegistrySimulator) => `${registry.host}/valuecanvas/api`
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('resolving a tag', () => {
  it('pins the index, names its platforms without attestations, and reads the commit', async () => {
    const registry = await registryWith()
    const image = await openRegistry().resolve(nameIn(registry), 'v1.2.0', signal)
    expect(image).toEqual({
      digest: registry.digestOf('valuecanvas/api', 'v1.2.0'),
      platforms: ['linux/amd64', 'linux/arm64'],
      revision: commit,
    })
  })

  it('understands an image of one platform and without a commit', async () => {
    const registry = await registryWith({
      images: [{ repository: 'valuecanvas/api', tag: 'v1', platforms: ['linux/arm/v7'], shape: 'manifest' }],
    })
    const image = await openRegistry().resolve(nameIn(registry), 'v1', signal)
    expect(image).toMatchObject({ platforms: ['linux/arm/v7'], revision: undefined })
  })

  it('shows that somebody moved the tag, while the old image stays reachable by its digest', async () => {
    const registry = await registryWith()
    const images = openRegistry()
    const planned = await images.resolve(nameIn(registry), 'v1.2.0', signal)
    registry.move('valuecanvas/api', 'v1.2.0', 'abad1deaabad1deaabad1deaabad1deaabad1dea')
    const now = await images.resolve(nameIn(registry), 'v1.2.0', signal)
    expect(now.digest).not.toBe(planned.digest)
    expect(now.revision).toBe('abad1deaabad1deaabad1deaabad1deaabad1dea')
    expect(await images.resolve(nameIn(registry), planned.digest, signal)).toEqual(planned)
  })

  it('gives the nearest tags when the version was mistyped', async () => {
    const tags = ['latest', 'v1.1.0', 'v1.2.0', 'v1.3.0-crash', 'nightly', 'edge', 'v0.9.0']
    const registry = await registryWith({ images: tags.map((tag) => ({ repository: 'valuecanvas/api', tag })) })
    const error = await failureOf(openRegistry().resolve(nameIn(registry), 'v1.2.1', signal))
    expect(error).toMatchObject({
      code: 'image_not_found',
      transient: false,
      evidence: ['MANIFEST_UNKNOWN: manifest unknown'],
    })
    expect(error).toHaveProperty('hint', expect.stringMatching(/nearest tags of .* are v1\.2\.0, v1\.1\.0, v0\.9\.0/))
  })

  it('refuses bytes that do not match their digest', async () => {
    const registry = await registryWith()
    registry.setFault({ does: 'corrupt' })
    const error = await failureOf(openRegistry().resolve(nameIn(registry), 'v1.2.0', signal))
    expect(error).toMatchObject({ code: 'image_digest_mismatch', transient: false })
  })

  it('uses the mirror that stands for Docker Hub', async () => {
    const registry = await registryWith()
    const images = openRegistry({ mirrors: { 'docker.io': registry.host } })
    expect((await images.resolve('valuecanvas/api', 'v1.2.0', signal)).revision).toBe(commit)
  })

  it.each(['valuecanvas/API', 'valuecanvas/api:v1', '../etc', 'valuecanvas/api?x=1', ''])(
    'does not take %j for a repository',
    async (name) => {
      expect(await failureOf(openRegistry().resolve(name, 'v1', signal))).toMatchObject({
        code: 'image_name_malformed',
      })
    },
  )

  it.each(['v1 0', '../../secrets', '', 'sha256:12'])('does not take %j for a tag', async (tag) => {
    expect(await failureOf(openRegistry().resolve('valuecanvas/api', tag, signal))).toMatchObject({
      code: 'image_name_malformed',
    })
  })
})

describe('where an image name leads', () => {
  it.each([
    { name: 'nginx', registry: 'docker.io', at: 'https://registry-1.docker.io', path: 'library/nginx' },
    { name: 'valuecanvas/api', registry: 'docker.io', at: 'https://registry-1.docker.io', path: 'valuecanvas/api' },
    {
      name: 'docker.io/valuecanvas/api',
      registry: 'docker.io',
      at: 'https://registry-1.docker.io',
      path: 'valuecanvas/api',
    },
    { name: 'ghcr.io/acme/team/api', registry: 'ghcr.io', at: 'https://ghcr.io', path: 'acme/team/api' },
    {
      name: 'registry.internal:5000/api',
      registry: 'registry.internal:5000',
      at: 'https://registry.internal:5000',
      path: 'api',
    },
    {
      name: '127.0.0.1:5000/valuecanvas/api',
      registry: '127.0.0.1:5000',
      at: 'http://127.0.0.1:5000',
      path: 'valuecanvas/api',
    },
    { name: 'localhost/api', registry: 'localhost', at: 'http://localhost', path: 'api' },
  ])('$name → $at/v2/$path', ({ name, registry, at, path }) => {
    expect(parseRepository(name, { insecureLoopback: true, mirrors: {} })).toEqual({ registry, origin: at, path })
  })

  it('is https on this machine, too, when asked', () => {
    expect(parseRepository('localhost:5000/api', { insecureLoopback: false, mirrors: {} }).origin).toBe(
      'https://localhost:5000',
    )
  })
})

describe('a registry that wants to know who we are', () => {
  const auth = { user: 'purser', password: 'pull-only-please' }
  const withPassword =
    (password: string): CredentialsOf =>
    async () => ({ credentials: { kind: 'password', user: auth.user, password: new Sensitive(password) } })
  const credentials = withPassword(auth.password)

  it.each(['bearer', 'basic'] as const)('is satisfied by credentials (%s)', async (scheme) => {
    const registry = await registryWith({ auth: { ...auth, scheme } })
    expect((await openRegistry({ credentials }).resolve(nameIn(registry), 'v1.2.0', signal)).revision).toBe(commit)
  })

  it.each(['bearer', 'basic'] as const)('refuses strangers and wrong passwords (%s)', async (scheme) => {
    const registry = await registryWith({ auth: { ...auth, scheme } })
    const stranger = await failureOf(openRegistry().resolve(nameIn(registry), 'v1.2.0', signal))
    expect(stranger).toMatchObject({
      code: 'image_access_denied',
      transient: false,
      hint: expect.stringContaining('docker login'),
    })
    const wrong = openRegistry({ credentials: withPassword('not-the-password') })
    const refused = await failureOf(wrong.resolve(nameIn(registry), 'v1.2.0', signal))
    expect(refused).toMatchObject({ code: 'image_access_denied' })
    expect(JSON.stringify(refused) + String(refused)).not.toContain('not-the-password')
  })
})

describe('a registry in trouble', () => {
  it('is asked again when it was busy for a moment', async () => {
    const registry = await registryWith()
    registry.setFault({ does: 'answer', status: 503, times: 2 })
    expect((await openRegistry({ retryDelayMs: 5 }).resolve(nameIn(registry), 'v1.2.0', signal)).revision).toBe(commit)
  })

  it('is reported as transient when it stays so', async () => {
    const registry = await registryWith()
    registry.setFault({ does: 'answer', status: 429 })
    const error = await failureOf(openRegistry({ retryDelayMs: 5 }).resolve(nameIn(registry), 'v1.2.0', signal))
    expect(error).toMatchObject({ code: 'image_registry_limited', transient: true })
  })

  it('is not waited for longer than the limit, nor after a cancel', async () => {
    const registry = await registryWith()
    registry.setFault({ does: 'hang' })
    const slow = await failureOf(
      openRegistry({ timeoutMs: 50, retryDelayMs: 5 }).resolve(nameIn(registry), 'v1.2.0', signal),
    )
    expect(slow).toMatchObject({ code: 'http_timeout', transient: true })
    const cancel = new AbortController()
    const waiting = openRegistry().resolve(nameIn(registry), 'v1.2.0', cancel.signal)
    cancel.abort(new Error('cancelled by Dana'))
    await expect(waiting).rejects.toThrow('cancelled by Dana')
  })

  it('is told apart from one that is not there at all', async () => {
    const registry = await registryWith()
    await registry.close()
    const error = await failureOf(openRegistry({ retryDelayMs: 5 }).resolve(nameIn(registry), 'v1.2.0', signal))
    expect(error).toMatchObject({
      code: 'http_no_answer',
      transient: true,
      message: expect.stringContaining('connection refused'),
    })
  })
})
