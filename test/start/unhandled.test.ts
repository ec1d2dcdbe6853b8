import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const script = fileURLToPath(new URL('./rejecting.ts', import.meta.url))

function end(how: 'rejects' | 'throws') {
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', script, how], { encoding: 'utf8' })
  return { status, stdout }
}

it('a rejection that nobody waits for is logged with what ran, and ends no phase', () => {
  const { status, stdout } = end('rejects')
  expect(stdout).toContain('rejected by a timer')
  expect(stdout).toContain('"running":["run 7, rollout"]')
  expect(stdout).toContain('the phase ended, and 0 run')
  expect(status).toBe(0)
})

it('an error that nobody catches ends the process, and its reason and what ran are in the log', () => {
  const { status, stdout } = end('throws')
  expect(stdout).toContain('thrown from a timer')
  expect(stdout).toContain('"running":["run 7, rollout"]')
  expect(stdout).not.toContain('the phase ended')
  expect(status).not.toBe(0)
})
