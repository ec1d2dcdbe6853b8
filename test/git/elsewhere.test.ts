import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isPointer } from '../../src/adapters/git/lfs-pointer.ts'
import { lfsUrl } from '../../src/adapters/git/lfs.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { resolveUrl, whyNotFetched } from '../../src/adapters/git/submodules.ts'
import { sharedRunner } from '../../src/adapters/runner/local.ts'
import { checkOut } from '../support/checkout.ts'

const run = promisify(execFile)
const never = AbortSignal.timeout(300_000)
const lfsIsHere = spawnSync('git', ['lfs', 'version']).status === 0
if (!lfsIsHere) process.stderr.write('skipped: fetching from Git LFS needs git-lfs (apt-get install git-lfs)\n')
if (!lfsIsHere && process.env['CI'] !== undefined) throw new Error('CI must have git-lfs: see .ci/run')

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-elsewhere-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true, force: true })
})

const at = (...parts: string[]) => join(directory, ...parts)

/** A bare repository of one commit with these files, and links to commits of others. */
async function origin(
  name: string,
  files: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
): Promise<{ readonly url: string; readonly commit: string }> {
  const work = at(`work-${name}`)
  await mkdir(work)
  // The machine's own filter would take the content of files away.
  const env = { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
  const who = ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com']
  const git = async (...args: string[]) => (await run('git', [...who, ...args], { cwd: work, env })).stdout.trim()
  await git('init', '--quiet')
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(work, path)), { recursive: true })
    await writeFile(join(work, path), text)
  }
  await git('add', '--all')
  for (const [path, commit] of Object.entries(links))
    await git('update-index', '--add', '--cacheinfo', `160000,${commit},${path}`)
  await git('commit', '--quiet', '--message', name)
  const commit = await git('rev-parse', 'HEAD')
  await run('git', ['clone', '--quiet', '--bare', work, at(`${name}.git`)])
  return { url: at(`${name}.git`), commit }
}

const open = (url: string, fetched: { lfs?: boolean; submodules?: boolean } = {}) =>
  openRepository({
    url,
    mirrorDirectory: at('data', 'mirror.git'),
    fetched: { lfs: false, submodules: false, ...fetched },
  })

