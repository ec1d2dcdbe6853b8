import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
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
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  // The group of the directory is the one that Purser is in.
  await chmod(socket, 0o660)
  log(`listening at ${socket}`)
}

async function turn(connection: Socket, before: Promise<void>, options: ListenOptions): Promise<void> {
  const { directory, scratch, log } = options
  const ready = before.then(async () => {
    for (const place of [directory, ...scratch]) await empty(place)
  })
  try {
    await serve(connection, options, ready)
  } catch (error) {
    // Something of a command may still run here: nothing else may be run beside it.
    log(`ending: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(70)
  }
  // Also of a connection that was closed before its turn.
  await ready
  if (!(await endOthers())) process.exit(70)
  for (const place of [directory, ...scratch]) await empty(place)
}
