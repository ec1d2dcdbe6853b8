import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, isAbsolute, join, sep } from 'node:path'

/*
 * What a command sees of the machine under bubblewrap: a root of its own with the machine's programs, read-only, and one
 * workspace. Nothing is hidden that was there; it is not there in the first place. Data, home, kubeconfig and the token of
 * a service account are no programs, so they are not in it; what lies among programs all the same is covered.
 */

/** Where programs and what they read stand. Everything else of the machine (/home, /root, /var, /run, /srv …) is away. */
const systemPlaces = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc', '/opt', '/nix/store']

interface Place {
  readonly path: string
  /** What a symbolic link names; undefined when it is a directory or a file. */
  readonly linkTo?: string
}

export interface View {
  /** The machine's places that are seen, read-only, each at its own path. */
  readonly places: readonly Place[]
  /** Our own program: where it is, and where it is seen. */
  readonly program: readonly { readonly from: string; readonly at: string }[]
  /** What is covered although it lies in a place that is seen. */
  readonly hidden: readonly { readonly path: string; readonly directory: boolean }[]
}

/** The workspace's path in there. */
export const workspacePath = '/workspace'
/** Where our own program is seen. */
const programPath = '/purser'

interface ViewOptions {
  /** The directory of package.json, and below it what the runner's program needs. */
  readonly packageRoot: string
  readonly parts: readonly string[]
  /** What no command may see: data and backups, kubeconfig, files of secrets. */
  readonly secret: readonly string[]
}

/** Looks at the machine. */
export async function viewOfMachine({ packageRoot, parts, secret }: ViewOptions): Promise<View> {
  const places: Place[] = []
  const seen = (path: string): boolean =>
    places.some((place) => place.linkTo === undefined && isWithin(path, place.path))
  const add = async (path: string): Promise<void> => {
    if (!isAbsolute(path) || seen(path) || places.some((place) => place.path === path)) return
    const facts = await lstat(path).catch(() => undefined)
    if (facts?.isSymbolicLink() === true) places.push({ path, linkTo: await readlink(path) })
    else if (facts !== undefined) places.push({ path })
  }
  for (const path of systemPlaces) await add(path)
  // Names are resolved by a file that is often elsewhere.
  await add(await realpath('/etc/resolv.conf').catch(() => '/etc/resolv.conf'))
  for (const path of await programPlaces()) await add(path)
  const covered = await Promise.all(secret.map(async (path) => (await existing(path)) ?? []))
  return {
    places,
    program: parts.map((part) => ({ from: join(packageRoot, part), at: join(programPath, part) })),
    hidden: covered.flat().filter(({ path }) => seen(path)),
  }
}

/** The directories of the PATH, and where the running Node has its npm, when people keep them outside of /usr. */
async function programPlaces(): Promise<readonly string[]> {
  const node = await realpath(process.execPath)
  const prefix = basename(dirname(node)) === 'bin' ? dirname(dirname(node)) : dirname(node)
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((one) => isAbsolute(one))
  // A person's home is no place of programs, also if one is in it.
  return [...(['/', homedir()].includes(prefix) ? [dirname(node)] : [prefix]), ...path].filter(
    (one) => one !== '/' && one !== homedir(),
  )
}

async function existing(
  path: string,
): Promise<readonly { readonly path: string; readonly directory: boolean }[] | undefined> {
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined) return undefined
  return [{ path: real, directory: (await stat(real)).isDirectory() }]
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`)
}

interface Confined {
  readonly view: View
  /** The workspace's directory on the machine. */
  readonly workspace: string
  /** The user whom commands run as, when Purser is root and may choose. */
  readonly user: number | undefined
}

/** Pure: the arguments with which a program runs in there. */
export function confinedArgv({ view, workspace, user }: Confined, program: readonly string[]): [string, ...string[]] {
  return [
    'bwrap',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--die-with-parent',
    '--new-session',
    // Made by bubblewrap itself they would be closed to another user.
    ...directoriesAbove([...view.places.map(({ path }) => path), ...view.program.map(({ at }) => at)]).flatMap(openly),
    ...view.places.flatMap(({ path, linkTo }) =>
      linkTo === undefined ? ['--ro-bind', path, path] : ['--symlink', linkTo, path],
    ),
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--perms',
    '1777',
    '--tmpfs',
    '/dev/shm',
    ...view.program.flatMap(({ from, at }) => ['--ro-bind', from, at]),
    '--bind',
    workspace,
    workspacePath,
    '--bind',
    join(workspace, 'tmp'),
    '/tmp',
    // Last, so that nothing is laid over it again.
    ...view.hidden.flatMap(({ path, directory }) => (directory ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path])),
    '--chdir',
    programPath,
    '--',
    ...(user === undefined ? [] : asUser(user)),
    ...program,
  ]
}

/** Pure: the directories in which the paths lie, the outer ones first. */
function directoriesAbove(paths: readonly string[]): readonly string[] {
  const above = (path: string): string[] => (dirname(path) === '/' ? [] : [...above(dirname(path)), dirname(path)])
  return [...new Set(paths.flatMap(above))]
}

function openly(directory: string): readonly string[] {
  return ['--perms', '0755', '--dir', directory]
}

/** Without a right that root would keep: not to become root again, and not to read what root may. */
function asUser(user: number): readonly string[] {
  const rights = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs']
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...rights]
}

/** Where a file of our program is seen in there. */
export function seenProgram(packageRoot: string, file: string): string {
  return join(programPath, file.slice(packageRoot.length))
}
