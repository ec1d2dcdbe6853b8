import { startRegistry } from '../../sandbox/registry/server.ts'
import { dockerRegistryIsHere, pushTo, startDockerRegistry } from '../support/docker-registry.ts'
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
  const digest = await pushTo(host, { repository: 'valuecanvas/api', tag: 'v1.2.0', revision: 'd4e5f6a' })
  return { repository: `${host}/valuecanvas/api`, tag: 'v1.2.0', digest, close }
}
