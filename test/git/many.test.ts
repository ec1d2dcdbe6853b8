import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { migrationFiles } from '../../src/runbook/migrate/migrations.ts'
import { worldOf } from '../runbook/phase-context.ts'
import { makeGitRepository } from '../support/git-repository.ts'

const never = new AbortController().signal
const run = promisify(execFile)
const tags = Array.from({ length: 600 }, (_, index) => `v1.${index}.0`)
const migrations = Array.from({ length: 300 }, (_, index) => `${20260101000000 + index}_m.sql`)

/** Names and contents that would end too early, or begin something else, if they were read by lines. */
const odd = new Map([
  ['odd/line\nfeed.txt', 'a\nb'],
  ['odd/say "so".txt', `${'a'.repeat(40)} blob 3\nabc\n`],
  ['odd/--batch', '\r\n\0\n'],
  ['odd/*', 'star'],
  ['odd/tab\t.txt', ''],
  ['odd/größe.txt', 'größe'],
  ['odd/back\\slash', 'odd/--batch'],
  ['odd/deeper/odd/--batch', 'another'],
  ['-rf', 'at the top'],
])

let directory: string
let origin: string
let repository: Repository
let head: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-git-many-'))
  origin = join(directory, 'origin.git')
  const files = new Map([...odd].map(([path, text]) => [path, Buffer.from(text)]))
  // Two of them have the same content, and so the same object.
  for (const [index, name] of migrations.entries())
    files.set(`db/${name}`, Buffer.from(`create table t${Math.max(1, index)} ();\n`))
  await makeGitRepository({ directory: origin, files, tags })
  repository = openRepository({ url: origin, mirrorDirectory: join(directory, 'mirror.git') })
  head = (await repository.resolveVersion('v1.599.0', never)).sha
  await mkdir(join(directory, 'bin'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

/** Puts a program before git on the way to it: the script sees git's arguments. */
async function before(script: string): Promise<void> {
  const { stdout } = await run('which', ['git'])
  const text = `#!/bin/sh\n${script}\nexec ${stdout.trim()} "$@"\n`
  await writeFile(join(directory, 'bin', 'git'), text, { mode: 0o755 })
  vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env['PATH']}`)
}

/** The commands of git that this starts, in order. */
async function started(work: () => Promise<unknown>): Promise<readonly string[]> {
  const log = join(directory, 'started')
  await writeFile(log, '')
  await before(`echo "$2" >> ${log}`)
  await work()
  vi.unstubAllEnvs()
  return (await readFile(log, 'utf8')).trim().split('\n')
}

describe('a repository with many files', () => {
  it('hands out 300 migrations for three starts of git', async () => {
    const config = { directory: 'db', lockTimeoutSeconds: 2, statementTimeoutMinutes: 5, needs: [], expect: [] }
    const commands = await started(async () => {
      const files = await migrationFiles(worldOf({ repository }), { ...config, blockers: 'name' }, head, never)
      expect(files.map(({ name }) => name)).toEqual(migrations)
      expect(files.map(({ sql }) => sql).slice(0, 3)).toEqual([1, 1, 2].map((one) => `create table t${one} ();\n`))
    })
    expect(commands).toEqual(['ls-tree', 'ls-tree', 'cat-file'])
  })

  it('hands out files of several directories in the order that was asked, for two starts of git', async () => {
    const paths = [...odd.keys(), `db/${migrations[7]}`, '-rf'].toReversed()
    const commands = await started(async () => {
      const wanted = paths.map((path, index) => ({ path, index }))
      const files = await repository.readAll(head, wanted, never)
      expect(files.map(({ path, index }) => [path, index])).toEqual(paths.map((path, index) => [path, index]))
      for (const { path, text } of files) expect(text).toBe(odd.get(path) ?? 'create table t7 ();\n')
    })
    expect(commands).toEqual(['ls-tree', 'cat-file'])
  })

  it('does not start git for no files', async () => {
    expect(await started(async () => expect(await repository.readAll(head, [], never)).toEqual([]))).toEqual([''])
  })

  it('names the files that are not there', async () => {
    const wanted = ['db/gone.sql', `db/${migrations[0]}`, 'lost.yaml'].map((path) => ({ path }))
    await expect(repository.readAll(head, wanted, never)).rejects.toMatchObject({
      code: 'file_missing',
      message: `reading db/gone.sql at ${head.slice(0, 7)}: it is not there`,
      evidence: ['db/gone.sql', 'lost.yaml'],
    })
  })

  it('refuses more bytes than one look may read', async () => {
    const small = openRepository({ url: origin, mirrorDirectory: join(directory, 'mirror.git'), mostBytes: 1_000 })
    const wanted = migrations.map((name) => ({ path: `db/${name}` }))
    expect(await small.readAll(head, wanted.slice(0, 20), never)).toHaveLength(20)
    await expect(small.readAll(head, wanted, never)).rejects.toMatchObject({
      code: 'file_too_large',
      message: `reading 300 files at ${head.slice(0, 7)}: together more than 1000 bytes`,
    })
  })

  it('ends git when the reading is cancelled', async () => {
    const pidFile = join(directory, 'pid')
    await before(`case "$*" in *--batch*) echo $$ > ${pidFile}; exec sleep 600;; esac`)
    const cancel = new AbortController()
    const reading = repository.readAll(head, [{ path: 'odd/*' }], cancel.signal)
    const reason = new Error('cancelled by Dana')
    const ended = reading.catch((error: unknown) => error)
    await vi.waitFor(async () => expect(await readFile(pidFile, 'utf8')).toMatch(/^\d+\n$/), 10_000)
    const pid = Number(await readFile(pidFile, 'utf8'))
    expect(() => process.kill(pid, 0)).not.toThrow()
    cancel.abort(reason)
    expect(await ended).toBe(reason)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})

describe('a repository with many tags', () => {
  it('resolves a version by asking for its tag alone', async () => {
    await run('git', ['--git-dir', origin, 'tag', 'v2.0.0', head])
    await run('git', ['--git-dir', origin, 'tag', 'v2.0.1', head])
    const commands = await started(() => repository.resolveVersion('v2.0.0', never))
    expect(commands).toEqual(['for-each-ref', 'fetch', 'update-ref', 'log'])
    const { stdout } = await run('git', ['--git-dir', join(directory, 'mirror.git'), 'tag', '--list', 'v2.*'])
    expect(stdout).toBe('v2.0.0\n')
    expect((await repository.tags(never)).map(({ name }) => name)).toContain('v2.0.1')
  })

  it('reads no other tag to resolve one, not even one that is damaged', async () => {
    const damaged = join(directory, 'mirror.git', 'refs', 'tags', 'damaged')
    await writeFile(damaged, `${'1'.repeat(40)}\n`)
    expect((await repository.resolveVersion('v1.599.0', never)).sha).toBe(head)
    await run('git', ['--git-dir', origin, 'tag', '--force', 'v2.0.0', `${head}~1`])
    expect((await repository.resolveVersion('v2.0.0', never)).subject).toBe('Release v1.598.0')
    await rm(damaged)
  })

  it('leaves nothing behind when it has resolved one', async () => {
    const temporary = join(directory, 'temporary')
    await mkdir(temporary)
    vi.stubEnv('TMPDIR', temporary)
    const there = await readdir(directory)
    await repository.resolveVersion('v1.599.0', never)
    await expect(repository.resolveVersion('v7.0.0', never)).rejects.toMatchObject({ code: 'unknown_version' })
    expect(await readdir(temporary)).toEqual([])
    expect(await readdir(directory)).toEqual(there)
  })

  it('names the nearest tags of those that the origin has now, without a fetch of them all', async () => {
    await run('git', ['--git-dir', origin, 'tag', 'v9.0.0', head])
    const commands = await started(async () => {
      const unknown = repository.resolveVersion('v9.0.01', never)
      await expect(unknown).rejects.toMatchObject({
        code: 'unknown_version',
        hint: expect.stringMatching(/^Closest: v9\.0\.0, /),
      })
    })
    expect(commands).toEqual(['for-each-ref', 'fetch', 'ls-remote'])
  })

  it('lists its tags without a fetch when none has changed, and fetches when one has', async () => {
    const tag = (...args: string[]) => run('git', ['--git-dir', origin, 'tag', '--force', ...args])
    const shaOf = async (name: string) => (await repository.tags(never)).find((one) => one.name === name)?.sha
    await tag('v3.0.0', head)
    expect(await shaOf('v3.0.0')).toBe(head)
    const commands = await started(() => repository.tags(never))
    expect(commands.toSorted()).toEqual(['for-each-ref', 'for-each-ref', 'ls-remote'])
    await tag('v3.0.0', `${head}~1`)
    expect(await shaOf('v3.0.0')).not.toBe(head)
    await run('git', ['--git-dir', origin, 'tag', '--delete', 'v3.0.0'])
    expect(await shaOf('v3.0.0')).toBeUndefined()
  })

  it('keeps its tags in one file, which a fetch reads faster than a file for each', async () => {
    expect(await readdir(join(directory, 'mirror.git', 'refs', 'tags'))).not.toContain('v1.0.0')
    expect(await readFile(join(directory, 'mirror.git', 'packed-refs'), 'utf8')).toContain('refs/tags/v1.599.0\n')
  })
})
