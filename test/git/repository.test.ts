import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { inspect, promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { nearest } from '../../src/nearest.ts'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { checkOut } from '../support/checkout.ts'
import { startPrivateGitHost } from './private-host.ts'
import { buildServiceRepository, type ServiceRepository } from '../../sandbox/valuecanvas/repository.ts'

const never = new AbortController().signal
const run = promisify(execFile)
let directory: string
let origin: ServiceRepository
let repository: Repository

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-git-'))
  origin = await buildServiceRepository({ directory: join(directory, 'origin.git') })
  repository = openRepository({ url: origin.url, mirrorDirectory: join(directory, 'mirror.git') })
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const commitOf = (tag: string): string => origin.commits[tag] ?? ''

/** A tag of a new commit. */
async function addTag(name: string): Promise<string> {
  const git = async (...args: string[]) => (await run('git', ['--git-dir', origin.url, ...args])).stdout.trim()
  const who = ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com']
  const commit = await git(...who, 'commit-tree', '-p', commitOf('v1.2.0'), '-m', name, `${commitOf('v1.2.0')}^{tree}`)
  await git('tag', name, commit)
  return commit
}

describe('the service’s repository', () => {
  it('resolves a version to its commit', async () => {
    expect(await repository.resolveVersion('v1.2.0', never)).toEqual({
      sha: commitOf('v1.2.0'),
      subject: 'Take billing events from Stripe',
      committedAt: '2025-12-05T14:30:00+00:00',
      tagObject: expect.stringMatching(/^[0-9a-f]{40}$/),
    })
  })

  it('tells the object of an annotated tag beside its commit, fetched and known, and of a plain one none', async () => {
    const git = async (...args: string[]) => (await run('git', ['--git-dir', origin.url, ...args])).stdout.trim()
    const who = ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com']
    await git(...who, 'tag', '--annotate', '--message', 'Release', 'v4.0.0', commitOf('v1.2.0'))
    await git(...who, 'tag', '--annotate', '--message', 'A tag of a tag', 'v4.0.1', 'v4.0.0')
    for (const version of ['v4.0.0', 'v4.0.0', 'v4.0.1']) {
      const commit = await repository.resolveVersion(version, never)
      expect(commit).toMatchObject({ sha: commitOf('v1.2.0'), tagObject: await git('rev-parse', version) })
      expect(commit.tagObject).not.toBe(commit.sha)
    }
    const fresh = openRepository({ url: origin.url, mirrorDirectory: join(directory, 'fresh.git') })
    expect(await fresh.resolveVersion('v4.0.0', never)).toHaveProperty('tagObject', await git('rev-parse', 'v4.0.0'))
    await git('tag', 'v4.0.2', commitOf('v1.2.0'))
    expect(await repository.resolveVersion('v4.0.2', never)).not.toHaveProperty('tagObject')
    await git('tag', '--delete', 'v4.0.0', 'v4.0.1', 'v4.0.2')
  })

  it.each([
    'v1.2',
    'v9.9.9',
    '1.2.0',
    '--upload-pack=touch /tmp/x',
    '../main',
    'main',
    'v1.2.0..v1.1.0',
    'v1.2.0.lock',
    'v1//2',
    '',
  ])('does not know %j and names the nearest tags', async (version) => {
    await expect(repository.resolveVersion(version, never)).rejects.toMatchObject({
      code: 'unknown_version',
      hint: expect.stringMatching(/^Closest: v1/),
    })
  })

  it('guesses what somebody meant', () => {
    expect(nearest('1.2.0', ['v1.1.0', 'v1.2.0', 'v2.0.0'], 1)).toEqual(['v1.2.0'])
    expect(nearest('v1.3.0-badimag', ['v1.3.0-crash', 'v1.3.0-badimage'], 1)).toEqual(['v1.3.0-badimage'])
  })

  it('sees a tag that was added or moved after the last look', async () => {
    expect((await repository.tags(never)).map((tag) => tag.name)).not.toContain('v1.2.1')
    await run('git', ['--git-dir', origin.url, 'tag', 'v1.2.1', commitOf('v1.2.0')])
    expect((await repository.resolveVersion('v1.2.1', never)).sha).toBe(commitOf('v1.2.0'))
    await run('git', ['--git-dir', origin.url, 'tag', '--force', 'v1.2.1', commitOf('v1.1.0')])
    expect((await repository.resolveVersion('v1.2.1', never)).sha).toBe(commitOf('v1.1.0'))
    await run('git', ['--git-dir', origin.url, 'tag', '--delete', 'v1.2.1'])
    expect((await repository.tags(never)).map((tag) => tag.name)).not.toContain('v1.2.1')
  })

  it('lists tags newest first, with the commit an annotated tag stands for', async () => {
    const tags = await repository.tags(never)
    expect(tags[0]).toMatchObject({ name: 'v1.4.0-dropscolumn', sha: commitOf('v1.4.0-dropscolumn') })
    expect(tags.at(-1)?.name).toBe('v1.1.0')
  })

  it('lists and reads files at a commit', async () => {
    const { files: names, path } = await repository.list(commitOf('v1.2.0'), 'supabase/migrations/', never)
    expect(path).toBe('supabase/migrations')
    expect(names).toHaveLength(6)
    expect(names.at(-1)).toBe('20260101093000_webhook_retry.sql')
    const wanted = [{ path: './package.json' }, { path: `supabase/migrations/${names[0]}` }]
    const [manifest, migration] = await repository.readAll(commitOf('v1.1.0'), wanted, never)
    expect(manifest?.text).toContain('"1.1.0"')
    expect(migration).toEqual({ ...wanted[1], text: expect.stringContaining('create table') })
    for (const path of ['gone.yaml', 'supabase', '', '../secret', '/etc/passwd']) {
      const all = [{ path: 'package.json' }, { path }]
      await expect(repository.readAll(commitOf('v1.2.0'), all, never)).rejects.toMatchObject({ code: 'file_missing' })
    }
    await expect(repository.readAll('--help', wanted, never)).rejects.toMatchObject({ code: 'unknown_commit' })
    await expect(repository.list('0'.repeat(40), 'src', never)).rejects.toMatchObject({ code: 'file_missing' })
  })

  it('finds a commit that another worker has fetched since into a mirror of its own', async () => {
    const open = (name: string) => openRepository({ url: origin.url, mirrorDirectory: join(directory, name) })
    for (const use of ['list', 'readAll', 'archive'] as const) {
      const late = open(`late-${use}.git`)
      await late.tags(never)
      const commit = await addTag(`v2.0.0-${use}`)
      if (use === 'list') expect((await late.list(commit, '', never)).files).toContain('package.json')
      if (use === 'readAll') expect(await late.readAll(commit, [{ path: 'package.json' }], never)).toHaveLength(1)
      if (use === 'archive') await checkOut(late, commit, join(directory, 'late'))
      await run('git', ['--git-dir', origin.url, 'tag', '--delete', `v2.0.0-${use}`])
    }
    expect(await readFile(join(directory, 'late', 'package.json'), 'utf8')).toContain('"1.2.0"')
  })

  it('finds a tag in the place of one that is gone', async () => {
    const tag = (...args: string[]) => run('git', ['--git-dir', origin.url, 'tag', ...args])
    await tag('v3', commitOf('v1.1.0'))
    expect((await repository.resolveVersion('v3', never)).sha).toBe(commitOf('v1.1.0'))
    await tag('--delete', 'v3')
    await tag('v3/final', commitOf('v1.2.0'))
    expect((await repository.resolveVersion('v3/final', never)).sha).toBe(commitOf('v1.2.0'))
    await expect(repository.resolveVersion('v3', never)).rejects.toMatchObject({ code: 'unknown_version' })
    await tag('--delete', 'v3/final')
    await tag('v3', commitOf('v1.1.0'))
    expect((await repository.resolveVersion('v3', never)).sha).toBe(commitOf('v1.1.0'))
    await tag('--delete', 'v3')
  })

  it('obeys nothing that somebody else wrote into its mirror, and nothing of the machine or of a person', async () => {
    const mirror = join(directory, 'tampered.git')
    const tampered = openRepository({ url: origin.url, mirrorDirectory: mirror })
    await tampered.tags(never)
    const traces = join(directory, 'obeyed')
    const program = join(directory, 'program.sh')
    await writeFile(program, `#!/bin/sh\necho "$0 $@" >> ${traces}\nexec git-upload-pack "$@"\n`, { mode: 0o755 })
    const orders = [
      `[remote "origin"]\n\tuploadpack = ${program}`,
      `[core]\n\tsshCommand = ${program}\n\tfsmonitor = ${program}\n\tgitProxy = ${program}`,
      `[credential]\n\thelper = !${program}`,
      `[url "ext::${program} "]\n\tinsteadOf = ${origin.url}`,
    ].join('\n')
    const home = await mkdtemp(join(directory, 'home-'))
    await writeFile(join(home, '.gitconfig'), orders)
    vi.stubEnv('HOME', home)
    for (const [name, text] of [
      [
        'config',
        `[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tworktreeConfig = true\n${orders}\n`,
      ],
      ['config.worktree', orders],
      ['objects/info/alternates', `${directory}\n`],
    ] as const)
      await writeFile(join(mirror, name), text)
    await mkdir(join(mirror, 'hooks'))
    await writeFile(join(mirror, 'hooks', 'reference-transaction'), `#!/bin/sh\necho hook >> ${traces}\n`, {
      mode: 0o755,
    })
    const commit = await addTag('v2.1.0-tampered')
    expect((await tampered.resolveVersion('v2.1.0-tampered', never)).sha).toBe(commit)
    expect((await tampered.tags(never)).map(({ name }) => name)).toContain('v2.1.0-tampered')
    vi.unstubAllEnvs()
    await run('git', ['--git-dir', origin.url, 'tag', '--delete', 'v2.1.0-tampered'])
    await expect(access(traces)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await readFile(join(mirror, 'config'), 'utf8')).not.toMatch(/remote|program/)
    expect((await stat(mirror)).mode & 0o777).toBe(0o700)
  })

  it('goes to its origin by one way only', async () => {
    const mirrorDirectory = join(directory, 'elsewhere.git')
    for (const url of [
      `ext://sh -c touch% ${directory}/ran`,
      `ext::sh -c touch% ${directory}/ran`,
      'ftp://127.0.0.1/x',
    ])
      await expect(openRepository({ url, mirrorDirectory }).tags(never)).rejects.toMatchObject({
        name: 'RepositoryError',
      })
    await expect(access(join(directory, 'ran'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('hands out all files of a commit, with modes and links, and nothing of its own', async () => {
    const work = await mkdtemp(join(directory, 'work-'))
    const git = async (...args: string[]) => (await run('git', ['-C', work, ...args])).stdout.trim()
    await git('init', '--quiet')
    const substituted = '$Format:%H$\n'
    const attributes = 'tests export-ignore\nversion.txt export-subst\n'
    for (const [name, text, mode] of [
      ['.gitattributes', attributes, 0o644],
      ['version.txt', substituted, 0o644],
      ['run.sh', '#!/bin/sh\n', 0o755],
      ['tests/one.test.ts', 'x', 0o644],
    ] as const) {
      await mkdir(join(work, name, '..'), { recursive: true })
      await writeFile(join(work, name), text, { mode })
    }
    await symlink('run.sh', join(work, 'link'))
    await git('add', '--all')
    await git('-c', 'user.name=Dana', '-c', 'user.email=dana@example.com', 'commit', '--quiet', '-m', 'x')
    const url = `${work}/.git`
    const whole = openRepository({ url, mirrorDirectory: join(directory, 'whole.git') })
    await whole.tags(never)
    const out = join(directory, 'out')
    await checkOut(whole, await git('rev-parse', 'HEAD'), out)
    expect((await readdir(out)).toSorted()).toEqual(['.gitattributes', 'link', 'run.sh', 'tests', 'version.txt'])
    expect(await readFile(join(out, 'version.txt'), 'utf8')).toBe(substituted)
    expect(await readFile(join(out, 'tests/one.test.ts'), 'utf8')).toBe('x')
    expect(await readlink(join(out, 'link'))).toBe('run.sh')
    expect((await stat(join(out, 'run.sh'))).mode & 0o777).toBe(0o755)
    await expect(whole.archive('--output=x', new PassThrough(), never)).rejects.toMatchObject({
      code: 'unknown_commit',
    })
  })

  it('lets several workers use the same mirror at once', async () => {
    const mirrorDirectory = join(directory, 'shared.git')
    const workers = Array.from({ length: 4 }, () => openRepository({ url: origin.url, mirrorDirectory }))
    const commits = await Promise.all(workers.map((worker) => worker.resolveVersion('v1.1.0', never)))
    expect(new Set(commits.map((commit) => commit.sha))).toEqual(new Set([commitOf('v1.1.0')]))
  })

  it('tells a missing repository from one that cannot be reached, and keeps its token to itself', async () => {
    const open = (url: string) =>
      openRepository({ url, mirrorDirectory: join(directory, 'other.git'), timeoutMs: 10_000 })
    await expect(open(join(directory, 'nowhere')).tags(never)).rejects.toMatchObject({ code: 'repository_missing' })
    const error: unknown = await open('http://robot:hunter2@127.0.0.1:1/api.git')
      .tags(never)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'repository_unreachable', transient: true })
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
    expect(await readFile(join(directory, 'other.git', 'config'), 'utf8')).not.toContain('hunter2')
  })

  it('reads a private repository with a token that stands neither in argv nor on disk, nor in a refusal', async () => {
    const host = await startPrivateGitHost(directory, 'x-access-token:hunter2hunter2')
    const url = `${host.url}/origin.git`
    const open = (name: string, token?: string) =>
      openRepository({
        url,
        mirrorDirectory: join(directory, name),
        ...(token === undefined ? {} : { login: { user: 'x-access-token', token: new Sensitive(token) } }),
      })
    const { stdout: git } = await run('which', ['git'])
    const [shim, argvFile] = [join(directory, 'git'), join(directory, 'argv')]
    await writeFile(shim, `#!/bin/sh\necho "$@" >> ${argvFile}\nexec ${git.trim()} "$@"\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`)
    await open('private.git', 'hunter2hunter2').resolveVersion('v1.2.0', never)
    vi.unstubAllEnvs()
    const argv = await readFile(argvFile, 'utf8')
    expect(host.seen.admitted).toBeGreaterThan(0)
    const secrets = /hunter2|aHVudGVy|eC1hY2Nlc3/
    expect(argv).toContain('fetch')
    expect(argv).not.toMatch(secrets)
    expect(await readFile(join(directory, 'private.git', 'config'), 'utf8')).not.toMatch(secrets)
    for (const token of ['wronghunter2', undefined]) {
      const error: unknown = await open('refused.git', token)
        .tags(never)
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'repository_denied', hint: expect.stringContaining('repositoryTokenEnv') })
      expect(inspect(error, { depth: 9 })).not.toMatch(secrets)
    }
    await host.close()
  })

  it('rethrows the reason of an abort', async () => {
    const reason = new Error('cancelled by Dana')
    await expect(repository.tags(AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
