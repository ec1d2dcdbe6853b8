import type { PurserError } from '../../../errors.ts'
import { learned } from '../../../outside-text/known-secrets.ts'
import { ImageError } from '../errors.ts'
import { askHelper } from './credential-helper.ts'
import {
  type DockerConfig,
  dockerConfigPath,
  helperFor,
  loginFor,
  type Place,
  readDockerConfig,
  type StoredLogin,
} from './docker-config.ts'
import type { RegistryCredentials } from './registry-credentials.ts'

/** What is known of a login: one, or none, and why there is none where one should be. */
export interface FoundLogin {
  readonly credentials: RegistryCredentials | undefined
  /** What kept a helper from telling. It matters only if the registry refuses whoever has no login. */
  readonly trouble?: PurserError
}

/** Finds logins. `anew` asks whatever remembers: the registry has refused what it said before. */
export type CredentialsOf = (place: Place, signal: AbortSignal, anew?: boolean) => Promise<FoundLogin>

/** The protocol of helpers tells no expiry. The shortest-lived tokens that they hand out last for an hour. */
const rememberedMs = 10 * 60_000

interface DockerCredentialsOptions {
  /** The path of `config.json`; Docker's own by default. */
  readonly path?: string
  readonly now?: () => number
  /** A helper asks a cloud or a keychain; Docker itself waits for ever. */
  readonly helperTimeoutMs?: number
}

/**
 * Finds logins where Docker does: with the credential helper of the registry, or the one for all, else in `config.json`. The file
 * is read for each question; a helper's answer is remembered for ten minutes, or until the registry refuses it.
 */
export function dockerCredentials(options: DockerCredentialsOptions = {}): CredentialsOf {
  const { path = dockerConfigPath(), now = Date.now, helperTimeoutMs = 15_000 } = options
  const remembered = new Map<
    string,
    { readonly until: number; readonly credentials: RegistryCredentials | undefined }
  >()
  return async (place, signal, anew = false) => {
    const config = await readDockerConfig(path)
    learnLogins(config)
    const login = loginFor(config, place)
    const stored = login && credentialsIn(login)
    const wanted = helperFor(config, place)
    if (wanted === undefined) return { credentials: stored }
    const { helper, server } = wanted
    const key = `${helper} ${server}`
    const known = remembered.get(key)
    if (known !== undefined && known.until > now() && !anew) return { credentials: known.credentials ?? stored }
    try {
      const credentials = await askHelper(helper, server, helperTimeoutMs, signal)
      remembered.set(key, { until: now() + rememberedMs, credentials })
      return { credentials: credentials ?? stored }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      return { credentials: stored, trouble: error }
    }
  }
}

/** Every login of the file is a secret, also of registries that are never asked. */
function learnLogins({ auths }: DockerConfig): void {
  for (const login of Object.values(auths ?? {})) {
    if (login === null || login === undefined) continue
    credentialsIn(login)
    for (const secret of [login.auth, login.identitytoken, login.registrytoken]) if (secret) learned(secret)
  }
}

function credentialsIn({
  auth,
  username,
  password,
  identitytoken,
  registrytoken,
}: StoredLogin): RegistryCredentials | undefined {
  if (registrytoken) return { kind: 'registry token', token: learned(registrytoken) }
  if (identitytoken) return { kind: 'identity token', token: learned(identitytoken) }
  if (username && password) return { kind: 'password', user: username, password: learned(password) }
  if (!auth) return undefined
  const pair = Buffer.from(auth, 'base64').toString()
  const colon = pair.indexOf(':')
  if (colon < 0) return undefined
  // Docker fills what it encodes up with zeros.
  const secret = pair.slice(colon + 1).replace(/\0+$/, '')
  return { kind: 'password', user: pair.slice(0, colon), password: learned(secret) }
}
