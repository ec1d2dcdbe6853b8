import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, explain } from '../errors.ts'
import {
  fingerprint,
  finish,
  listManifests,
  manifestPath,
  parseManifest,
  removeBackup,
  removeRemains,
  staleMs,
} from './manifests.ts'
import type { BackupManifest } from './port.ts'

interface Fingerprint {
  readonly bytes: number
  readonly sha256: string
}

/**
 * Where finished backups are. A backup is there when its manifest is; without one, its files are the remains of a try.
 */
export interface BackupStorage {
  /** Reads the manifest. Raises `backup_missing` when the backup was never finished or was removed. */
  manifest(file: string, doing: string, signal: AbortSignal): Promise<BackupManifest>
  has(file: string, signal: AbortSignal): Promise<boolean>
  /** Lists the manifests that are there, the newest first. */
  list(signal: AbortSignal): Promise<readonly BackupManifest[]>
  /** Takes over the files of a proven dump, then writes its manifest. Safe to repeat after a crash. */
  keep(
    partial: string,
    manifest: BackupManifest,
    onProgress: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void>
  /** Reads every byte of the files as they are there now. */
  fingerprint(manifest: BackupManifest, signal: AbortSignal): Promise<Fingerprint>
  /**
   * Lends the files as a directory on this machine. Where they had to be fetched for it, they are checked and removed
   * afterwards.
   */
  withFiles<T>(manifest: BackupManifest, signal: AbortSignal, work: (path: string) => Promise<T>): Promise<T>
  /** Whether `withFiles` costs nothing. */
  readonly local: boolean
  remove(file: string, signal: AbortSignal): Promise<void>
  /** Removes what tries that died long ago left behind. */
  tidy(signal: AbortSignal): Promise<void>
}

export function directoryStorage(directory: string): BackupStorage {
  const textOf = (file: string) => readFile(manifestPath(directory, file), 'utf8')
  return {
    local: true,
    manifest: async (file, doing) => parseManifest(await textOf(file).catch(gone(doing)), doing),
    has: (file) =>
      textOf(file).then(
        () => true,
        () => false,
      ),
    list: async (signal) => {
      signal.throwIfAborted()
      return listManifests(directory)
    },
    keep: async (partial, manifest) => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await finish(directory, partial, manifest)
    },
    fingerprint: ({ file }) => fingerprint(join(directory, file)),
    withFiles: async ({ file }, _signal, work) => work(join(directory, file)),
    remove: (file) => removeBackup(directory, file),
    tidy: (signal) => removeRemains(directory, new Date(Date.now() - staleMs), signal),
  }
}

export function gone(doing: string): (cause: unknown) => never {
  return (cause) => {
    const hint = 'This backup was never finished, or was removed. See `/billing backups`.'
    throw new BackupError('backup_missing', `${doing}: it has no readable manifest`, {
      hint,
      cause: explain(doing, cause),
    })
  }
}
