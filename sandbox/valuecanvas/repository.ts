import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface ServiceRepository {
  /** A path, as git takes it. */
  readonly url: string
  /** Tag to commit; the same on every machine. */
  readonly commits: Readonly<Record<string, string>>
}

interface Version {
  readonly tag: string
  readonly parent?: string
  readonly date: string
  readonly message: string
}

const ancestor = 'v1.2.0'
const versions: readonly Version[] = [
  { tag: 'v1.1.0', date: '2025-11-20T09:00:00Z', message: 'Serve the API with plans and invoices' },
  { tag: ancestor, parent: 'v1.1.0', date: '2025-12-05T14:30:00Z', message: 'Take billing events from Stripe' },
  {
    tag: 'v1.3.0-badimage',
    parent: ancestor,
    date: '2025-12-08T10:00:00Z',
    message: 'Build the image on the new runners',
  },
  { tag: 'v1.3.0-crash', parent: ancestor, date: '2025-12-08T11:00:00Z', message: 'Read plans from the catalogue' },
  {
    tag: 'v1.3.0-badmigration',
    parent: ancestor,
    date: '2025-12-08T12:00:00Z',
    message: 'Keep monthly invoice totals',
  },
  { tag: 'v1.3.0-e2efail', parent: ancestor, date: '2025-12-08T13:00:00Z', message: 'Serve the plan catalogue' },
  { tag: 'v1.3.0-noisy', parent: ancestor, date: '2025-12-08T14:00:00Z', message: 'Refresh currency rates' },
  { tag: 'v1.3.0-coloured', parent: ancestor, date: '2025-12-08T14:10:00Z', message: 'Log for people' },
  { tag: 'v1.3.0-moved', parent: ancestor, date: '2025-12-08T14:20:00Z', message: 'Keep the database in one place' },
  { tag: 'v1.3.0-slowstart', parent: ancestor, date: '2025-12-08T14:20:00Z', message: 'Serve plans from a cache' },
  {
    tag: 'v1.3.0-suspended',
    parent: ancestor,
    date: '2025-12-08T14:40:00Z',
    message: 'Let webhook retries rest until the queue moves',
  },
  {
    tag: 'v1.3.0-pinned',
    parent: ancestor,
    date: '2025-12-08T14:50:00Z',
    message: 'Read events in one release of the API only',
  },
  { tag: 'v1.5.0-hostile', parent: ancestor, date: '2025-12-08T15:00:00Z', message: 'Speed the tests up' },
  { tag: 'v1.4.0-dropscolumn', parent: ancestor, date: '2025-12-09T10:00:00Z', message: 'Bill everything in dollars' },
]

/** What came with billing in v1.2.0. */
const billingOnly = [
  'src/database.mjs',
  'src/config',
  'src/jobs',
  'src/middleware',
  'src/services',
  'scripts/tests',
  'k8s/cronjobs',
  'supabase/migrations/20260101091000_billing_audit_log.sql',
  'supabase/migrations/20260101092000_grace_periods.sql',
  'supabase/migrations/20260101093000_webhook_retry.sql',
]

const here = fileURLToPath(new URL('.', import.meta.url))
export const serviceSource = join(here, 'service')
const run = promisify(execFile)

