import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { StorageCredentials } from '../../config/environment/environment.ts'
import { requireSpace } from '../postgres/backups/disk-space.ts'
import { BackupError } from '../postgres/errors.ts'
import {
  fingerprint,
  fingerprintOf,
  newestFirst,
  parseManifest,
  removeRemains,
  staleMs,
} from '../postgres/backups/manifests.ts'
import type { BackupManifest } from '../postgres/backups/port.ts'
import { S3Bucket, type S3Location, type StoredObject } from './bucket.ts'
import { type BackupStorage, directoryStorage, gone } from '../postgres/backups/storage.ts'
import { sizeOf } from '../../text.ts'

const progressStep = 0.05

/**
 * Reads a location of purser.yaml: an absolute directory, or `s3://bucket/prefix`. `usual` is the directory where
 * backups are otherwise kept; on the way to a bucket they are made there, and fetched to it.
 */
export function backupPlace(
  location: string | undefined,
  s3: {
    readonly region?: string
    readonly endpoint?: string
    readonly forcePathStyle: boolean
    readonly credentials?: StorageCredentials | undefined
  },
  usual: string,
): { readonly directory: string; readonly storage: BackupStorage } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(location ?? '') ?? []
  if (bucket === '') return { directory: location ?? usual, storage: directoryStorage(location ?? usual) }
  const { region, endpoint, forcePathStyle, credentials } = s3
  return {
    directory: usual,
    storage: s3Storage({ bucket, prefix, region, endpoint, forcePathStyle, credentials }, usual),
  }
}

/**
 * Keeps backups in a bucket: `PREFIX/NAME.dump/FILE` for each file of a dump, `PREFIX/NAME.dump.json` for its manifest,
 * which is written last. `PREFIX/NAME.dump.begun` is there meanwhile: in a bucket that others use too, only what has
 * this mark is removed.
 */
function s3Storage(location: S3Location, directory: string): BackupStorage {
  const bucket = new S3Bucket(location)
  const top = location.prefix === '' ? '' : `${location.prefix}/`
  const filesOf = (file: string): string => `${top}${file}/`
  const manifestKey = (file: string): string => `${top}${file}.json`
  const begunKey = (file: string): string => `${top}${file}${begun}`

  async function removeFiles(file: string, signal: AbortSignal): Promise<void> {
    await bucket.abortUploads(filesOf(file), signal)
    for (const { key } of await bucket.list(filesOf(file), signal)) await bucket.remove(key, signal)
  }

  async function list(signal: AbortSignal): Promise<readonly BackupManifest[]> {
    const keys = (await bucket.list(top, signal)).map(({ key }) => key).filter((key) => key.endsWith('.dump.json'))
    const found: BackupManifest[] = []
    for (const key of keys) {
      const text = await bucket.text(key, signal)
      try {
        if (text !== undefined) found.push(parseManifest(text, `reading ${key}`))
      } catch {
        // Nobody can restore the file, be it broken or somebody else's.
      }
    }
    return newestFirst(found)
  }

  return {
    local: false,
    list,
    has: async (file, signal) => (await bucket.text(manifestKey(file), signal)) !== undefined,
    manifest: async (file, doing, signal) =>
      parseManifest((await bucket.text(manifestKey(file), signal)) ?? gone(doing)(undefined), doing),
    keep: async (partial, manifest, onProgress, signal) => {
      await bucket.write(begunKey(manifest.file), '{}\n', signal)
      await removeFiles(manifest.file, signal)
      await uploadAll(bucket, partial, filesOf(manifest.file), manifest.bytes, onProgress, signal)
      await requireAll(partial, await bucket.list(filesOf(manifest.file), signal), manifest.file)
      await bucket.write(manifestKey(manifest.file), `${JSON.stringify(manifest, null, 2)}\n`, signal)
      await bucket.remove(begunKey(manifest.file), signal)
    },
    fingerprint: async ({ file }, signal) => {
      const keys = (await bucket.list(filesOf(file), signal)).map(({ key }) => key)
      return fingerprintOf(
        keys.map((key) => key.slice(filesOf(file).length)),
        (name) => bucket.read(filesOf(file) + name, signal),
        signal,
      )
    },
    withFiles: async (manifest, signal, work) => {
      const path = join(directory, `${manifest.file}.fetched`)
      try {
        await fetchAll(bucket, filesOf(manifest.file), manifest, path, signal)
        return await work(path)
      } finally {
        await rm(path, { recursive: true, force: true })
      }
    },
    remove: async (file, signal) => {
      // The manifest goes first: without it the rest is no backup any more, whatever a crash leaves of it.
      await bucket.remove(manifestKey(file), signal)
      await removeFiles(file, signal)
    },
    tidy: async (signal) => {
      const stale = new Date(Date.now() - staleMs)
      await removeRemains(directory, stale, signal)
      for (const { file, finished } of begunBefore(await bucket.list(top, signal), top, stale)) {
        if (!finished) await removeFiles(file, signal)
        await bucket.remove(begunKey(file), signal)
      }
    },
  }
}