const oidOf = (content: string) => createHash('sha256').update(content).digest('hex')
const pointerTo = (content: string) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(content)}\nsize ${Buffer.byteLength(content)}\n`

describe('files in Git LFS', () => {
  it.each([
    [pointerTo('x'), true],
    [pointerTo('x').replace('git-lfs.github.com', 'hawser.github.com'), true],
    [pointerTo('x').replace('oid', 'ext-0-foo sha256:00\noid'), true],
    [pointerTo('x').replace('v1', 'v9'), false],
    [`# ${pointerTo('x')}`, false],
    ['version https://git-lfs.github.com/spec/v1\n', false],
    [pointerTo('x') + ' '.repeat(2_000), false],
    ['', false],
  ])('are told by their pointers: %j', (text, is) => {
    expect(isPointer(text)).toBe(is)
  })

  it.each([
    ['https://github.com/a/b.git', 'https://github.com/a/b.git/info/lfs'],
    ['https://github.com/a/b', 'https://github.com/a/b.git/info/lfs'],
    ['https://github.com/a/b/', 'https://github.com/a/b.git/info/lfs'],
    ['git@github.com:a/b.git', 'git@github.com:a/b.git'],
    ['ssh://git@github.com/a/b.git', 'ssh://git@github.com/a/b.git'],
    ['/srv/b.git', 'file:///srv/b.git'],
  ])('of %s lie at %s', (url, expected) => {
    expect(lfsUrl(url)).toBe(expected)
  })

  const logo = 'the bytes of a logo\n'
  const files = {
    '.gitattributes': '*.png filter=lfs diff=lfs merge=lfs -text\n',
    'assets/logo.png': pointerTo(logo),
    'assets/small.png': 'a png that was committed before',
    'README.md': pointerTo(logo),
    'migrations/1_a.sql': 'select 1',
  }

  it('are counted, wherever they lie, and no plain file is', async () => {
    const nested = { 'deep/.gitattributes': '*.bin filter=lfs\n', 'deep/a.bin': pointerTo('a') }
    const { url, commit } = await origin('service', { ...files, ...nested })
    const { lfs, lfsInstalled } = await open(url).elsewhere(commit, never)
    expect([...lfs].sort()).toEqual(['README.md', 'assets/logo.png', 'deep/a.bin'])
    expect(lfsInstalled).toBe(false)
  })

  it('are none in a repository that names LFS nowhere, whatever its files say', async () => {
    const { url, commit } = await origin('service', {
      'docs/lfs.txt': pointerTo('x'),
      '.gitattributes': '* text=auto\n',
    })
    expect(await open(url).elsewhere(commit, never)).toEqual({ lfs: [], lfsInstalled: false, submodules: [] })
  })

  it('stay pointers in a checkout unless they are fetched', async () => {
    const { url, commit } = await origin('service', files)
    await checkOut(open(url), commit, at('checkout'))
    expect(await readFile(at('checkout', 'assets', 'logo.png'), 'utf8')).toBe(pointerTo(logo))
  })

  it('are no migrations and no manifests', async () => {
    const { url, commit } = await origin('service', { ...files, 'migrations/2_b.sql': pointerTo('select 2') })
    const wanted = ['migrations/1_a.sql', 'migrations/2_b.sql'].map((path) => ({ path }))
    await open(url).tags(never)
    expect(await open(url).readAll(commit, wanted.slice(0, 1), never)).toMatchObject([{ text: 'select 1' }])
    await expect(open(url).readAll(commit, wanted, never)).rejects.toMatchObject({
      code: 'git_lfs_pointer',
      message: `reading migrations/2_b.sql at ${commit.slice(0, 7)}: it is kept in Git LFS, and the repository has its pointer only`,
    })
  })

  it('are an error in one sentence where they should be fetched and git-lfs is not installed', async () => {
    const { url, commit } = await origin('service', files)
    await mkdir(at('bin'))
    for (const program of ['git', 'tar', 'sh'])
      await symlink((await run('sh', ['-c', `command -v ${program}`])).stdout.trim(), at('bin', program))
    vi.stubEnv('PATH', at('bin'))
    const repository = open(url, { lfs: true })
    // Debian has git-lfs beside git's own programs at times, where no PATH leads away from it.
    if (existsSync(join((await run('git', ['--exec-path'])).stdout.trim(), 'git-lfs'))) return
    expect(await repository.elsewhere(commit, never)).toMatchObject({ lfsInstalled: false })
    await expect(checkOut(repository, commit, at('checkout'))).rejects.toMatchObject({
      code: 'git_lfs_missing',
      message: `reading ${commit.slice(0, 7)}: 2 of its files are kept in Git LFS, and git-lfs is not installed`,
    })
    // A version without such files needs no git-lfs.
    const plain = await origin('plain', { 'README.md': 'hello' })
    await checkOut(
      openRepository({
        url: plain.url,
        mirrorDirectory: at('plain-mirror.git'),
        fetched: { lfs: true, submodules: false },
      }),
      plain.commit,
      at('checkout'),
    )
    expect(await readdir(at('checkout'))).toEqual(['README.md'])
  })

  describe.runIf(lfsIsHere)('are fetched', () => {
    /** As `git lfs push` leaves it on a remote that is a directory. */
    async function push(url: string, content: string): Promise<void> {
      const oid = oidOf(content)
      const place = join(url, 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4))
      await mkdir(place, { recursive: true })
      await writeFile(join(place, oid), content)
    }

    it('into a checkout, and a `.lfsconfig` of the version leads nowhere else', async () => {
      const hostile = '[lfs]\n\turl = http://127.0.0.1:1/elsewhere\n\tfetchexclude = *\n'
      const { url, commit } = await origin('service', { ...files, '.lfsconfig': hostile })
      await push(url, logo)
      const repository = open(url, { lfs: true })
      expect(await repository.elsewhere(commit, never)).toMatchObject({ lfsInstalled: true })
      await checkOut(repository, commit, at('checkout'))
      expect(await readFile(at('checkout', 'assets', 'logo.png'), 'utf8')).toBe(logo)
      expect(await readFile(at('checkout', 'assets', 'small.png'), 'utf8')).toBe(files['assets/small.png'])
      expect(await readFile(at('checkout', 'README.md'), 'utf8')).toBe(files['README.md'])
    })

    it('or it is said which could not be', async () => {
      const { url, commit } = await origin('service', files)
      await mkdir(join(url, 'lfs', 'objects'), { recursive: true })
      const failure = await checkOut(open(url, { lfs: true }), commit, at('checkout')).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'git_lfs_failed', hint: expect.stringContaining('git lfs push') })
      expect((failure as { evidence: readonly string[] }).evidence.join('\n')).toContain('logo.png')
    })
  })
})

