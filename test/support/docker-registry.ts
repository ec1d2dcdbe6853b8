import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'

export const dockerRegistryIsHere = spawnSync('docker-registry', ['--version']).status === 0

export interface DockerRegistry {
  /** `127.0.0.1:port` */
  readonly host: string
  close(): Promise<void>
}

/** Distribution's own server on a free port, empty. */
export async function startDockerRegistry(): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-docker-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const storage = `storage: {filesystem: {rootdirectory: ${join(folder, 'data')}}}`
  const config = join(folder, 'config.yml')
  await writeFile(config, `version: 0.1\nlog: {level: error}\n${storage}\nhttp: {addr: "${host}"}\n`)
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  const ended = once(server, 'exit')
  await vi.waitFor(async () => fetch(`http://${host}/v2/`), { timeout: 20_000 })
  return {
    host,
    close: async () => {
      server.kill()
      await ended
      await rm(folder, { recursive: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
