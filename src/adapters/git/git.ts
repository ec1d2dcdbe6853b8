import type { Readable, Writable } from 'node:stream'
import { LastWords } from '../../outside-text/excerpt.ts'
import { runChild } from '../process/child.ts'
import { CommandError } from '../process/errors.ts'
import { RepositoryError } from './errors.ts'

export interface GitRequest {
  readonly args: readonly string[]
  readonly cwd: string
  readonly doing: string
  readonly timeoutMs: number
  /** The settings that must not be seen in argv or stay on disk (an address may hold a token). */
  readonly config?: Readonly<Record<string, string>>
  /** The strings to keep out of errors. */
  readonly masked?: readonly string[]
  readonly streams?: GitStreams
}

export interface GitStreams {
  readonly stdin?: Readable
  /** Gets the output, however much it is, instead of the answer's `stdout`, which stays empty. It is not ended. */
  readonly stdoutTo: Writable
}

export interface GitAnswer {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: string
}

const largestAnswer = 64 * 1024 * 1024

/**
 * The settings by which nothing in a repository or on the machine can run programs, lead git elsewhere or ask a person
 * for a password. They come by the environment, which outranks every file.
 */
const safeguards: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.attributesFile': '/dev/null',
  'gc.autoDetach': 'false',
  // The mirror allows the one protocol of its origin; whatever else an address or a redirect may name is refused.
  'protocol.allow': 'never',
  'advice.detachedHead': 'false',
  'submodule.recurse': 'false',
  'fetch.recurseSubmodules': 'false',
  // Modes in an archive as a checkout would have them, whatever the umask.
  'tar.umask': '0022',
}

/** The variables that people set for git to reach a private repository. */
const passedOn = ['SSH_AUTH_SOCK', 'GIT_SSL_CAINFO', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'] as const

export async function git(request: GitRequest, signal: AbortSignal): Promise<GitAnswer> {
  const chunks: Buffer[] = []
  let size = 0
  const stderr = new LastWords(8_192)
  const onStdout = (chunk: Buffer): void => {
    size += chunk.length
    if (size <= largestAnswer) chunks.push(chunk)
  }
  const { cwd, timeoutMs, streams } = request
  const env = environment(request.config)
  try {
    const outcome = await runChild(
      { argv: ['git', ...request.args], cwd, env, timeoutMs, onStdout, onStderr: stderr.push, ...streams },
      signal,
    )
    if (size > largestAnswer) {
      throw new RepositoryError('file_too_large', `${request.doing}: more than ${largestAnswer} bytes`)
    }
    return { exitCode: outcome.exitCode, stdout: Buffer.concat(chunks), stderr: stderr.text() }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const transient = error.code === 'command_timed_out'
    const hint = error.code === 'command_not_found' ? 'Install git: apt-get install git.' : error.hint
    const facts = { evidence: lines(stderr.text(), request.masked), transient, cause: error }
    throw new RepositoryError(
      error.code,
      `${request.doing}: ${error.message}`,
      hint === undefined ? facts : { ...facts, hint },
    )
  }
}

/** Runs git and returns what it printed; a failure of git is an error. */
export async function gitText(request: GitRequest, signal: AbortSignal): Promise<string> {
  const answer = await git(request, signal)
  if (answer.exitCode !== 0) throw gitFailed(request, answer)
  return answer.stdout.toString()
}

export function gitFailed(
  { doing, masked }: Pick<GitRequest, 'doing' | 'masked'>,
  { exitCode, stderr }: GitAnswer,
): RepositoryError {
  const evidence = lines(stderr, masked)
  return new RepositoryError('git_failed', `${doing}: git exited ${exitCode}`, { evidence })
}

export function lines(stderr: string, masked: readonly string[] = []): readonly string[] {
  const shown = masked.reduce((text, secret) => text.replaceAll(secret, '[address]'), stderr)
  // Git itself hides passwords in most of its messages, not in all.
  const clean = shown.replaceAll(/\/\/[^/\s@']+@/g, '//[secret]@')
  return clean
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-20)
}

function environment(config: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_SSH_COMMAND: process.env['GIT_SSH_COMMAND'] ?? 'ssh -oBatchMode=yes -oConnectTimeout=10',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    // Neither the machine's configuration nor a person's: what git does must be known from here alone.
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    LC_ALL: 'C',
  }
  for (const name of passedOn) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  const settings = Object.entries({ ...safeguards, ...config })
  env['GIT_CONFIG_COUNT'] = String(settings.length)
  for (const [index, [name, value]] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = name
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return env
}