describe('the address of a submodule', () => {
  it.each([
    ['https://github.com/a/b.git', '../c.git', 'https://github.com/a/c.git'],
    ['https://github.com/a/b.git', './c.git', 'https://github.com/a/b.git/c.git'],
    ['https://github.com/a/b.git', '../../d/c.git', 'https://github.com/d/c.git'],
    ['https://github.com/a/b/', '../c', 'https://github.com/a/c'],
    ['git@github.com:a/b.git', '../c.git', 'git@github.com:a/c.git'],
    ['git@github.com:b.git', '../c.git', 'git@github.com:c.git'],
    ['/srv/git/b.git', '../c.git', '/srv/git/c.git'],
    ['https://github.com/a/b.git', 'https://github.com/x/y', 'https://github.com/x/y'],
  ])('from %s by %s is %s', (base, url, resolved) => {
    expect(resolveUrl(base, url)).toBe(resolved)
  })

  const github = 'https://github.com/a/b.git'
  it.each([
    [github, 'https://github.com/c/d.git'],
    [github, 'https://GitHub.com:443/c/d.git'],
    ['git@github.com:a/b.git', 'ssh://git@github.com/c/d.git'],
    ['ssh://git@github.com/a/b.git', 'git@github.com:c/d.git'],
    ['/srv/b.git', '/srv/c.git'],
    ['file:///srv/b.git', '/srv/c.git'],
  ])('of a repository at %s may be %s', (base, url) => {
    expect(whyNotFetched('vendor/c', url, base)).toBeUndefined()
  })

  it.each([
    [github, 'http://github.com/c/d.git'],
    [github, 'https://github.com.evil.example/c/d.git'],
    [github, 'https://github.com@evil.example/c/d.git'],
    [github, 'https://evil.example/github.com/d.git'],
    [github, 'https://github.com:8443/c/d.git'],
    [github, 'git@github.com:c/d.git'],
    [github, '/etc'],
    [github, 'file:///etc'],
    [github, 'ext::sh -c id'],
    [github, 'https://[broken'],
    [github, 'http://169.254.169.254/latest'],
    ['git@github.com:a/b.git', 'root@github.com:c/d.git'],
    ['/srv/b.git', 'ext::sh -c id'],
    ['/srv/b.git', 'host:c.git'],
  ])('of a repository at %s is never %s', (base, url) => {
    expect(whyNotFetched('vendor/c', url, base)).toContain('not on the host of service.repository')
  })

  it.each(['../out', '/etc', 'a/../../b', '.git/hooks', 'a/.GIT', '-x', './a'])('leads to no path like %s', (path) => {
    expect(whyNotFetched(path, github, github)).toBe('its path is none inside the checkout')
  })
})

