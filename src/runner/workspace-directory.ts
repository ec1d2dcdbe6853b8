import { chmod, lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { runChild } from '../adapters/process/child.ts'
import { LastWords } from '../outside-text/excerpt.ts'

/** The parts of a workspace: commands begin in the checkout. */
export interface WorkspaceDirectory {
  readonly checkout: string
  readonly home: string
  readonly temporary: string
}

const unpackLimitMs = 10 * 60_000

export async function makeWorkspace(directory: string): Promise<WorkspaceDirectory> {
  const parts = {
    checkout: join(directory, 'checkout'),
    home: join(directory, 'home'),
    temporary: join(directory, 'tmp'),
  }
  for (const part of Object.values(parts)) await mkdir(part, { recursive: true, mode: 0o700 })
  return parts
}

/** Unpacks a tar archive. Raises with the words of tar when it is none, or when the disk is full. */
export async function unpack(archive: Readable, directory: string, signal: AbortSignal): Promise<void> {
  const words = new LastWords(2_000)
  const { exitCode } = await runChild(
    {
      // A checkout with submodules is several archives, one behind the other.
      argv: ['tar', '-x', '-f', '-', '--ignore-zeros', '--no-same-owner', '-C', directory],
      cwd: directory,
      env: {},
      timeoutMs: unpackLimitMs,
      stdin: archive,
      onStdout: () => undefined,
      onStderr: words.push,
    },
    signal,
  )
  if (exitCode !== 0) throw new Error(`tar exited with ${exitCode}: ${words.text().trim()}`)
}

/** Removes what is in a directory, also what a command has closed to its own user. What belongs to others stays. */
export async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name)
    const options = { recursive: true, force: true, maxRetries: 3 }
    await rm(path, options).catch(async () => {
      await open(path)
      await rm(path, options).catch(() => undefined)
    })
  }
}

/** Gives the owner back the right to enter directories. A link is not followed: it may name anything. */
async function open(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined)
  if (facts?.isDirectory() !== true) return
  await chmod(path, 0o700).catch(() => undefined)
  for (const name of await readdir(path).catch(() => [])) await open(join(path, name))
}
