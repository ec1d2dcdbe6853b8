import { chmod, mkdir, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { removeLeftovers } from '../../src/start/leftovers.ts'
import { closeDataDirectories } from '../../src/start/data-directories.ts'

let directory: string
let warnings: string[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-data-'))
  warnings = []
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const closes = (backupDirectory: string) =>
  closeDataDirectories(
    { dataDirectory: join(directory, 'data'), backupDirectory },
    { warn: (text: unknown) => void warnings.push(String(text)) },
  )

it('makes data and workspaces for Purser alone, and closes what an earlier version left open', async () => {
  const data = join(directory, 'data')
  for (const name of ['mirror.git', 'backups']) {
    await mkdir(join(data, name), { recursive: true })
    await chmod(join(data, name), 0o755)
  }
  await chmod(data, 0o777)
  await closes(join(data, 'backups'))
  for (const path of ['', 'workspaces', 'mirror.git', 'backups']) expect(await modeOf(join(data, path))).toBe(0o700)
  expect(warnings).toEqual([])
})

it('leaves a directory for backups elsewhere as it is, and says when others may enter it', async () => {
  const elsewhere = join(directory, 'elsewhere')
  await mkdir(elsewhere)
  await chmod(elsewhere, 0o750)
  await closes(elsewhere)
  expect(await modeOf(elsewhere)).toBe(0o750)
  expect(warnings.join()).toContain(`others can enter the backup directory ${elsewhere}`)
})

it('names a directory in which nothing can be made, and what to do', async () => {
  await writeFile(join(directory, 'data'), 'a file in its place')
  await expect(closes(join(directory, 'elsewhere'))).rejects.toMatchObject({
    problems: [expect.stringContaining(`PURSER_DATA_DIR: ${join(directory, 'data')} cannot be written to (EEXIST)`)],
    hint: expect.stringContaining('may write to') as unknown,
  })
})

it('removes what killed processes have left, and nothing that may be in use', async () => {
  const old = [
    'workspaces/run-1',
    'mirror.git.ab12.partial',
    'mirror.git/packed-refs.lock',
    'mirror.git/objects/pack/tmp_pack_x',
  ]
  const kept = [
    'workspaces/run-2',
    'mirror.git.cd34.partial',
    'mirror.git/shallow.lock',
    'mirror.git/objects/pack/pack-1.pack',
  ]
  for (const path of [...old, ...kept]) {
    await mkdir(join(directory, dirname(path)), { recursive: true })
    await writeFile(join(directory, path), 'left')
  }
  await mkdir(join(directory, 'workspaces', 'run-3', 'checkout'), { recursive: true })
  const long = new Date(Date.now() - 25 * 3_600_000)
  for (const path of [...old, 'workspaces/run-3', 'mirror.git/objects/pack/pack-1.pack'])
    await utimes(join(directory, path), long, long)
  expect(
    await removeLeftovers(directory, {
      info: () => undefined,
      warn: (text: unknown) => void warnings.push(String(text)),
    }),
  ).toBe(5)
  for (const path of [...old, 'workspaces/run-3']) await expect(stat(join(directory, path))).rejects.toThrow('ENOENT')
  for (const path of kept) expect((await stat(join(directory, path))).isFile()).toBe(true)
  expect(warnings).toEqual([])
})