describe('submodules', () => {
  const modules = (entries: Readonly<Record<string, string>>) =>
    Object.entries(entries)
      .map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
      .join('')

  async function nested() {
    const inner = await origin('inner', { 'inner.txt': 'inner' })
    const lib = await origin(
      'lib',
      { 'lib.txt': `lib${'\0'.repeat(70_000)}`, '.gitmodules': modules({ 'third party': '../inner.git' }) },
      { 'third party': inner.commit },
    )
    const links = { 'vendor/lib': lib.commit }
    return origin('service', { 'app.txt': 'app', '.gitmodules': modules({ 'vendor/lib': '../lib.git' }) }, links)
  }

  it('are named, and are empty directories in a checkout unless they are fetched', async () => {
    const { url, commit } = await nested()
    const repository = open(url)
    const { submodules } = await repository.elsewhere(commit, never)
    expect(submodules).toEqual([{ path: 'vendor/lib', commit: expect.any(String), url: at('lib.git') }])
    await checkOut(repository, commit, at('checkout'))
    expect(await readdir(at('checkout', 'vendor', 'lib'))).toEqual([])
  })

  it('are fetched with those in them, each at its own commit', async () => {
    const { url, commit } = await nested()
    await checkOut(open(url, { submodules: true }), commit, at('checkout'))
    expect(await readFile(at('checkout', 'app.txt'), 'utf8')).toBe('app')
    expect(await readFile(at('checkout', 'vendor', 'lib', 'lib.txt'), 'utf8')).toBe(`lib${'\0'.repeat(70_000)}`)
    expect(await readFile(at('checkout', 'vendor', 'lib', 'third party', 'inner.txt'), 'utf8')).toBe('inner')
  })

  it.each([
    [
      'https://evil.example/lib.git',
      /vendor\/lib is not fetched, as it is not on the host of service\.repository \(https:\/\/evil\.example\/lib\.git\)/,
    ],
    ['ext::sh -c "touch /tmp/x"', /not on the host/],
  ])('at %s are refused, and named before', async (address, message) => {
    const lib = await origin('lib', { 'lib.txt': 'lib' })
    const { url, commit } = await origin(
      'service',
      { '.gitmodules': modules({ 'vendor/lib': `"${address.replaceAll('"', '\\"')}"` }) },
      { 'vendor/lib': lib.commit },
    )
    const repository = open(url, { submodules: true })
    expect((await repository.elsewhere(commit, never)).submodules[0]).toHaveProperty('why')
    await expect(checkOut(repository, commit, at('checkout'))).rejects.toMatchObject({
      code: 'submodule_refused',
      message: expect.stringMatching(message),
    })
  })

  it('that are refused end the phase with that sentence, and not with the words of tar', async () => {
    const lib = await origin('lib', { 'lib.txt': 'lib' })
    const { url, commit } = await origin('service', { 'a.txt': 'a' }, { 'vendor/lib': lib.commit })
    const repository = open(url, { submodules: true })
    const runner = sharedRunner({ workspaces: at('workspaces'), secret: [] }, 'the test says so')
    const checkout = {
      name: 'run-1',
      checkout: (to: Writable, signal: AbortSignal) => repository.archive(commit, to, signal),
    }
    await expect(runner.open({ ...checkout, onWaiting: () => undefined }, never)).rejects.toMatchObject({
      code: 'submodule_refused',
    })
  })

  it('without an address, and those whose commit is gone, are errors in one sentence', async () => {
    const lib = await origin('lib', { 'lib.txt': 'lib' })
    const nowhere = await origin('nowhere', { 'a.txt': 'a' }, { 'vendor/lib': lib.commit })
    await expect(
      checkOut(open(nowhere.url, { submodules: true }), nowhere.commit, at('checkout')),
    ).rejects.toMatchObject({
      code: 'submodule_refused',
      message: expect.stringContaining('.gitmodules has no address for it'),
    })
    const gone = await origin(
      'gone',
      { '.gitmodules': modules({ 'vendor/lib': '../lib.git' }) },
      { 'vendor/lib': 'a'.repeat(40) },
    )
    const repository = openRepository({
      url: gone.url,
      mirrorDirectory: at('gone', 'mirror.git'),
      fetched: { lfs: false, submodules: true },
    })
    await expect(checkOut(repository, gone.commit, at('checkout'))).rejects.toMatchObject({
      message: expect.stringContaining('reading submodule vendor/lib at aaaaaaa'),
    })
  })

  it('that lie in each other without end are refused', async () => {
    const deep = await chain(8)
    await expect(
      checkOut(
        openRepository({
          url: deep.url,
          mirrorDirectory: at('deep', 'mirror.git'),
          fetched: { lfs: false, submodules: true },
        }),
        deep.commit,
        at('checkout'),
      ),
    ).rejects.toMatchObject({
      code: 'submodule_refused',
      message: expect.stringContaining('it lies in more than 5 others'),
    })
  })

  async function chain(length: number): Promise<{ url: string; commit: string }> {
    let last = await origin('chain-0', { 'a.txt': 'a' })
    for (let index = 1; index < length; index += 1)
      last = await origin(
        `chain-${index}`,
        { '.gitmodules': modules({ in: `../chain-${index - 1}.git` }) },
        { in: last.commit },
      )
    return last
  }
})
