import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStores, type TestStores } from './stores.ts'

const run = promisify(execFile)

let stores: TestStores
let directory: string
beforeAll(async () => {
  stores = await openStores()
  await stores.reset()
  directory = await mkdtemp(join(tmpdir(), 'audit-export-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true })
  await stores.close()
})

it('is exported whole by the command that docs/audit.md shows', async () => {
  const docs = await readFile(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  const command = /^psql .*copy .*audit_events.*$/m.exec(docs)?.[0] ?? ''
  await stores.approve(await stores.waiting())
  await run('sh', ['-c', command], { cwd: directory, env: { ...process.env, STATE_DATABASE_URL: stores.url } })
  const [head = '', ...lines] = (await readFile(join(directory, 'audit.csv'), 'utf8')).trim().split('\n')
  const { rows } = await stores.pool.query<{ sequence: string }>(
    'select sequence from purser.audit_events order by sequence',
  )
  expect(rows.length).toBeGreaterThan(3)
  const column = head.split(',').indexOf('sequence')
  // No field before the sequence holds a comma.
  expect(lines.map((line) => line.split(',')[column])).toEqual(rows.map(({ sequence }) => sequence))
  for (const name of ['hash', 'previous_hash', 'facts', 'key_id']) expect(head.split(',')).toContain(name)
})
