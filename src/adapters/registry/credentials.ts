import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { ImageError } from './errors.ts'
import { learned } from '../../outside-text/known-secrets.ts'
import type { Sensitive } from '../../sensitive.ts'

export interface RegistryCredentials {
  readonly user: string
  readonly password: Sensitive
}

export type CredentialsOf = (registry: string) => RegistryCredentials | undefined

interface Login {
  readonly auth?: string
  readonly username?: string
  readonly password?: string
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, Login>>
}

const tokens = z.object({ identitytoken: z.string().optional(), registrytoken: z.string().optional() })

/**
 * Reads what `docker login` (or a mounted `kubernetes.io/dockerconfigjson` Secret) left in `config.json`. A missing
 * file holds no credentials. Credential helpers (`credsStore`, `credHelpers`) are programs and are not run.
 */
export function dockerConfigCredentials(path: string = defaultPath()): CredentialsOf {
  let config: DockerConfig | undefined
  return (registry) => {
    config ??= learnedConfig(path)
    const login = Object.entries(config.auths ?? {}).find(([key]) => registryOf(key) === registryOf(registry))?.[1]
    return login && credentialsIn(login)
  }
}

function defaultPath(): string {
  return join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
}

/** Every login of the file is a secret, also of registries that are never asked. */
function learnedConfig(path: string): DockerConfig {
  const config = readConfig(path)
  for (const login of Object.values(config.auths ?? {})) {
    credentialsIn(login)
    if (login.auth !== undefined) learned(login.auth)
    const more = tokens.safeParse(login)
    for (const token of Object.values(more.data ?? {})) if (token !== undefined) learned(token)
  }
  return config
}

function readConfig(path: string): DockerConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new ImageError('docker_config_unreadable', `reading registry credentials from ${path}`, { cause: error })
  }
  try {
    return JSON.parse(text) as DockerConfig
  } catch {
    // The error is no cause here: a JSON error quotes the text, and the text holds passwords.
    throw new ImageError('docker_config_unreadable', `reading registry credentials from ${path}: not JSON`, {
      hint: 'run docker login again',
    })
  }
}

/** Names the registry of a key: Docker Hub is kept as `https://index.docker.io/v1/`, others as host or URL. */
function registryOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? key
  return /^(index\.|registry-1\.)?docker\.io$/.test(host) ? 'docker.io' : host
}

function credentialsIn(login: Login): RegistryCredentials | undefined {
  if (login.username !== undefined && login.password !== undefined)
    return { user: login.username, password: learned(login.password) }
  if (!login.auth) return undefined
  const pair = Buffer.from(login.auth, 'base64').toString()
  const colon = pair.indexOf(':')
  return colon < 0 ? undefined : { user: pair.slice(0, colon), password: learned(pair.slice(colon + 1)) }
}
