import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'

const never = new AbortController().signal
let directory: string
let repository: Repository

const git = (...args: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com', ...args], {
    cwd: join(directory, 'work'),
    encoding: 'utf8',
  }).trim()

function commit(subject: string, files: Readonly<Record<string, string>> = {}, ...more: readonly string[]): string {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, 'work', file)), { recursive: true })
    writeFileSync(join(directory, 'work', file), text)
  }
  git('add', '-A')
  git('commit', '--quiet', '--allow-empty', '-m', subject, ...more)
  return git('rev-parse', 'HEAD')
}

let first = ''
let newest = ''
let aside = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'purser-changes-'))
  mkdirSync(join(directory, 'work'))
  git('init', '--quiet', '-b', 'main')
  first = commit('First', { 'src/billing/old.ts': 'old\n', 'README.md': 'read\n', 'src/billing/kept.ts': 'x\n' })
  commit('Fix <!channel> *bold* `code` & ‮reversed\u0007', { 'src/billing/deep/one.ts': '1' })
  commit('x'.repeat(5_000), { 'docs/a b "c".md': '1' }, '--author', `${'N'.repeat(300)} <n@example.com>`)
  renameSync(join(directory, 'work/src/billing/old.ts'), join(directory, 'work/src/billing/new.ts'))
  newest = commit('Rename', {})
  git('checkout', '--quiet', '-b', 'aside', first)
  aside = commit('Only here', { 'README.md': 'other\n' })
  git('checkout', '--quiet', 'main')
  repository = openRepository({ url: join(directory, 'work/.git'), mirrorDirectory: join(directory, 'mirror.git') })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const changes = (from: string, to = newest, paths: readonly string[] = [], most = 10) =>
  repository.changesBetween({ from, to, paths, mostCommits: most, mostFiles: most }, never)

describe('what is new between two commits', () => {
  it('lists the newest first, says how many there are, and cuts what is long', async () => {
    const seen = await changes(first, newest, [], 2)
    expect(seen).toMatchObject({ from: first, ahead: 3, behind: 0, files: 4 })
    expect(seen?.commits).toHaveLength(2)
    expect(seen?.commits[0]).toEqual({ sha: newest, author: 'Dana', subject: 'Rename' })
    expect(seen?.commits[1]?.subject).toMatch(/^x{298}\.\.$/)
    expect(seen?.commits[1]?.author).toMatch(/^N{78}\.\.$/)
  })

  it('takes what steers a terminal, or the direction of the text, out of a subject', async () => {
    const seen = await changes(first)
    expect(seen?.commits[2]?.subject).toBe('Fix <!channel> *bold* `code` & reversed')
  })

  it('counts what only the running version has', async () => {
    expect(await changes(aside)).toMatchObject({ ahead: 3, behind: 1 })
    expect(await changes(newest, aside)).toMatchObject({ ahead: 1, behind: 3 })
  })

  it('sees that nothing is new', async () => {
    expect(await changes(newest)).toEqual({
      from: newest,
      ahead: 0,
      behind: 0,
      commits: [],
      files: 0,
      matching: 0,
      matched: [],
    })
  })

  it('takes an abbreviated id for the commit that it is', async () => {
    expect(await changes(first.slice(0, 7))).toMatchObject({ from: first, ahead: 3 })
  })

  it.each(['HEAD', 'main', '--output=/tmp/x', 'abc', '', `${'a'.repeat(40)}`, 'first^{commit}', ':/First'])(
    'knows no commit %j',
    async (from) => {
      expect(await changes(from)).toBeUndefined()
    },
  )

  it('finds a commit that came since the last look', async () => {
    git('checkout', '--quiet', '--detach', first)
    const late = commit('Late')
    git('branch', 'late')
    git('checkout', '--quiet', 'main')
    expect(await changes(late)).toMatchObject({ from: late, ahead: 3, behind: 1 })
  })
})

describe('files that the globs name', () => {
  it.each([
    [['src/billing/**'], ['src/billing/deep/one.ts', 'src/billing/new.ts', 'src/billing/old.ts']],
    [['src/billing'], ['src/billing/deep/one.ts', 'src/billing/new.ts', 'src/billing/old.ts']],
    [['src/billing/*'], ['src/billing/new.ts', 'src/billing/old.ts']],
    [['**/one.ts'], ['src/billing/deep/one.ts']],
    [['docs/**'], ['docs/a b "c".md']],
    [['docs/a b*'], ['docs/a b "c".md']],
    [['lib/**'], []],
    [['src/billing/kept.ts'], []],
    [
      ['docs/**', '**/new.ts'],
      ['docs/a b "c".md', 'src/billing/new.ts'],
    ],
  ])('%j', async (paths, matched) => {
    expect(await changes(first, newest, paths)).toMatchObject({ files: 4, matching: matched.length, matched })
  })

  it('lists as many as there is room for, and counts all', async () => {
    expect(await changes(first, newest, ['src/**'], 1)).toMatchObject({
      matching: 3,
      matched: ['src/billing/deep/one.ts'],
    })
  })
})

describe('what a repository may hold', () => {
  /** A commit object of any bytes, as no porcelain of git would write it. */
  function raw(message: Buffer): string {
    const who = 'Dana <dana@example.com> 1767225600 +0000'
    const head = Buffer.from(
      `tree ${git('rev-parse', `${newest}^{tree}`)}\nparent ${newest}\nauthor ${who}\ncommitter ${who}\n\n`,
    )
    const input = Buffer.concat([head, message])
    const options = { cwd: join(directory, 'work'), input, encoding: 'utf8' } as const
    const sha = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], options).trim()
    git('branch', `raw-${sha.slice(0, 12)}`, sha)
    return sha
  }

  it.each<[string, Buffer, RegExp]>([
    ['a NUL', Buffer.from('before\0after'), /^before/],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0xfe, 0x62]), /^a.*b$/],
    ['characters that take no room', Buffer.from(`a${'\u0301'.repeat(100_000)}`), /^a\u0301{0,299}$/],
    ['half a megabyte of a subject', Buffer.from('x'.repeat(500_000)), /^x{298}\.\.$/],
    ['nothing', Buffer.alloc(0), /^$/],
    ['what looks like more fields', Buffer.from('%H%x00%an%s'), /^%H%x00%an%s$/],
    ['a turned direction', Buffer.from('\u202Eabc\u2066\u200Fdef\u0007\u001B[31m'), /^abcdef$/],
    ['tabs', Buffer.from('one\ttwo'), /^one two$/],
  ])('%s in a subject', async (_, message, subject) => {
    const sha = raw(message)
    const seen = await changes(newest, sha)
    expect(seen?.commits.map((one) => one.sha)).toEqual([sha])
    expect(seen?.commits[0]?.subject).toMatch(subject)
    expect(seen?.commits[0]?.author).toBe('Dana')
  })

  it('submodules and symbolic links are files, as git says, and none is followed', async () => {
    git('checkout', '--quiet', '-b', 'links', newest)
    symlinkSync('/etc', join(directory, 'work/src/billing/link'))
    git('add', '-A')
    git('update-index', '--add', '--cacheinfo', `160000,${first},vendor/module`)
    git('commit', '--quiet', '-m', 'Links')
    const sha = git('rev-parse', 'HEAD')
    git('checkout', '--quiet', '--force', 'main')
    expect(await changes(newest, sha, ['src/**', 'vendor/**'])).toMatchObject({
      files: 2,
      matched: ['src/billing/link', 'vendor/module'],
    })
  })
})
