import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { clipped } from '../../outside-text/excerpt.ts'
import { gitFailed } from './git.ts'
import type { Mirror } from './mirror.ts'
import { records } from './records.ts'
import type { Submodule } from './port.ts'

const doing = 'looking for submodules'

/** Lists the submodules of a commit, each with its address as far as `.gitmodules` tells one; what lies in them is not looked at. */
export async function submodulesOf(
  mirror: Mirror,
  commit: string,
  base: string,
  signal: AbortSignal,
): Promise<readonly Submodule[]> {
  const tree = await mirror.ask(['ls-tree', '-r', '-z', commit], doing, signal)
  if (tree.exitCode !== 0) throw gitFailed({ doing }, tree)
  const links = await records(tree.stdout, '\0', (line) => {
    const [, sha, path] = /^160000 commit (\S+)\t(.*)$/s.exec(line) ?? []
    return sha === undefined || path === undefined ? undefined : { path, commit: sha }
  })
  if (links.length === 0) return []
  const addresses = await addressesOf(mirror, commit, signal)
  return links.map((link) => {
    const url = addresses.get(link.path)
    const resolved = url === undefined ? undefined : resolveUrl(base, url)
    const why = whyNotFetched(link.path, resolved, base)
    return { ...link, ...(resolved === undefined ? {} : { url: resolved }), ...(why === undefined ? {} : { why }) }
  })
}

async function addressesOf(mirror: Mirror, commit: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const args = ['config', `--blob=${commit}:.gitmodules`, '--null', '--get-regexp', '^submodule\\..*\\.(path|url)$']
  const { stdout } = await mirror.ask(args, doing, signal)
  const byName = new Map<string, { path?: string; url?: string }>()
  for (const entry of stdout.toString().split('\0')) {
    const [, name, field, value] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(entry) ?? []
    if (name !== undefined && field !== undefined && value !== undefined)
      byName.set(name, { ...byName.get(name), [field]: value })
  }
  return new Map([...byName.values()].flatMap(({ path, url }) => (path && url ? [[path, url] as const] : [])))
}

/** Resolves an address that is relative to the repository's own, as `git submodule` does. */
export function resolveUrl(base: string, url: string): string {
  if (!/^\.\.?\//.test(url)) return url
  let from = base.replace(/\/+$/, '')
  let rest = url
  for (;;) {
    if (rest.startsWith('./')) rest = rest.slice(2)
    else if (rest.startsWith('../')) {
      rest = rest.slice(3)
      // `git@host:team/api` has a colon where others have the slash behind the host.
      from = from.includes('/') ? from.replace(/\/[^/]*$/, '') : from.replace(/:[^:]*$/, ':')
    } else return from.endsWith(':') ? `${from}${rest}` : `${from}/${rest}`
  }
}

/**
 * Tells why a submodule is not fetched: whoever can push to the repository writes its address, so only the host that the
 * configuration names is asked, in the same way. Pure.
 */
export function whyNotFetched(path: string, url: string | undefined, base: string): string | undefined {
  if (/^[-/]|(^|\/)\.\.?(\/|$)|(^|\/)\.git(\/|$)/i.test(path)) return 'its path is none inside the checkout'
  if (url === undefined) return '.gitmodules has no address for it'
  const [there, here] = [placeOf(url), placeOf(base)]
  return there !== undefined && there === here
    ? undefined
    : `it is not on the host of service.repository (${shown(url)})`
}

/** The way and the host: `https://github.com`, `ssh://git@github.com`, `file:`. */
function placeOf(url: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    if (!URL.canParse(url)) return undefined
    const { protocol, host, username } = new URL(url)
    if (protocol === 'file:') return 'file:'
    return `${protocol}//${protocol === 'ssh:' && username !== '' ? `${username}@` : ''}${host.toLowerCase()}`
  }
  // Git's own rule: a colon before the first slash makes it an address of ssh, or of a helper, `ext::sh`.
  const [, host] = /^([^/]*?):(?!:)/.exec(url) ?? []
  if (host !== undefined) return `ssh://${host.toLowerCase()}`
  return url.includes('::') ? undefined : 'file:'
}

/** Without a login, which may stand in it. */
function shown(url: string): string {
  return clipped(url.replace(/\/\/[^/@]*@/, '//'), 200)
}

export function submoduleMirror(mirrorDirectory: string, url: string): string {
  return join(
    dirname(mirrorDirectory),
    'submodules',
    `${createHash('sha256').update(url).digest('hex').slice(0, 24)}.git`,
  )
}
