import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))

/** The production program as a process of its own. */
export interface Bot {
  readonly pid: number
  /** Resolves when the program says that it is ready; rejects with its last lines when it ends before. */
  readonly ready: Promise<void>
  readonly exited: Promise<number | null>
  /** SIGTERM, and SIGKILL after 25 s. */
  stop(): Promise<void>
  kill(signal: NodeJS.Signals): void
}

/** The sources as they are, or what SANDBOX_PROGRAM names: what was built from them starts in half the time. */
const built = process.env['SANDBOX_PROGRAM']
const program: readonly [string, ...string[]] = [
  process.execPath,
  ...(built === undefined ? ['--import', 'tsx', main] : ['--enable-source-maps', join(root, built)]),
]

/** `environment` is all it gets, beside PATH and HOME; its log goes to `logFile`. */
export function startBot(
  environment: Readonly<Record<string, string>>,
  logFile: string,
  [file, ...args]: readonly [string, ...string[]] = program,
): Bot {
  const child = spawn(file, args, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile, { flags: 'a' })
  const last: string[] = []
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ready = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      const text = chunk.toString()
      log.write(text)
      last.push(text)
      if (last.length > 20) last.shift()
      if (text.includes('purser is ready')) resolve()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Purser ended with ${code} before it was ready:\n${last.join('')}`)))
  })
  ready.catch(() => undefined)
  return {
    pid: child.pid ?? -1,
    ready,
    exited,
    kill: (signal) => void child.kill(signal),
    stop: async () => {
      child.kill('SIGTERM')
      const hard = setTimeout(() => child.kill('SIGKILL'), 25_000)
      await exited
      clearTimeout(hard)
      log.end()
    },
  }
}
