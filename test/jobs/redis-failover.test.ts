import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openQueues } from '../../src/jobs/queues.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { ask } from '../support/postgres.ts'
import { redisFrom, redisIsHere } from '../support/redis.ts'
import { RedisServers, redisSays } from '../support/redis-servers.ts'

const workerFile = fileURLToPath(new URL('./toy-worker.ts', import.meta.url))
const log = pino({ level: 'silent' })
type Env = Readonly<Record<string, string>>

describe.runIf(redisIsHere)('Redis', () => {
  let stores: TestStores
  let servers: RedisServers
  beforeAll(async () => {
    stores = await openStores()
  })
  afterAll(() => stores.close())
  beforeEach(async () => {
    servers = new RedisServers()
    await stores.reset()
    await ask(
      stores.url,
      'drop table if exists acts; create table acts (id serial primary key, worker text, step text, what text)',
    )
  })
  afterEach(() => servers.close())

  async function startWorker(env: Env): Promise<void> {
    const child = spawn(process.execPath, ['--import', 'tsx', workerFile, 'worker'], {
      env: { ...process.env, STATE_DATABASE_URL: stores.url, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
  }

  const verify = async () =>
    (await stores.create({ kind: 'verify', approvalsNeeded: 0, phases: [{ name: 'verify', budgetMinutes: 5 }] })).run
      .number
  const ends = (run: number, withinMs: number) =>
    vi.waitFor(async () => expect((await stores.runs.get(run)).status).toBe('succeeded'), {
      timeout: withinMs,
      interval: 100,
    })
  const begins = (withinMs: number) =>
    vi.waitFor(async () => expect((await ask(stores.url, 'select 1 from acts')).length).toBeGreaterThan(0), {
      timeout: withinMs,
      interval: 50,
    })

  it('fails over and the former primary lives on as a replica: boards say that work waits, and it goes on within 10 s', async () => {
    const former = await servers.server()
    const next = await servers.server('--replicaof', `127.0.0.1 ${former}`)
    const address = await servers.address(former)
    await startWorker({ REDIS_URL: `redis://127.0.0.1:${address.port}` })
    await ends(await verify(), 30_000)
    await ask(stores.url, 'truncate acts')

    await redisSays(next, 'replicaof', 'no', 'one')
    await redisSays(former, 'replicaof', '127.0.0.1', String(next))
    const run = await verify()
    const line = async () => (await stores.runs.get(run)).phases[0]?.line
    await vi.waitFor(async () => expect(await line()).toBe('waits: the queue does not answer'), {
      timeout: 30_000,
      interval: 100,
    })
    const { rev } = await stores.runs.get(run)
    await vi.waitFor(async () => expect((await stores.boards.board(run)).shownRev).toBeGreaterThanOrEqual(rev), {
      timeout: 20_000,
      interval: 100,
    })
    expect(await ask(stores.url, 'select 1 from acts')).toEqual([])

    address.lead(next)
    await begins(10_000)
    await ends(run, 20_000)
  }, 120_000)

  it('is found by Sentinels, before and after the primary is lost', async () => {
    const former = await servers.server()
    await servers.server('--replicaof', `127.0.0.1 ${former}`)
    const sentinel = await servers.sentinel(former)
    await vi.waitFor(
      async () => expect(await redisSays(sentinel, 'sentinel', 'replicas', 'mymaster')).toHaveLength(1),
      {
        timeout: 30_000,
        interval: 200,
      },
    )
    await startWorker({ REDIS_URL: `redis://127.0.0.1:${sentinel}`, REDIS_MODE: 'sentinel' })
    await ends(await verify(), 30_000)
    await ask(stores.url, 'truncate acts')
    servers.kill(0)
    await vi.waitFor(
      async () =>
        expect(await redisSays(sentinel, 'sentinel', 'get-master-addr-by-name', 'mymaster')).not.toContain(
          String(former),
        ),
      { timeout: 30_000, interval: 100 },
    )
    const run = await verify()
    await begins(10_000)
    await ends(run, 20_000)
  }, 120_000)

  it('is a cluster, whose scripts need all keys of a queue in one slot', async () => {
    const ports = await servers.cluster()
    const urls = ports.map((port) => `redis://127.0.0.1:${port}`).join(',')
    await startWorker({ REDIS_URL: urls, REDIS_MODE: 'cluster' })
    await ends(await verify(), 40_000)
  }, 120_000)

  it('speaks TLS with a certificate of an authority of its own, and nobody else is believed', async () => {
    const directory = await servers.directory()
    const { ca, cert, key } = certificates(directory)
    const port = await servers.server(
      '--port',
      '0',
      '--tls-port',
      'TLS',
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      ca,
      '--tls-auth-clients',
      'no',
    )
    const url = `rediss://localhost:${port}`
    await startWorker({ REDIS_URL: url, REDIS_CA: readFileSync(ca, 'utf8') })
    await ends(await verify(), 30_000)
    const warned = vi.fn<(about: { readonly err?: unknown }) => void>()
    const queues = await openQueues({
      redis: redisFrom({ REDIS_URL: url }),
      stateDatabaseUrl: stores.url,
      owner: 'purser-tls',
      log: Object.assign(pino({ level: 'silent' }), { warn: warned }),
    })
    await expect(queues.queue('one').add({}, {})).rejects.toThrow('queue store has not answered')
    await queues.close()
    expect(JSON.stringify(warned.mock.calls.map(([first]) => String(first.err)))).toMatch(/certificate/i)
  }, 120_000)

  it('has users with rights of their own, and a password that is exchanged', async () => {
    const port = await servers.server()
    const file = join(await servers.directory(), 'url')
    const give = async (password: string) => {
      await redisSays(
        port,
        'acl',
        'setuser',
        'purser',
        'on',
        'resetpass',
        `>${password}`,
        '~{purser-*',
        '&*',
        '+@all',
        '-@admin',
        '+info',
      )
      await writeFile(file, `redis://purser:${password}@127.0.0.1:${port}\n`)
    }
    await give('first-password')
    await startWorker({ REDIS_URL_FILE: file })
    await ends(await verify(), 30_000)
    await ask(stores.url, 'truncate acts')
    await give('second-password')
    await redisSays(port, 'client', 'kill', 'user', 'purser')
    const run = await verify()
    await begins(10_000)
    await ends(run, 20_000)
  }, 120_000)

  it('that throws keys away is refused, with the reason and what to do', async () => {
    const port = await servers.server('--maxmemory-policy', 'allkeys-lru')
    const opening = openQueues({
      redis: redisFrom({ REDIS_URL: `redis://127.0.0.1:${port}` }),
      stateDatabaseUrl: stores.url,
      owner: 'purser-lru',
      log,
    })
    await expect(opening).rejects.toMatchObject({
      message: expect.stringContaining('maxmemory-policy is allkeys-lru') as unknown,
      hint: expect.stringContaining('noeviction') as unknown,
    })
  }, 30_000)

  it('is shared by two Pursers, each of which takes its own jobs only', async () => {
    const port = await servers.server()
    const open = (owner: string) =>
      openQueues({
        redis: redisFrom({ REDIS_URL: `redis://127.0.0.1:${port}` }),
        stateDatabaseUrl: stores.url,
        owner,
        log,
      })
    const [billing, shop] = [await open('purser-billing'), await open('purser-shop')]
    const taken: string[] = []
    shop.work('phases', 1, async () => void taken.push('shop'))
    billing.work('phases', 1, async () => void taken.push('billing'))
    for (const jobId of ['a', 'b', 'c']) await billing.queue('phases').add({}, { jobId })
    await vi.waitFor(() => expect(taken).toHaveLength(3), { timeout: 20_000, interval: 50 })
    expect(taken).toEqual(['billing', 'billing', 'billing'])
    await Promise.all([billing.close(), shop.close()])
  }, 60_000)
})

/** An authority and a certificate of `localhost` by it; the files. */
function certificates(directory: string): { readonly ca: string; readonly cert: string; readonly key: string } {
  const at = (name: string) => join(directory, name)
  const openssl = (...args: readonly string[]) => {
    const made = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' })
    if (made.status !== 0) throw new Error(made.stderr)
  }
  const request = ['req', '-newkey', 'rsa:2048', '-nodes', '-subj'] as const
  openssl(...request, '/CN=Test CA', '-x509', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl(
    ...request,
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-copy_extensions',
    'copy',
    '-out',
    'server.pem',
  )
  return { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') }
}