/** Makes the bare repository of the sample service, or brings an existing one to the same state. Safe to repeat. */
export async function buildServiceRepository(options: { readonly directory: string }): Promise<ServiceRepository> {
  await mkdir(options.directory, { recursive: true })
  const directory = await realpath(options.directory)
  const scratch = await mkdtemp(join(tmpdir(), 'valuecanvas-'))
  const git = plumbing(directory, scratch)
  try {
    await git(['init', '--quiet', '--bare', '--initial-branch=main', directory])
    const commits: Record<string, string> = {}
    for (const version of versions) {
      const tree = join(scratch, version.tag)
      await layOut(version.tag, tree)
      const commit = await git(['add', '--all', '.'], tree)
        .then(() => git(['write-tree'], tree))
        .then((id) => git(commitArguments(version, id, commits), tree, version.date))
      commits[version.tag] = commit
      await git(['tag', '--force', '--annotate', `--message=${version.tag}`, version.tag, commit], tree, version.date)
    }
    await git(['update-ref', 'refs/heads/main', commits[ancestor] ?? ''])
    return { url: directory, commits }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function commitArguments(version: Version, tree: string, commits: Readonly<Record<string, string>>): string[] {
  const parent = version.parent === undefined ? undefined : commits[version.parent]
  return ['commit-tree', ...(parent === undefined ? [] : ['-p', parent]), '-m', version.message, tree]
}

async function layOut(tag: string, tree: string): Promise<void> {
  await cp(serviceSource, tree, { recursive: true, filter: (source) => !/\/(dist|node_modules)$/.test(source) })
  if (tag === 'v1.1.0') {
    for (const path of billingOnly) await rm(join(tree, path), { recursive: true, force: true })
    await edit(join(tree, 'k8s/deployment.yaml'), (text) => text.replace(/ {12}# Optional[\s\S]*?optional: true\n/, ''))
  }
  await cp(join(here, 'versions', tag), tree, { recursive: true }).catch(unlessMissing)
  if (tag === 'v1.3.0-noisy' || tag === 'v1.3.0-coloured')
    await edit(join(tree, 'src/server.mjs'), (text) => `import './noise.mjs'\n${text}`)
  if (tag === 'v1.3.0-moved') {
    await mkdir(join(tree, 'database'))
    await rename(join(tree, 'supabase/migrations'), join(tree, 'database/migrations'))
  }
  if (tag === 'v1.3.0-slowstart')
    await edit(join(tree, 'src/server.mjs'), (text) => `import './slow-start.mjs'\n${text}`)
  if (tag === 'v1.3.0-suspended')
    await edit(join(tree, 'k8s/cronjobs/webhook-retry.yaml'), (text) =>
      text.replace('\nspec:\n', '\nspec:\n  suspend: yes\n'),
    )
  if (tag === 'v1.3.0-pinned') await edit(join(tree, 'src/services/billing/webhook.mjs'), pinned)
  await edit(join(tree, 'package.json'), (text) => text.replace('"1.2.0"', `"${tag.slice(1)}"`))
  for (const file of ['deployment.yaml', 'cronjobs/webhook-retry.yaml', 'cronjobs/grace-period-cleanup.yaml']) {
    await edit(join(tree, 'k8s', file), (text) => text.replaceAll('api:v1.2.0', `api:${tag}`)).catch(unlessMissing)
  }
}

/** As Stripe's libraries for .NET, Java and Go do: https://github.com/stripe/stripe-dotnet/pull/3010 */
function pinned(webhook: string): string {
  const before = `    if (!isBillingEvent(event.type))`
  const check = [
    `    if (!/^20[0-9-]+[.]endive$/.test(event.api_version ?? '')) {`,
    `      const error = \`Received event with API version \${event.api_version}, but 2026-10-28.endive is expected\``,
    `      log('warn', 'billing webhook refused', { reason: error })`,
    `      return { status: 400, body: { error } }`,
    `    }`,
  ]
  return webhook.replace(before, `${check.join('\n')}\n${before}`)
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')))
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}

/** git as nobody in particular: the machine's own settings and clock must not change a commit's id. */
function plumbing(directory: string, scratch: string) {
  return async (args: readonly string[], tree = scratch, date = '2025-11-20T09:00:00Z'): Promise<string> => {
    const person = { NAME: 'Robin Reyes', EMAIL: 'robin@valuecanvas.example', DATE: date }
    const env = {
      PATH: process.env['PATH'],
      GIT_DIR: directory,
      GIT_WORK_TREE: tree,
      GIT_INDEX_FILE: `${tree}.index`,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(Object.entries(person).map(([name, value]) => [`GIT_AUTHOR_${name}`, value])),
      ...Object.fromEntries(Object.entries(person).map(([name, value]) => [`GIT_COMMITTER_${name}`, value])),
    }
    const init = args[0] === 'init'
    const { GIT_WORK_TREE: _tree, GIT_DIR: _directory, ...bare } = env
    const { stdout } = await run('git', [...args], { env: init ? bare : env, cwd: init ? scratch : tree })
    return stdout.trim()
  }
}
