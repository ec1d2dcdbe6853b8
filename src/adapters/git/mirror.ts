import { resolve } from 'node:path'
import type { Sensitive } from '../../sensitive.ts'
import { fetchChanges, fetchTag, needCommit, type Origin, tagsOfOrigin } from './fetch.ts'
import { keepSettings } from './settings.ts'
import { git, type GitAnswer, type GitRequest, type GitStreams } from './git.ts'

export interface Mirror {
  /** Brings branches and tags to what the origin has now. */
  fetch(signal: AbortSignal): Promise<void>
  /**
   * Brings one tag to what the origin has now, whatever else there is, and returns the object that it names; undefined when the
   * origin has no such tag.
   */
  fetchTag(name: string, signal: AbortSignal): Promise<string | undefined>
  /** Lists the names of the tags that the origin has now. */
  originTags(signal: AbortSignal): Promise<readonly string[]>
  /** Fetches when the mirror lacks the commit: another worker may have fetched its tag into a mirror of its own. */
  need(commit: string, signal: AbortSignal): Promise<void>
  /** Runs git in the mirror. */
  ask(args: readonly string[], doing: string, signal: AbortSignal, more?: AskedBeside): Promise<GitAnswer>
}

interface AskedBeside extends GitStreams {
  /** Settings for this call alone. */
  readonly settings?: Readonly<Record<string, string>>
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

export function openMirror({ url, mirrorDirectory, login, timeoutMs }: MirrorOptions): Mirror {
  const directory = resolve(mirrorDirectory)
  const request = (args: readonly string[], doing: string, gitDirectory = directory): GitRequest => {
    // The token is read for each call: it may be another one by now.
    const token = login?.token.reveal()
    const proof = token === undefined ? undefined : Buffer.from(`${login?.user}:${token}`).toString('base64')
    const secrets = token === undefined || proof === undefined ? [] : [token, proof]
    return {
      args: [`--git-dir=${gitDirectory}`, ...args],
      cwd: directory,
      doing,
      timeoutMs,
      // The address goes by the environment: it may hold a token, which must not be in argv or on disk.
      config: {
        'remote.origin.url': url,
        ...allowedProtocol(url),
        // The volume may belong to the orchestrator's user; only the process itself may say that this is fine.
        'safe.directory': directory,
        // The header is for this host alone: a redirect elsewhere must not carry the token along.
        ...(proof === undefined
          ? {}
          : { [`http.${new URL(url).origin}/.extraHeader`]: `Authorization: Basic ${proof}` }),
      },
      masked: [url, ...secrets],
    }
  }
  const origin: Origin = { directory, timeoutMs, request }
  /** Nothing is asked of the mirror before its settings are known to be ours. */
  const after = async <T>(act: () => Promise<T>): Promise<T> => {
    await keepSettings(directory)
    return act()
  }
  return {
    fetch: (signal) => after(() => fetchChanges(origin, signal)),
    fetchTag: (name, signal) => after(() => fetchTag(origin, name, signal)),
    originTags: (signal) => after(() => tagsOfOrigin(origin, signal)),
    need: (commit, signal) => after(() => needCommit(origin, commit, signal)),
    ask: (args, doing, signal, more) =>
      after(() => {
        if (more === undefined) return git(request(args, doing), signal)
        const { settings = {}, ...streams } = more
        const made = request(args, doing)
        return git({ ...made, config: { ...made.config, ...settings }, streams }, signal)
      }),
  }
}

/** The one protocol that reaches the origin. An address without a scheme is a path, or `user@host:path` for ssh. */
function allowedProtocol(url: string): Readonly<Record<string, string>> {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url) ?? []
  const protocol = scheme?.toLowerCase() ?? (/^[^/]*:/.test(url) ? 'ssh' : 'file')
  // Others are programs that git starts, as `ext` does.
  return ['https', 'http', 'ssh', 'git', 'file'].includes(protocol) ? { [`protocol.${protocol}.allow`]: 'always' } : {}
}
