import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { buildImage, type SimulatedImage } from '../../sandbox/registry/images.ts'

export const dockerRegistryIsHere = spawnSync('docker-registry', ['--version']).status === 0

export interface DockerRegistry {
  /** `127.0.0.1:port` */
  readonly host: string
  close(): Promise<void>
}

/** The one login of a registry that wants one, and its hash by bcrypt. */
export const registryLogin = { user: 'purser', password: 'pull-only-please' } as const
const htpasswd = '$2a$05$abcdefghijklmnopqrstuuAkjIPKgSQfksT6dqN4pAvqDsnp/y0ya'

/** Distribution's own server on a free port, empty. */
export async function startDockerRegistry({ login = false } = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-docker-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const storage = `storage: {filesystem: {rootdirectory: ${join(folder, 'data')}}}`
  const config = join(folder, 'config.yml')
  const users = join(folder, 'users')
  await writeFile(users, `${registryLogin.user}:${htpasswd}\n`)
  const auth = login ? `auth: {htpasswd: {realm: purser, path: "${users}"}}\n` : ''
  await writeFile(config, `version: 0.1\nlog: {level: error}\n${storage}\n${auth}http: {addr: "${host}"}\n`)
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

/** Pushes an image as container engines do; its digest. */
export async function pushTo(
  host: string,
  wanted: SimulatedImage,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const at = `http://${host}/v2/${wanted.repository}`
  const image = buildImage(wanted)
  const put = async (url: string | URL, type: string, body: Buffer) => {
    const answer = await fetch(url, {
      method: 'PUT',
      headers: { ...headers, 'content-type': type },
      body: new Uint8Array(body),
    })
    if (!answer.ok) throw new Error(`pushing to ${String(url)}: HTTP ${answer.status} ${await answer.text()}`)
  }
  for (const [digest, { bytes }] of image.blobs) {
    const upload = await fetch(`${at}/blobs/uploads/`, { method: 'POST', headers })
    const location = new URL(upload.headers.get('location') ?? '', at)
    location.searchParams.set('digest', digest)
    await put(location, 'application/octet-stream', bytes)
  }
  // Parts before the whole: a registry refuses an index of manifests that it does not know.
  const parts = [...image.manifests].filter(([digest]) => digest !== image.digest)
  for (const [digest, { mediaType, bytes }] of parts) await put(`${at}/manifests/${digest}`, mediaType, bytes)
  const whole = image.manifests.get(image.digest)!
  await put(`${at}/manifests/${wanted.tag}`, whole.mediaType, whole.bytes)
  return image.digest
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
