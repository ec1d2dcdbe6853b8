import { buildImage } from '../../sandbox/registry/images.ts'
import { startRegistry } from '../../sandbox/registry/server.ts'
import { dockerRegistryIsHere, startDockerRegistry } from '../support/docker-registry.ts'
import { registryContract } from './registry.ts'

/** `127.0.0.1:5000/team/image:tag`, an image that exists in a registry readable without credentials. */
const { TEST_REGISTRY: reference } = process.env

if (reference) {
  const colon = reference.lastIndexOf(':')
  const subject = {
    repository: reference.slice(0, colon),
    tag: reference.slice(colon + 1),
    close: async () => undefined,
  }
  registryContract(reference, async () => subject)
} else {
  registryContract('the sandbox', async () => {
    const simulator = await startRegistry({
      images: [{ repository: 'valuecanvas/api', tag: 'v1.2.0', revision: 'd4e5f6a' }],
    })
    const digest = simulator.digestOf('valuecanvas/api', 'v1.2.0')
    return { repository: `${simulator.host}/valuecanvas/api`, tag: 'v1.2.0', digest, close: () => simulator.close() }
  })
}

if (dockerRegistryIsHere) registryContract('docker-registry', onDockerRegistry)

/** One multi-platform image pushed to it. */
async function onDockerRegistry() {
  const { host, close } = await startDockerRegistry()
  const digest = await push(`http://${host}/v2/valuecanvas/api`, 'v1.2.0')
  return { repository: `${host}/valuecanvas/api`, tag: 'v1.2.0', digest, close }
}

async function push(at: string, tag: string): Promise<string> {
  const image = buildImage({ repository: 'valuecanvas/api', tag, revision: 'd4e5f6a' })
  const put = async (url: string | URL, type: string, body: Buffer) => {
    const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body: new Uint8Array(body) })
    if (!answer.ok) throw new Error(`pushing to ${String(url)}: HTTP ${answer.status} ${await answer.text()}`)
  }
  for (const [digest, { bytes }] of image.blobs) {
    const upload = await fetch(`${at}/blobs/uploads/`, { method: 'POST' })
    const location = new URL(upload.headers.get('location') ?? '', at)
    location.searchParams.set('digest', digest)
    await put(location, 'application/octet-stream', bytes)
  }
  // Parts before the whole: a registry refuses an index of manifests that it does not know.
  const parts = [...image.manifests].filter(([digest]) => digest !== image.digest)
  for (const [digest, { mediaType, bytes }] of parts) await put(`${at}/manifests/${digest}`, mediaType, bytes)
  const whole = image.manifests.get(image.digest)!
  await put(`${at}/manifests/${tag}`, whole.mediaType, whole.bytes)
  return image.digest
}
