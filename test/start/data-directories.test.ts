import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
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
