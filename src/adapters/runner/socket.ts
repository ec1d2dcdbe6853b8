import { connect, type Socket } from 'node:net'
import { RunnerError } from './errors.ts'
import type { Runner } from './port.ts'
import { openSession } from './session.ts'

/** How long a runner may take to be reached: it restarts when a command has ended it. */
const reachMs = 30_000
const againMs = 500

/** A runner that listens at a Unix socket: a container beside Purser's, or a service with a user of its own. */
export function runnerAt(path: string): Runner {
  return {
    isolation: { kind: 'runner', sentence: `Commands run in the runner at ${path}, apart from Purser.` },
    async open(request, signal) {
      const socket = await reach(path, signal)
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      return openSession({ stream: socket, lastWords: () => [], gone: () => within(10_000, closed) }, request, signal)
    },
  }
}

/** Raises `runner_unreachable` when nobody listens at the socket now. Nothing is said to whoever does. */
export async function requireRunner(path: string): Promise<void> {
  try {
    const socket = await connected(path)
    socket.destroy()
  } catch (error) {
    throw unreachable(path, error)
  }
}

async function reach(path: string, signal: AbortSignal): Promise<Socket> {
  const deadline = performance.now() + reachMs
  for (;;) {
    signal.throwIfAborted()
    try {
      return await connected(path)
    } catch (error) {
      if (performance.now() > deadline) throw unreachable(path, error)
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }
}

function unreachable(path: string, cause: unknown): RunnerError {
  return new RunnerError('runner_unreachable', `reaching the runner at ${path}: ${messageOf(cause)}`, {
    hint: 'Nothing was run. Is its container up, and does PURSER_RUNNER name the socket in the volume that both share?',
    transient: true,
    cause,
  })
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

export function within(milliseconds: number, done: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(resolve, milliseconds)
    void done.then(() => {
      clearTimeout(limit)
      resolve()
    })
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
