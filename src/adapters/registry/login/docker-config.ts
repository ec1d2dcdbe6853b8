import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { registryName } from '../../../image-name.ts'
import { ImageError } from '../errors.ts'

const text = z.string().nullish()
const loginSchema = z.looseObject({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text,
})
const configSchema = z.looseObject({
  auths: z.record(z.string(), loginSchema.nullish()).nullish(),
  credsStore: text,
  credHelpers: z.record(z.string(), z.string()).nullish(),
})

export type DockerConfig = z.infer<typeof configSchema>
export type StoredLogin = z.infer<typeof loginSchema>

/** The place of a repository in a registry: `docker.io`, `valuecanvas/api`. */
export interface Place {
  readonly registry: string
  readonly path: string
}

export function dockerConfigPath(): string {
  return join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
}

/**
 * Reads what `docker login`, `podman login` or a mounted `kubernetes.io/dockerconfigjson` Secret left. A missing file holds no
 * logins. It is read whenever somebody asks, since tokens in it live for hours and are written anew by others.
 */
export async function readDockerConfig(path: string): Promise<DockerConfig> {
  const doing = `reading registry credentials from ${path}`
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new ImageError('docker_config_unreadable', doing, { cause: error })
  }
  const hint = 'run docker login again'
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch {
    // The error is no cause here: a JSON error quotes the text, and the text holds passwords.
    throw new ImageError('docker_config_unreadable', `${doing}: not JSON`, { hint })
  }
  const read = configSchema.safeParse(json)
  if (read.success) return read.data
  const evidence = read.error.issues.map((issue) => `${issue.path.slice(0, 1).join('.')}: ${issue.message}`)
  throw new ImageError('docker_config_unreadable', `${doing}: not a configuration of docker`, { hint, evidence })
}

/**
 * Finds the login of a repository. podman keeps logins for a part of a registry (`ghcr.io/acme`, `ghcr.io/acme/api`): of those the
 * longest that fits counts, as in containers-auth.json(5).
 */
export function loginFor({ auths }: DockerConfig, { registry, path }: Place): StoredLogin | undefined {
  const fitting = Object.entries(auths ?? {}).flatMap(([key, login]) => {
    const at = placeOf(key)
    const fits = at.registry === registry && (at.path === '' || path === at.path || path.startsWith(`${at.path}/`))
    return fits && login !== null && login !== undefined ? [{ length: at.path.length, login }] : []
  })
  // Of two keys for one place the first counts, but one that holds nothing is only a note of a credential helper.
  const useful = fitting.filter(({ login }) => Object.values(login).some((value) => value !== '' && value !== null))
  return useful.toSorted((a, b) => b.length - a.length)[0]?.login
}

/** Docker writes hosts or URLs, of which only the host counts; podman hosts, with a path behind them. */
function placeOf(key: string): Place {
  const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)?([^/]*)\/?(.*)$/is.exec(key) ?? []
  const registry = registryName(host)
  const bare = rest.replace(/\/+$/, '')
  if (scheme !== '' || /^v[12]$/.test(bare) || bare === '') return { registry, path: '' }
  return { registry, path: bare }
}

/** The helper that keeps the logins of a registry, and the name by which it is asked: as Docker does, its own before the one for all. */
export function helperFor(
  { credHelpers, credsStore }: DockerConfig,
  { registry }: Place,
): { readonly helper: string; readonly server: string } | undefined {
  const own = Object.entries(credHelpers ?? {}).find(([key]) => placeOf(key).registry === registry)
  const [server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry] = own ?? []
  const helper = own?.[1] ?? credsStore
  return helper === undefined || helper === null || helper === '' ? undefined : { helper, server }
}
