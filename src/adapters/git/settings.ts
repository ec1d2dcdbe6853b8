import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/*
 * Git obeys the files of the repository in which it runs: a `config` may name programs that a fetch starts. Whoever could
 * write the mirror once (a command of a version that ran as Purser's own user, a volume that others write) would be obeyed
 * ever after. So before each use the few files that git obeys are as Purser writes them.
 */

/** As `git init --bare` makes it. */
const settings = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
`

/** A tag is looked at whole: `export-ignore` and `export-subst` are for releases, and would take its tests away. */
const attributes = '* -export-ignore -export-subst\n'

const obeyed: Readonly<Record<string, string>> = { config: settings, 'info/attributes': attributes }
/** Files that git would obey as well, and that Purser never makes. */
const unwanted = ['config.worktree', 'hooks', 'info/grafts', 'objects/info/alternates', 'objects/info/http-alternates']

/** Puts back what git would obey in the mirror, where it is not as Purser writes it. A mirror that is not there stays away. */
export async function keepSettings(mirror: string): Promise<void> {
  if ((await lstat(mirror).catch(() => undefined)) === undefined) return
  for (const [name, wanted] of Object.entries(obeyed)) {
    const file = join(mirror, name)
    if ((await readPlainly(file)) === wanted) continue
    await mkdir(dirname(file), { recursive: true })
    const aside = `${file}.${randomBytes(4).toString('hex')}.partial`
    await writeFile(aside, wanted, { mode: 0o600 })
    await rename(aside, file)
  }
  for (const name of unwanted) await rm(join(mirror, name), { recursive: true, force: true })
}

/** What a link names is not what git will find there later. */
async function readPlainly(file: string): Promise<string | undefined> {
  const facts = await lstat(file).catch(() => undefined)
  return facts?.isFile() === true ? readFile(file, 'utf8').catch(() => undefined) : undefined
}
