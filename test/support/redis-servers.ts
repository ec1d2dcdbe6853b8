import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.ts'

/** redis-server processes in the shapes in which Redis is operated; everything ends with `close`. */
export class RedisServers {
  readonly #children: ChildProcess[] = []
  readonly #closers: (() => void)[] = []
  readonly #directories: string[] = []

  /** A server with these further options; its port. */
  async server(...options: readonly string[]): Promise<number> {
    const port = await freePort()
    const tls = options.includes('--tls-port')
    const listen = tls
      ? options.map((option) => (option === 'TLS' ? String(port) : option))
      : ['--port', String(port), ...options]
    this.#start(['--dir', await this.directory(), '--bind', '127.0.0.1', '--save', '', ...listen])
    if (!tls) await redisSays(port, 'ping')
    return port
  }

  /** A Sentinel of its own that watches this primary as `mymaster`; its port. */
  async sentinel(primary: number): Promise<number> {
    const port = await freePort()
    const file = join(await this.directory(), 'sentinel.conf')
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor mymaster 127.0.0.1 ${primary} 1`,
      'sentinel down-after-milliseconds mymaster 1000',
      'sentinel failover-timeout mymaster 3000',
    ]
    await writeFile(file, `${lines.join('\n')}\n`)
    this.#start([file, '--sentinel'])
    await redisSays(port, 'ping')
    return port
  }

  /** Three primaries that share the slots; their ports. */
  async cluster(): Promise<readonly number[]> {
    const ports = [await this.#node(), await this.#node(), await this.#node()]
    const nodes = ports.map((port) => `127.0.0.1:${port}`)
    const made = spawnSync('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-yes'], { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(`no cluster: ${made.stdout}${made.stderr}`)
    for (const port of ports)
      while (!String(await redisSays(port, 'cluster', 'info')).includes('cluster_state:ok'))
        await new Promise((resolve) => setTimeout(resolve, 50))
    return ports
  }

  async #node(): Promise<number> {
    return this.server('--cluster-enabled', 'yes', '--cluster-port', String(await freePort()))
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'purser-test-redis-'))
    this.#directories.push(directory)
    return directory
  }

  /** An address that leads to one server, and after `lead` to another one; connections that stand stay where they are. */
  async address(first: number): Promise<{ readonly port: number; lead(port: number): void }> {
    let target = first
    const sockets = new Set<Socket>()
    const server: Server = createServer((socket) => {
      const onward = connect(target, '127.0.0.1')
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one)
        one.on('error', () => other.destroy()).on('close', () => other.destroy())
        one.pipe(other)
      }
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return { port, lead: (to) => void (target = to) }
  }

  /** Ends the process that was started first, second … as a machine that is lost. */
  kill(index: number): void {
    this.#children[index]?.kill('SIGKILL')
  }

  async close(): Promise<void> {
    for (const close of this.#closers) close()
    for (const child of this.#children) child.kill('SIGKILL')
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true })
  }

  #start(args: readonly string[]): void {
    this.#children.push(spawn('redis-server', args, { stdio: 'ignore' }))
  }
}

/** Sends one command to the server on this port and waits until it answers. */
export async function redisSays(port: number, command: string, ...args: readonly string[]): Promise<unknown> {
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  try {
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}
