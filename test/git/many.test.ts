import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Repository } from '../../src/adapters/git/port.ts'
import { openRepository } from '../../src/adapters/git/repository.ts'
import { makeGitRepository } from '../support/git-repository.ts'

const never = new AbortController().signal
const run = promisify(execFile)
const tags = Array.from({ length: 600 }, (_, index) => `v1.${index}.0`)

let directory: string
let origin: string
let repository: Repository
let head: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-git-many-'))
  origin = join(directory, 'origin.git')
  await makeGitRepository({ directory: origin, files: new Map(), tags })
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
        hint: expect.stringMatching(/^Nearest tags: v9\.0\.0, /),
      })
    })
    expect(commands).toEqual(['for-each-ref', 'fetch', 'ls-remote'])
  })

  it('keeps its tags in one file, which a fetch reads faster than a file for each', async () => {
    expect(await readdir(join(directory, 'mirror.git', 'refs', 'tags'))).not.toContain('v1.0.0')
    expect(await readFile(join(directory, 'mirror.git', 'packed-refs'), 'utf8')).toContain('refs/tags/v1.599.0\n')
  })
})
