import { chmod, mkdir, rm, stat } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { empty } from './workspace-directory.ts'
import { endOthers } from './processes.ts'
import { serve, type SessionOptions } from './session.ts'

interface ListenOptions extends SessionOptions {
  readonly socket: string
  /** Directories that every user may write, such as /tmp: what a command has left there is removed. */
  readonly scratch: readonly string[]
  readonly log: (line: string) => void
}

/**
 * Takes connections, one after the other: what ends the processes of one would end those of another, and the next must
 * find nothing of the one before it.
 */
export async function listen(options: ListenOptions): Promise<void> {
  const { socket, log } = options
  await mkdir(dirname(socket), { recursive: true, mode: 0o750 })
  await rm(socket, { force: true })
  let last: Promise<void> = Promise.resolve()
  const server = createServer((connection) => {
    const before = last
    last = turn(connection, before, options)
      .then(async () => requireSocket(socket, await inode))
      .catch((error: unknown) => {
        // Something of a command may still be here: nothing else may be run beside it.
        log(`ending: ${error instanceof Error ? error.message : String(error)}`)
        process.exit(70)
      })
  })
  const inode = openSocket(server, socket)
  await inode
  log(`listening at ${socket}`)
}

async function openSocket(server: Server, socket: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  // The group of the directory is the one that Purser is in.
  await chmod(socket, 0o660)
  return (await stat(socket)).ino
}

async function turn(connection: Socket, before: Promise<void>, options: ListenOptions): Promise<void> {
  const places = [options.directory, ...options.scratch]
  const ready = before.then(() => emptyAll(places))
  await serve(connection, options, ready)
  // Also of a connection that was closed before its turn.
  await ready
  if (!(await endOthers())) throw new Error('a process of a command cannot be ended')
  await emptyAll(places)
}

async function emptyAll(places: readonly string[]): Promise<void> {
  for (const place of places) await empty(place)
}

/** A command may write where the socket is. Nobody may be left to speak to another one in its place. */
async function requireSocket(socket: string, inode: number): Promise<void> {
  const there = await stat(socket).catch(() => undefined)
  if (there?.ino !== inode) throw new Error('a command has taken the socket away')
}
