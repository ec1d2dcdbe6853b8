import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isRoot } from '../runner/runners.ts'

const user = 64_113

/** What both images make of tini, which lives as long as the container and was started with its environment. */
describe.runIf(isRoot)('a program that its user may start but not read', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'purser-process-one-'))
    chmodSync(directory, 0o755)
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  async function shown(mode: number): Promise<string> {
    const program = join(directory, `waits-${mode.toString(8)}`)
    copyFileSync('/bin/sleep', program)
    chownSync(program, 0, 0)
    chmodSync(program, mode)
    const as = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all']
    // setpriv still has root's rights when it starts a program: the shell between them has none.
    const child = spawn('setpriv', [...as, 'sh', '-c', 'exec "$0" 60', program], {
      env: { PATH: process.env['PATH'], TOKEN: 'xoxb-of-process-one' },
    })
    try {
      await vi.waitFor(async () => expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).toContain(program))
      const looks = spawnSync('setpriv', [...as, 'cat', `/proc/${child.pid}/environ`])
      return looks.stdout.toString() + looks.stderr.toString()
    } finally {
      child.kill('SIGKILL')
    }
  }

  it('shows that user nothing of what it was started with; one that can be read shows it all', async () => {
    expect(await shown(0o755)).toContain('xoxb-of-process-one')
    expect(await shown(0o711)).toMatch(/Permission denied/)
  })
})