const begun = '.begun'

/** Lists dumps that were begun so long ago that nobody is at it any more, and whether each came to its end. Pure. */
function begunBefore(objects: readonly StoredObject[], top: string, before: Date) {
  const keys = new Set(objects.map(({ key }) => key))
  return objects
    .filter(({ key, modified }) => key.endsWith(`.dump${begun}`) && modified < before)
    .map(({ key }) => key.slice(top.length, -begun.length))
    .filter((file) => !file.includes('/'))
    .map((file) => ({ file, finished: keys.has(`${top}${file}.json`) }))
}

async function uploadAll(
  bucket: S3Bucket,
  partial: string,
  prefix: string,
  total: number,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let done = 0
  let said = 0
  for (const name of (await readdir(partial)).toSorted()) {
    const path = join(partial, name)
    await bucket.upload(
      prefix + name,
      path,
      (sent) => {
        if ((done + sent - said) / total < progressStep) return
        said = done + sent
        onProgress(`uploading to s3://${bucket.location.bucket}: ${sizeOf(said)} of ${sizeOf(total)}`)
      },
      signal,
    )
    done += (await stat(path)).size
  }
}

/** Raises when what is listed there is not what was made here, before a manifest says so. */
async function requireAll(partial: string, objects: readonly StoredObject[], file: string): Promise<void> {
  const there = new Map(objects.map(({ key, bytes }) => [key.slice(key.lastIndexOf('/') + 1), bytes]))
  for (const name of await readdir(partial)) {
    const { size } = await stat(join(partial, name))
    if (there.get(name) !== size)
      throw new BackupError(
        'storage_failed',
        `keeping ${file}: ${name} is ${there.get(name) ?? 'not'} there, not ${size} bytes`,
        {
          hint: 'Retry. If it happens again, check the storage.',
        },
      )
  }
}

async function fetchAll(
  bucket: S3Bucket,
  prefix: string,
  manifest: BackupManifest,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true, mode: 0o700 })
  await requireSpace(path, { bytes: manifest.bytes, reckoning: 'what the backup takes' })
  for (const { key } of await bucket.list(prefix, signal)) {
    const to = createWriteStream(join(path, key.slice(prefix.length)), { mode: 0o600 })
    await pipeline(await bucket.read(key, signal), to, { signal })
  }
  const found = await fingerprint(path)
  if (found.sha256 === manifest.sha256 && found.bytes === manifest.bytes) return
  throw new BackupError('backup_damaged', `fetching ${manifest.file}: what came is not what was written`, {
    hint: "Don't use this backup. Make a new one.",
    evidence: [
      `made: ${manifest.bytes} bytes, sha256 ${manifest.sha256}`,
      `came: ${found.bytes} bytes, sha256 ${found.sha256}`,
    ],
  })
}
