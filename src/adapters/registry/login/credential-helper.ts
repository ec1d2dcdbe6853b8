import { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import { z } from 'zod'
import { PurserError } from '../../../errors.ts'
import { excerpt, LastWords } from '../../../outside-text/excerpt.ts'
import { knownSecrets } from '../../../outside-text/known-secrets.ts'
import { Sensitive } from '../../../sensitive.ts'
import { oneLine } from '../../../text.ts'
import { runChild } from '../../process/child.ts'
import { ImageError } from '../errors.ts'
import type { RegistryCredentials } from './registry-credentials.ts'

/** No login is that long. */
const mostCharacters = 256 * 1024

/** What helpers of clouds are told by their environment, as Docker's are: addresses, names and paths, and never Purser's own variables. */
const passedOn = (
  'HTTPS_PROXY https_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy SSL_CERT_FILE DOCKER_CONFIG AWS_REGION ' +
  'AWS_DEFAULT_REGION AWS_PROFILE AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME ' +
  'AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ' +
  'GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_CONFIG AZURE_CLIENT_ID AZURE_TENANT_ID AZURE_FEDERATED_TOKEN_FILE ' +
  'AZURE_AUTHORITY_HOST'
).split(' ')

const answerSchema = z.looseObject({ Username: z.string(), Secret: z.string() })
/** What helpers print when they have none; their exit code is that of any failure. */
const hasNone = /credentials not found in native keychain|no credentials|credentials not found/i

/**
 * Asks a credential helper as Docker does: `docker-credential-NAME get`, the server's name on standard input, JSON on standard output.
 * Returns undefined when it has no login. Raises ImageError (`credential_helper_failed`), which never quotes its output but an error.
 * See https://docs.docker.com/reference/cli/docker/login/#credential-helpers.
 */
export async function askHelper(
  helper: string,
  server: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${helper}`
  const doing = `asking ${oneLine(program)} for the login of ${server}`
  // The name becomes a program's: nothing that leads to another directory.
  if (!/^[\w.-]{1,100}$/.test(helper))
    throw failed(
      `${doing}: this isn't the name of a credential helper`,
      'correct credsStore or credHelpers in config.json',
    )
  let stdout = ''
  const stderr = new LastWords(2_048)
  const env = Object.fromEntries(
    passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ) as Record<string, string>
  let exitCode: number
  try {
    ;({ exitCode } = await runChild(
      {
        argv: [program, 'get'],
        cwd: tmpdir(),
        env,
        timeoutMs,
        stdin: Readable.from([`${server}\n`]),
        onStdout: (chunk) => void (stdout = (stdout + chunk.toString()).slice(0, mostCharacters)),
        onStderr: stderr.push,
      },
      signal,
    ))
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    const hint = `install ${program} where Purser runs, or let docker login write the login into config.json`
    throw failed(`${doing}: ${error.message}`, hint)
  }
  if (exitCode === 0) return credentialsIn(stdout, doing, `${program} for ${server}`)
  // Helpers print their errors on standard output, where a login stands otherwise.
  if (hasNone.test(stdout) || hasNone.test(stderr.text())) return undefined
  const words = excerpt(oneLine(stderr.text().trim() === '' ? stdout : stderr.text()), 300)
  throw failed(`${doing}: it exited with ${exitCode}`, 'try it by hand where Purser runs', words === '' ? [] : [words])
}

function credentialsIn(stdout: string, doing: string, source: string): RegistryCredentials {
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    answer = undefined
  }
  const read = answerSchema.safeParse(answer)
  if (!read.success) throw failed(`${doing}: it printed no login`, 'try it by hand where Purser runs')
  const user = read.data.Username
  const secret = new Sensitive(read.data.Secret)
  knownSecrets.learnRenewed(source, secret)
  return user === '<token>' ? { kind: 'identity token', token: secret } : { kind: 'password', user, password: secret }
}

function failed(message: string, hint: string, evidence: readonly string[] = []): ImageError {
  return new ImageError('credential_helper_failed', message, { hint, evidence })
}
