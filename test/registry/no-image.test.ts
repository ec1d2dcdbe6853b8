import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openRegistry } from '../../src/adapters/registry/client.ts'

const signal = AbortSignal.timeout(30_000)
const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** A registry that answers the tag `v1` with this, and digests with whatever has them. */
async function registryOf(top: unknown, blobs: readonly unknown[] = []): Promise<string> {
  const text = typeof top === 'string' ? top : JSON.stringify(top)
  const parts = new Map([top, ...blobs].map((part) => JSON.stringify(part)).map((part) => [digestOf(part), part]))
  const server = createServer((request, response) => {
    const name = request.url?.split('/').at(-1) ?? ''
    const body = name === 'v1' ? text : parts.get(name)
    response.writeHead(body === undefined && request.url !== '/v2/' ? 404 : 200).end(body ?? '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  return `127.0.0.1:${(server.address() as AddressInfo).port}/valuecanvas/api`
}

const ociConfig = 'application/vnd.oci.image.config.v1+json'
const config = { os: 'linux', architecture: 'amd64', config: {} }
const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('x'), size: 1 }]
const descriptor = (part: unknown, mediaType: string) => ({
  mediaType,
  digest: digestOf(JSON.stringify(part)),
  size: 1,
})
const manifestWith = (mediaType: string, more: object = {}) => ({
  schemaVersion: 2,
  config: descriptor(config, mediaType),
  layers,
  ...more,
})
const indexOf = (...manifests: readonly object[]) => ({ schemaVersion: 2, manifests })
const image = manifestWith(ociConfig)
const chart = manifestWith('application/vnd.cncf.helm.config.v1+json')
const platform = { os: 'linux', architecture: 'amd64' }
const attested = { ...descriptor(image, 'x'), platform: { os: 'unknown', architecture: 'unknown' } }

describe('what a registry serves under a tag', () => {
  it.each<[string, unknown, readonly unknown[]]>([
    ['an image', image, [config]],
    ['an image as Docker pushes it', manifestWith('application/vnd.docker.container.image.v1+json'), [config]],
    ['an index', indexOf({ ...descriptor(image, 'x'), platform }), [image, config]],
    ['an index with attestations', indexOf({ ...descriptor(image, 'x'), platform }, attested), [image, config]],
  ])('is deployed when it is %s', async (_, top, blobs) => {
    const name = await registryOf(top, blobs)
    expect(await openRegistry().resolve(name, 'v1', signal)).toMatchObject({
      digest: digestOf(JSON.stringify(top)),
      platforms: ['linux/amd64'],
    })
  })

  it.each<[string, unknown, string, RegExp]>([
    ['a word that all is well', { status: 'ok' }, 'image_registry_trouble', /the answer is not a manifest/],
    ['an empty object', {}, 'image_registry_trouble', /not a manifest/],
    ['nothing', null, 'image_registry_trouble', /not a manifest/],
    ['a list', [], 'image_registry_trouble', /not a manifest/],
    ['a page', '<html>sign in</html>', 'image_registry_trouble', /not a manifest/],
    [
      'an error with the status 200',
      { errors: [{ code: 'UNAUTHORIZED' }] },
      'image_registry_trouble',
      /not a manifest/,
    ],
    [
      'a manifest without layers',
      { schemaVersion: 2, config: descriptor(config, ociConfig) },
      'image_registry_trouble',
      /not a/,
    ],
    ['a manifest without a config', { schemaVersion: 2, layers }, 'image_registry_trouble', /not a manifest/],
    ['an index whose entries are none', indexOf({}), 'image_registry_trouble', /not a manifest/],
    ['an empty index', indexOf(), 'image_not_runnable', /isn't an image but an index without an image in it/],
    ['an index of attestations only', indexOf(attested), 'image_not_runnable', /an index without an image in it/],
    ['a Helm chart', chart, 'image_not_runnable', /isn't an image but a Helm chart/],
    ['an index with a chart', indexOf({ ...descriptor(chart, 'x'), platform }), 'image_not_runnable', /a Helm chart/],
    [
      'another artifact',
      manifestWith('application/vnd.oci.empty.v1+json', { artifactType: 'application/vnd.cyclonedx+json' }),
      'image_not_runnable',
      /an artifact of the type application\/vnd\.cyclonedx\+json/,
    ],
    ['a plugin', manifestWith('application/vnd.docker.plugin.v1+json'), 'image_not_runnable', /docker\.plugin/],
    [
      'a manifest of schema 1',
      { schemaVersion: 1, name: 'valuecanvas/api', tag: 'v1', fsLayers: [{ blobSum: digestOf('x') }], history: [] },
      'image_not_runnable',
      /schema 1/,
    ],
  ])('is refused when it is %s', async (_, top, code, message) => {
    const name = await registryOf(top, [chart, image, config])
    await expect(openRegistry({ retryDelayMs: 1 }).resolve(name, 'v1', signal)).rejects.toMatchObject({
      code,
      transient: false,
      message: expect.stringMatching(message),
    })
  })
})
