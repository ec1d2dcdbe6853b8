import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runChild } from '../../src/adapters/process/child.ts'
import { openCommands } from '../../src/adapters/process/commands.ts'

const commands = openCommands()
const never = new AbortController().signal
let cwd: string

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'purser-process-'))
})
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true })
})

function node(script: string, more: { timeoutMs?: number; onLine?: (line: string) => void } = {}) {
  return { argv: ['node', '-e', script] as const, cwd, env: {}, timeoutMs: 20_000, ...more }
}

describe('running a program', () => {
  it('hands out each line as it comes and keeps the exit code and the tail', async () => {
    const lines: string[] = []
    const outcome = await commands.run(
      node(`console.log('one'); console.error('two'); process.exitCode = 3`, { onLine: (line) => lines.push(line) }),
      never,
    )
    expect(outcome.exitCode).toBe(3)
    expect([...outcome.tail].sort()).toEqual(['one', 'two'])
    expect(lines).toHaveLength(2)
  })

  it('keeps only the last 200 lines', async () => {
    const outcome = await commands.run(node(`for (let i = 1; i <= 1000; i++) console.log(i)`), never)
    expect(outcome.tail).toHaveLength(200)
    expect(outcome.tail.at(-1)).toBe('1000')
  })

  it('gives the child nothing of our environment but what it needs to run', async () => {
    process.env['PURSER_TEST_TOKEN'] = 'leaked'
    try {
      const request = { ...node(`console.log(Object.keys(process.env).sort().join(' '))`), env: { GIVEN: 'yes' } }
      const { tail } = await commands.run(request, never)
      const names = (tail[0] ?? '').split(' ')
      expect(names).toContain('GIVEN')
      expect(names.filter((name) => !['GIVEN', 'PATH', 'HOME', 'LANG', 'TMPDIR'].includes(name))).toEqual([])
    } finally {
      delete process.env['PURSER_TEST_TOKEN']
    }
  })

  it('survives a line of 10 MB and shows its beginning', async () => {
    const outcome = await commands.run(node(`process.stdout.write('x'.repeat(10_000_000) + '\\nafter\\n')`), never)
    expect(outcome.tail.at(-1)).toBe('after')
    expect(outcome.tail[0]).toBe(`${'x'.repeat(8_192)}… (9991808 more characters)`)
  })

  it('shows what a progress bar came to, not its every step', async () => {
    const outcome = await commands.run(node(`process.stdout.write('10%\\r50%\\r100%\\r\\ndone')`), never)
    expect(outcome.tail).toEqual(['100%', 'done'])
  })

  it('names a program that is not there', async () => {
    const request = { argv: ['purser-no-such-program'] as const, cwd, env: {}, timeoutMs: 1000 }
    await expect(commands.run(request, never)).rejects.toMatchObject({ code: 'command_not_found' })
    await expect(commands.run({ ...node('1'), cwd: join(cwd, 'gone') }, never)).rejects.toMatchObject({
      code: 'workspace_missing',
    })
  })
})

describe('ending a program', () => {
  const family = `
    const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    require('node:fs').writeFileSync('child.pid', String(child.pid))
    console.log('ready')
    setInterval(() => {}, 1000)`

  it('ends grandchildren too when the run is cancelled, and rethrows the reason', async () => {
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    const running = commands.run(node(family, { onLine: () => cancel.abort(reason) }), cancel.signal)
    await expect(running).rejects.toBe(reason)
    expect(alive(Number(await readFile(join(cwd, 'child.pid'), 'utf8')))).toBe(false)
  })

  it('says that a program took too long and what it said last', async () => {
    const running = commands.run(
      node(`console.log('still thinking'); setInterval(() => {}, 1000)`, { timeoutMs: 600 }),
      never,
    )
    await expect(running).rejects.toMatchObject({ code: 'command_timed_out', evidence: ['still thinking'] })
  })

  it('does not wait for what a program left running behind, and ends it', async () => {
    const script = `
      const { spawn } = require('node:child_process')
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
      console.log(child.pid)
      child.unref()
      process.exit(0)`
    const outcome = await commands.run(node(script), never)
    expect(outcome.exitCode).toBe(0)
    await vi.waitFor(() => expect(alive(Number(outcome.tail[0]))).toBe(false), { timeout: 10_000 })
  })
})

/** A process that has ended but was not collected yet by process 1 does not count. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    return process.platform !== 'linux' && (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

describe('output that somebody takes at a pace of his own', () => {
  it('is there to its end, though the program has ended long before', async () => {
    let taken = 0
    const slow = new Writable({
      highWaterMark: 1_000,
      write(chunk: Buffer, _encoding, done) {
        // Longer than a program that has exited is otherwise waited for.
        setTimeout(() => ((taken += chunk.length), done()), taken === 0 ? 1_300 : 0)
      },
    })
    const { exitCode } = await runChild(
      {
        argv: [process.execPath, '-e', `process.stdout.write('x'.repeat(100_000))`],
        cwd: tmpdir(),
        env: {},
        timeoutMs: 20_000,
        onStdout: () => undefined,
        onStderr: () => undefined,
        stdoutTo: slow,
      },
      new AbortController().signal,
    )
    expect(exitCode).toBe(0)
    await new Promise((resolve) => slow.end(resolve))
    expect(taken).toBe(100_000)
  })
})
