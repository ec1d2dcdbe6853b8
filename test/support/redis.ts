import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RedisPlace } from '../../src/config/environment/environment.ts'
import { SensitiveFile } from '../../src/config/environment/sensitive-file.ts'
import { Sensitive } from '../../src/sensitive.ts'

export interface TestRedis {
  readonly url: string
  /** As a crash: SIGKILL, then a new server on the same data. Does nothing to a server that was given. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** True when there is a Redis to test with: one that TEST_REDIS_URL names, or the `redis-server` of this machine. */
export const redisIsHere =
  process.env['TEST_REDIS_URL'] !== undefined || spawnSync('redis-server', ['--version']).status === 0

if (!redisIsHere) process.stderr.write('skipped: tests on Redis need redis-server (apt-get install redis-server)\n')
if (!redisIsHere && process.env['CI'] !== undefined) throw new Error('CI must have redis-server: see .ci/run')

/** The place that these variables name, as `readSettings` reads them. */
export function redisFrom(env: Readonly<Record<string, string | undefined>>): RedisPlace | undefined {
  const { REDIS_URL: given, REDIS_URL_FILE: file, REDIS_MODE: mode, REDIS_CA: ca } = env
  const url = file === undefined ? given : readFileSync(file, 'utf8').trim()
  if (url === undefined) return undefined
  return {
    url: file === undefined ? new Sensitive(url) : new SensitiveFile(file, url),
    mode: mode === 'cluster' || mode === 'sentinel' ? mode : 'single',
    primary: env['REDIS_PRIMARY'] ?? 'mymaster',
    ca,
  }
}

/** A Redis of this test's own, with its data in a directory that goes with it. */
export async function startTestRedis(): Promise<TestRedis> {
  const given = process.env['TEST_REDIS_URL']
  if (given !== undefined) return { url: given, restart: async () => undefined, close: async () => undefined }
  const directory = await mkdtemp(join(tmpdir(), 'purser-test-redis-'))
  const port = await freePort()
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--appendonly',
    'yes',
    '--maxmemory-policy',
    'noeviction',
  ]
  const url = `redis://127.0.0.1:${port}`
  const start = async () => {
    const child = spawn('redis-server', options, { stdio: 'ignore' })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await ping(url)
    return {
      end: async (signal: NodeJS.Signals) => {
        child.kill(signal)
        await ended
      },
    }
  }
  let server = await start()
  return {
    url,
    restart: async () => {
      await server.end('SIGKILL')
      server = await start()
    },
    close: async () => {
      await server.end('SIGTERM')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function ping(url: string): Promise<void> {
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  await client.ping()
  client.disconnect()
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}
