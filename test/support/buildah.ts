import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerRegistryIsHere } from './docker-registry.ts'

/** A build tool that needs no daemon, and a registry to push to. */
export const buildToolsAreHere = spawnSync('buildah', ['--version']).status === 0 && dockerRegistryIsHere

if (!buildToolsAreHere)
  process.stderr.write('skipped: building images needs buildah and docker-registry (apt-get install both)\n')
if (!buildToolsAreHere && process.env['CI'] !== undefined)
  throw new Error('CI must have buildah and docker-registry: see .ci/run')

export interface BuildTool {
  /** `service.image.build.run` for a registry at this host; `{…}` is for Purser to fill in. */
  commands(registryHost: string): string[][]
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** buildah with storage of its own, building as it can inside of a container: without mounts and without namespaces. */
export async function buildah(): Promise<BuildTool> {
  const storage = await mkdtemp(join(tmpdir(), 'purser-buildah-'))
  const program = ['buildah', '--root', join(storage, 'root'), '--runroot', join(storage, 'run')]
  return {
    commands: (host) => [
      [...program, 'bud', '--label', 'org.opencontainers.image.revision={commit}', '-t', '{image}', '.'],
      [...program, 'push', '--tls-verify=false', '{image}', `docker://${host}/valuecanvas/api:{version}`],
    ],
    env: { STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot' },
    close: () => rm(storage, { recursive: true, force: true }),
  }
}
