/** The kinds of hosts whose pages have known addresses. */
type Forge = 'github' | 'gitlab' | 'bitbucket' | 'bitbucket-server' | 'gitea'

const known: Readonly<Record<string, Forge>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'bitbucket.org': 'bitbucket',
  'codeberg.org': 'gitea',
  'gitea.com': 'gitea',
}
/** What a host of one's own is called by convention; Forgejo has Gitea's addresses. */
const byName: Readonly<Record<string, Forge>> = { github: 'github', gitlab: 'gitlab', gitea: 'gitea', forgejo: 'gitea' }

/** Where these hosts take ssh through port 443; their pages are elsewhere. */
const pagesOf: Readonly<Record<string, string>> = {
  'ssh.github.com': 'github.com',
  'altssh.gitlab.com': 'gitlab.com',
  'altssh.bitbucket.org': 'bitbucket.org',
}

/**
 * The page that compares two commits; undefined where the host is not known and purser.yaml does not tell its kind. Pure.
 * Addresses are read off GitHub's, GitLab's, Bitbucket's and Gitea's own pages.
 */
export function compareUrl(repository: string, from: string, to: string, forge?: Forge): string | undefined {
  const place = placeOf(repository)
  if (place === undefined) return undefined
  const { origin, host, path } = place
  const kind = forge ?? known[host] ?? byName[host.split('.')[0] ?? '']
  const at = path.map(encodeURIComponent).join('/')
  switch (kind) {
    case 'github':
    case 'gitea':
      return path.length < 2 ? undefined : `${origin}/${at}/compare/${from}...${to}`
    case 'gitlab':
      return path.length < 2 ? undefined : `${origin}/${at}/-/compare/${from}...${to}`
    case 'bitbucket':
      return path.length < 2 ? undefined : `${origin}/${at}/branches/compare/${to}%0D${from}`
    case 'bitbucket-server':
      return ofBitbucketServer(origin, path, from, to)
    default:
      return undefined
  }
}

/** A clone's address is `/scm/KEY/name`, or `/KEY/name` by ssh; `~somebody` is a person's. */
function ofBitbucketServer(origin: string, path: readonly string[], from: string, to: string): string | undefined {
  const [key, name] = path.slice(-2)
  if (key === undefined || name === undefined) return undefined
  const before = path.slice(0, -2).filter((part) => part !== 'scm')
  const owner = key.startsWith('~')
    ? `users/${encodeURIComponent(key.slice(1))}`
    : `projects/${encodeURIComponent(key)}`
  const base = [origin, ...before, owner, 'repos', encodeURIComponent(name)].join('/')
  return `${base}/compare/commits?sourceBranch=${to}&targetBranch=${from}`
}

interface Place {
  readonly origin: string
  readonly host: string
  readonly path: readonly string[]
}

/** Reads `https://host/owner/name.git`, `ssh://git@host:22/owner/name` and `git@host:owner/name.git`. */
function placeOf(repository: string): Place | undefined {
  const scp = /^(?:[\w.-]+@)?(?<host>[\w.-]+\.[\w-]+):(?!\/\/)(?<path>.+)$/.exec(repository)?.groups
  const text = scp === undefined ? repository : `ssh://${scp['host']}/${scp['path']?.replace(/^\/+/, '')}`
  if (!URL.canParse(text)) return undefined
  const { protocol, host, hostname, pathname } = new URL(text)
  if (!['https:', 'http:', 'ssh:', 'git+ssh:'].includes(protocol) || hostname === '') return undefined
  const path = pathname
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .filter(Boolean)
    .map((part) => decoded(part))
  // The port of ssh says nothing of the pages', which are at https.
  const pages = pagesOf[hostname.toLowerCase()] ?? hostname.toLowerCase()
  const origin = protocol === 'http:' || protocol === 'https:' ? `${protocol}//${host}` : `https://${pages}`
  return { origin, host: pages, path }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
