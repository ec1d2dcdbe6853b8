import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BackupError } from '../errors.ts'
import type { BackupManifest, KnownBackup, RetentionRule } from './port.ts'

/** Raises for a name that is unfit, as names become file names and arguments of programs. */
export function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name) && !name.endsWith('.partial')) return name
  throw new BackupError('backup_name', `naming a backup: ${JSON.stringify(name)} is not a plain file name`)
}

export function manifestPath(directory: string, file: string): string {
  return join(directory, `${file}.json`)
}

interface Fingerprint {
  readonly bytes: number
  readonly sha256: string
}

/** A file up to this size is read at once: a stream for each of 50,000 large objects takes longer than the dump. */
const smallBytes = 64 * 1024
const readTogether = 8

/** Returns the size of all files, and one checksum over the names and checksums of all. */
export async function fingerprint(path: string): Promise<Fingerprint> {
  const names = (await readdir(path)).toSorted()
  const each: Fingerprint[] = []
  const waiting = names.entries()
  const reader = async () => {
    for (const [index, name] of waiting) each[index] = await fingerprintOfFile(join(path, name))
  }
  await Promise.all(Array.from({ length: readTogether }, reader))
  return together(names, each)
}

async function fingerprintOfFile(file: string): Promise<Fingerprint> {
  const { size } = await stat(file)
  if (size > smallBytes) return hashed(createReadStream(file))
  const content = await readFile(file)
  return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

export async function fingerprintOf(
  names: readonly string[],
  open: (name: string) => Readable | Promise<Readable>,
  signal?: AbortSignal,
): Promise<Fingerprint> {
  const sorted = names.toSorted()
  const each: Fingerprint[] = []
  for (const name of sorted) each.push(await hashed(await open(name), signal))
  return together(sorted, each)
}

function together(names: readonly string[], each: readonly Fingerprint[]): Fingerprint {
  const whole = createHash('sha256')
  for (const [index, name] of names.entries()) whole.update(`${each[index]?.sha256}  ${name}\n`)
  return { bytes: each.reduce((sum, { bytes }) => sum + bytes, 0), sha256: whole.digest('hex') }
}

async function hashed(content: Readable, signal?: AbortSignal): Promise<Fingerprint> {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(
    content,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        yield chunk
      }
    },
    hash,
    ...(signal === undefined ? [] : [{ signal }]),
  )
  return { bytes, sha256: hash.digest('hex') }
}

/**
 * Puts the dump into its place and writes the manifest last, for that says that the files beside it are whole. `pg_dump` has synced them
 * before it ended.
 */
export async function finish(directory: string, partial: string, manifest: BackupManifest): Promise<void> {
  await sync(partial)
  const place = join(directory, manifest.file)
  // A try that died before it wrote the manifest may have left its files there.
  await rm(place, { recursive: true, force: true })
  await rename(partial, place)
  await sync(directory)
  const path = manifestPath(directory, manifest.file)
  await writeFile(`${path}.partial`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.partial`, path)
  await sync(directory)
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export function parseManifest(text: string, doing: string): BackupManifest {
  try {
    const read = JSON.parse(text) as BackupManifest
    // A backup without the counts of its snapshot could be compared with nothing.
    if (!Array.isArray(read.rows) || !Array.isArray(read.sequences)) throw new Error('it holds no counts')
    return read
  } catch (error) {
    const hint = 'This backup was never finished, or was removed. See `/billing backups`.'
    throw new BackupError('backup_missing', `${doing}: it has no readable manifest`, { hint, cause: error })
  }
}

/** Sorts backups, the newest first. */
export async function listManifests(directory: string): Promise<readonly BackupManifest[]> {
  const names = await readdir(directory).catch(() => [])
  const read = names
    .filter((name) => name.endsWith('.dump.json'))
    .map(async (name) => parseManifest(await readFile(join(directory, name), 'utf8'), `reading ${name}`))
  const found = await Promise.allSettled(read)
  return newestFirst(found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])))
}

export function newestFirst<Known extends { readonly finishedAt: string }>(
  backups: readonly Known[],
): readonly Known[] {
  return backups.toSorted((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1))
}

/** Lists the backups that a rule lets go, the oldest first. Pure. */
export function outlived(known: readonly KnownBackup[], rule: RetentionRule): readonly string[] {
  const ours = newestFirst(known.filter(({ file }) => rule.owns(file)))
  const lastGood = ours.find(({ proven }) => proven) ?? ours[0]
  const horizon = rule.now.getTime() - rule.days * 86_400_000
  return ours
    .slice(Math.max(1, rule.keep))
    .filter((our) => our !== lastGood && Date.parse(our.finishedAt) < horizon)
    .map(({ file }) => file)
    .reverse()
}

/** Removes a backup, the manifest first: without it the rest is no backup any more, whatever a crash leaves of it. */
export async function removeBackup(directory: string, file: string): Promise<void> {
  await rm(manifestPath(directory, file), { force: true })
  await rm(join(directory, file), { recursive: true, force: true })
}

/** The names that a killed try may leave here; nothing that is a backup is called so. */
const remains = /^[A-Za-z0-9][\w.-]*\.dump\.(partial|fetched|(partial|fetched)\.(rest|list))$/

/** The age of remains at which no try that still runs can be at them. */
export const staleMs = 24 * 60 * 60 * 1000

/** Removes the remains of tries: rows of customers are in them, and they fill the disk. */
export async function removeRemains(directory: string, before: Date, signal: AbortSignal): Promise<void> {
  for (const name of (await readdir(directory).catch(() => [])).filter((one) => remains.test(one))) {
    signal.throwIfAborted()
    const path = join(directory, name)
    const touched = await stat(path).catch(() => undefined)
    if (touched !== undefined && touched.mtime < before) await rm(path, { recursive: true, force: true })
  }
}
