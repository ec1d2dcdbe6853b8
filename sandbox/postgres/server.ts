import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Home, type Major, prepareHome, programs } from './home.ts'

interface PostgresOptions {
  /** Everything is kept here; a later start on the same directory finds its databases again. */
  readonly directory: string
  /** Of the server; 15 by default, whose clients Debian has. */
  readonly major?: Major
  /** Settings of the server in the place of the usual ones. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface PostgresServer {
  readonly port: number
  /** Address of a database, with the administrator's name and password. */
  url(database: string): string
  readonly adminUrl: string
  /** Does nothing when the database exists. */
  createDatabase(name: string): Promise<void>
  /** `fast` closes sessions and shuts down; `immediate` is a crash: the next start recovers. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  restart(mode?: 'fast' | 'immediate'): Promise<void>
  close(): Promise<void>
}

const user = 'postgres'
const startLimitMs = 30_000
/** A throw-away server: durability is traded for speed, memory is kept small. */
const usual = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
  max_connections: '100',
  max_prepared_transactions: '10',
  max_wal_size: '128MB',
  autovacuum_naptime: '60s',
  log_line_prefix: '%m [%p] %q%a@%d ',
  lc_messages: 'C',
} as const

export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const home = await prepareHome(options.directory)
  const { major = 15, settings = {} } = options
  const password = await cluster(home, major)
  await endLeftover(home)
  let child: ChildProcess | undefined
  let port = 0
  const url = (database: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`

  async function start(): Promise<void> {
    if (child) return
    for (let attempt = 1; ; attempt += 1) {
      if (port === 0) port = await freePort()
      try {
        child = await launch(home, major, port, settings)
        return
      } catch (error) {
        // Someone may take the port between our look and the server's; only a first start may move elsewhere.
        if (attempt >= 3 || !String(error).includes('in use')) throw error
        port = 0
      }
    }
  }

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const running = child
    child = undefined
    if (running) await end(running, mode)
  }

  await start()
  return {
    get port() {
      return port
    },
    url,
    get adminUrl() {
      return url('postgres')
    },
    createDatabase: (name) => createDatabase(url('postgres'), name),
    start,
    stop,
    restart: async (mode) => {
      await stop(mode)
      await start()
    },
    close: () => stop('fast'),
  }
}

/** Makes the cluster when there is none; a half-made one is never left in its place. Returns the administrator's password. */
async function cluster(home: Home, major: Major): Promise<string> {
  const passwordFile = join(home.directory, 'password')
  if (await stat(home.data).catch(() => undefined)) return readFile(passwordFile, 'utf8')
  const partial = `${home.data}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { mode: 0o700 })
  await give(partial, home)
  const password = randomBytes(18).toString('hex')
  await writeFile(passwordFile, password, { mode: 0o600 })
  await give(passwordFile, home)
  const { initdb } = await programs(home, major)
  const args = [`--pgdata=${partial}`, `--username=${user}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const child = spawn(initdb, [...args, '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'], {
    ...home.identity,
    cwd: partial,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said: string[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`making the PostgreSQL cluster: initdb exited ${code}\n${said.join('')}`)
  await rename(partial, home.data)
  return password
}

async function give(path: string, { identity }: Home): Promise<void> {
  if (identity.uid !== undefined) await chown(path, identity.uid, identity.gid ?? identity.uid)
}

async function launch(home: Home, major: Major, port: number, own: PostgresOptions['settings']): Promise<ChildProcess> {
  const { postgres } = await programs(home, major)
  const flags = Object.entries({ ...usual, ...own }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(postgres, ['-D', home.data, '-p', String(port), ...flags], {
    ...home.identity,
    cwd: home.data,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // Ctrl-C in the terminal is for the sandbox, which closes its clients before it stops the server
  })
  const log = createWriteStream(join(home.directory, 'postgres.log'), { flags: 'a' })
  child.stderr.pipe(log)
  const withParent = (): void => void child.kill('SIGINT')
  process.once('exit', withParent)
  child.once('close', () => process.off('exit', withParent))
  let said = ''
  try {
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        if (said.length < 20_000) said += chunk.toString()
        if (said.includes('database system is ready to accept connections')) resolve()
      })
      child.once('error', reject)
      child.once('close', () => reject(new Error(`starting PostgreSQL on port ${port}: it ended\n${said}`)))
      const late = (): void =>
        reject(new Error(`starting PostgreSQL: not ready after ${startLimitMs / 1000} s\n${said}`))
      const timer = setTimeout(late, startLimitMs)
      child.stderr.once('close', () => clearTimeout(timer))
      timer.unref()
    })
  } catch (error) {
    child.kill('SIGQUIT')
    throw error
  }
  return child
}

async function end(child: ChildProcess, mode: 'fast' | 'immediate'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  const hurry = setTimeout(() => child.kill('SIGQUIT'), 10_000)
  await closed
  clearTimeout(hurry)
}

/** A sandbox that was killed leaves its server running on the directory; it would refuse the new one. */
async function endLeftover(home: Home): Promise<void> {
  const file = await readFile(join(home.data, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(file.split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1 || file.split('\n')[1] !== home.data) return
  for (let waited = 0; waited < 200 && (await isPostgres(pid)); waited += 1) {
    if (waited === 0) process.kill(pid, 'SIGINT')
    if (waited === 100) process.kill(pid, 'SIGQUIT')
    await sleep(50)
  }
}

/** By its name, since a process id may belong to somebody else by now. An ended one that nobody has collected has no command line. */
async function isPostgres(pid: number): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return (commandLine.split('\0')[0] ?? '').endsWith('postgres')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)} template template0`)
  } finally {
    await client.end()
  }
}
