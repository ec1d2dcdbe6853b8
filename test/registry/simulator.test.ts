import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RegistrySimulator, startRegistry } from '../../sandbox/registry/server.ts'

const image = { repository: 'valuecanvas/api', tag: 'v1.2.0', revision: 'd4e5f6a' }

describe('the sandbox registry, as docker distribution behaves', () => {
  let registry: RegistrySimulator
  beforeAll(async () => {
    registry = await startRegistry({ images: [image, { ...image, tag: 'v1.1.0' }, { ...image, tag: 'v1.3.0' }] })
  })
  afterAll(() => registry.close())

  const ask = (path: string, accept: string, method = 'GET') =>
    fetch(`${registry.url}/v2/${path}`, { method, headers: { accept } })

  it.each([
    '*/*',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
  ])('hides an existing index from a client that accepts %s', async (accept) => {
    const answer = await ask('valuecanvas/api/manifests/v1.2.0', accept)
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('MANIFEST_UNKNOWN')
  })

  it('serves the bytes of the digest it names, and the same headers to HEAD', async () => {
    const accept = 'application/vnd.oci.image.index.v1+json'
    const got = await ask('valuecanvas/api/manifests/v1.2.0', accept)
    const bytes = Buffer.from(await got.arrayBuffer())
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    expect(got.headers.get('docker-content-digest')).toBe(digest)
    const head = await ask('valuecanvas/api/manifests/v1.2.0', accept, 'HEAD')
    expect(head.headers.get('docker-content-digest')).toBe(digest)
    expect(head.headers.get('content-length')).toBe(String(bytes.length))
  })

  it('gives the same description the same digest in another registry', async () => {
    const other = await startRegistry({ images: [image] })
    expect(other.digestOf('valuecanvas/api', 'v1.2.0')).toBe(registry.digestOf('valuecanvas/api', 'v1.2.0'))
    await other.close()
  })

  it('lists tags in pages', async () => {
    const first = await ask('valuecanvas/api/tags/list?n=2', '*/*')
    expect(await first.json()).toEqual({ name: 'valuecanvas/api', tags: ['v1.1.0', 'v1.2.0'] })
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
    const second = await fetch(new URL(next, registry.url))
    expect(await second.json()).toEqual({ name: 'valuecanvas/api', tags: ['v1.3.0'] })
  })
})
