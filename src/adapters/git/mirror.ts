import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../sensitive.ts'
import { RepositoryError } from './errors.ts'
import { git, type GitAnswer, type GitRequest, gitText, lines } from './git.ts'

export interface Mirror {
  readonly directory: string
  /** Brings branches and tags to what the origin has now. */
  fetch(signal: AbortSignal): Promise<void>
  /** Runs git in the mirror. */
  ask(args: readonly string[], doing: string, signal: AbortSignal): Promise<GitAnswer>
}

export interface RepositoryLogin {
  readonly user: string
  readonly token: Sensitive
}

interface MirrorOptions {
  readonly url: string
  readonly mirrorDirectory: string
  readonly login?: RepositoryLogin
  readonly timeoutMs: number
}

/** Other workers on this machine may fetch into the same mirror: git's own locks then refuse one of them for a moment. */
const lockTries = 6

export function openMirror({ url, mirrorDirectory, login, timeoutMs }: MirrorOptions): Mirror {
  const directory = resolve(mirrorDirectory)
  const proof = login && Buffer.from(`${login.user}:${login.token.reveal()}`).toString('base64')
  const secrets = login === undefined || proof === undefined ? [] : [login.token.reveal(), proof]
  const request = (args: readonly string[], doing: string): GitRequest => ({
    args: [`--git-dir=${directory}`, ...args],
    cwd: directory,
    doing,
    timeoutMs,
    // By environment: the address may hold a token, which must not stand in argv or on disk.
    config: {
      'remote.origin.url': url,
      // For this host alone: a redirect elsewhere must not carry the token along.
      ...(proof === undefined ? {} : { [`http.${new URL(url).origin}/.extraHeader`]: `Authorization: Basic ${proof}` }),
    },
    masked: [url, ...secrets],
  })

  async function fetchOnce(signal: AbortSignal): Promise<void> {
    const doing = 'fetching the repository'
    if (!(await stat(join(directory, 'HEAD')).catch(() => undefined))) await begin(directory, timeoutMs, signal)
    const refs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']
    const fetching = request(
      ['fetch', '--quiet', '--prune', '--no-tags', '--no-write-fetch-head', 'origin', ...refs],
      doing,
    )
    for (let attempt = 1; ; attempt += 1) {
      const answer = await git(fetching, signal)
      if (answer.exitCode === 0) return
      const locked = /cannot lock ref|\.lock': File exists|unable to create .*lock/i.test(answer.stderr)
      if (!locked || attempt >= lockTries) throw fetchFailed(fetching, answer)
      await sleep(50 * 2 ** attempt, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }

  return {
    directory,
    fetch: fetchOnce,
    ask: (args, doing, signal) => git(request(args, doing), signal),
  }
}

/** Makes the empty mirror aside and moves it into place: two workers may begin at once. */
async function begin(directory: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const aside = `${directory}.${randomBytes(4).toString('hex')}.partial`
  await mkdir(dirname(directory), { recursive: true })
  const args = ['init', '--quiet', '--bare', '--template=', '--', aside]
  await gitText({ args, cwd: dirname(directory), doing: 'making the mirror of the repository', timeoutMs }, signal)
  await rename(aside, directory).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true })
    if (!(await stat(join(directory, 'HEAD')).catch(() => undefined))) throw error
  })
}

function fetchFailed({ doing, masked }: GitRequest, { stderr }: GitAnswer): RepositoryError {
  const evidence = lines(stderr, masked)
  if (/Authentication failed|Permission denied|could not read Username|403/.test(stderr)) {
    const hint = 'Check the login of the repository (service.repositoryTokenEnv) and that it may read it.'
    return new RepositoryError('repository_denied', `${doing}: access is denied`, { hint, evidence })
  }
  if (/does not appear to be a git repository|Repository not found|does not exist|not found/i.test(stderr)) {
    const hint = 'Check the repository’s address in the configuration.'
    return new RepositoryError('repository_missing', `${doing}: there is no such repository`, { hint, evidence })
  }
  const hint = 'Check that the repository can be reached from here; try again.'
  return new RepositoryError('repository_unreachable', `${doing}: it cannot be reached`, {
    hint,
    evidence,
    transient: true,
  })
}
