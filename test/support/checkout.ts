import { spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import type { Repository } from '../../src/adapters/git/port.ts'

/** Unpacks the archive of a commit into a new directory. */
export async function checkOut(repository: Repository, commit: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const tar = spawn('tar', ['-x', '--ignore-zeros', '-C', directory], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => tar.once('close', resolve))
  await repository.archive(commit, tar.stdin, AbortSignal.timeout(60_000))
  tar.stdin.end()
  if ((await ended) !== 0) throw new Error('tar could not read the archive')
}
