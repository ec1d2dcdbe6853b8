import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sensitive } from '../../../sensitive.ts'
import { type Archive, readArchive, readThrough } from './archive.ts'
import { type ClientTools, newestTools, toolsForServer } from '../connection/client-tools.ts'
import { requireSpace, spaceNeeded } from './disk-space.ts'
import { dumpSnapshot } from './dump.ts'
import { BackupError, explain } from '../errors.ts'
import { leaningFunctions } from './leaning-functions.ts'
import { checkedName, fingerprint, outlived } from './manifests.ts'
import type { BackupManifest, DumpBackups, KnownBackup } from './port.ts'
import { type BackupStorage, directoryStorage } from './storage.ts'
import { roleFacts } from '../rights/role-facts.ts'
import { backupProblems } from '../rights/role-problems.ts'
import { withSession } from '../connection/session.ts'
import { testRestore, type TestRestoreOptions, trialHere } from './test-restore.ts'

interface BackupOptions {
  readonly url: Sensitive
  /** The directory where dumps are made, and kept unless `storage` says otherwise. */
  readonly directory: string
  readonly storage?: BackupStorage | undefined
  /** The place where backups are tried out; without it, every one is, on the same server. */
  readonly testRestore?: TestRestoreOptions
  /** The schemas that are dumped; without it, the whole database is. */
  readonly schemas?: readonly string[] | undefined
  /** The directories with client tools, one of each version; without it, the PATH and where packages put them. */
  readonly toolDirectories?: readonly string[] | undefined
}

interface Place {
  readonly url: Sensitive
  readonly directory: string
  readonly storage: BackupStorage
  readonly testRestore: TestRestoreOptions
  readonly schemas: readonly string[] | undefined
  readonly toolDirectories: readonly string[] | undefined
}

export function openBackups(options: BackupOptions): DumpBackups {
  const place: Place = {
    url: options.url,
    directory: options.directory,
    schemas: options.schemas,
    storage: options.storage ?? directoryStorage(options.directory),
    testRestore: options.testRestore ?? { enabled: true },
    toolDirectories: options.toolDirectories,
  }
  const { url, storage, toolDirectories } = place
  const clientVersion: DumpBackups['clientVersion'] = async (signal) => {
    const { version, major } = await toolsForServer(url, toolDirectories, signal)
    return { text: version, major }
  }
  const missingRights: DumpBackups['missingRights'] = (signal) =>
    withSession(url, 'asking for the rights that a backup needs', signal, async (session) =>
      backupProblems(await roleFacts(session, place.schemas)),
    )
  const leaning: DumpBackups['leaningFunctions'] = (signal) =>
    withSession(url, 'looking for functions that lean on search_path', signal, (session) =>
      leaningFunctions(session, place.schemas),
    )
  const make: DumpBackups['create'] = (name, onProgress, signal) => create(place, name, onProgress, signal)
  return {
    clientVersion,
    whyNoTestRestore: async (signal) => (await trialOf(place, signal)).untried,
    leftOutOfTest: async (signal) => (await trialOf(place, signal)).leftOut,
    leaningFunctions: leaning,
    missingRights,
    forecast: async (signal) => {
      const [trial, missing, functions] = await Promise.all([
        trialOf(place, signal),
        missingRights(signal),
        leaning(signal),
        clientVersion(signal),
      ])
      const { untried, leftOut } = trial
      return { by: 'pg_dump', untried, leftOut: untried === undefined ? leftOut : [], leaning: functions, missing }
    },
    create: make,
    dump: make,
    verify: async (file, signal) => verify(place, checkedName(file), signal),
    find: async (file, signal) => (await storage.list(signal)).find((one) => one.file === file),
    list: (signal) => storage.list(signal),
    retain: async (rule, signal) => {
      const gone = outlived((await storage.list(signal)).map(known), rule)
      for (const file of gone) {
        signal.throwIfAborted()
        await storage.remove(checkedName(file), signal)
      }
      await storage.tidy(signal)
      return gone
    },
  }
}

function known({ file, finishedAt, restoreTest }: BackupManifest): KnownBackup {
  return { file, finishedAt, proven: restoreTest.outcome === 'passed' }
}

function trialOf({ url, testRestore: options, schemas }: Place, signal: AbortSignal) {
  return trialHere(url, options, schemas, signal)
}

async function create(
  place: Place,
  name: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { url, directory, storage, schemas, toolDirectories } = place
  const file = `${checkedName(name)}.dump`
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (await storage.has(file, signal)) {
    onProgress(`${file} exists, checking it`)
    return verify(place, file, signal)
  }
  const partial = join(directory, `${file}.partial`)
  const startedAt = new Date().toISOString()
  try {
    await rm(partial, { recursive: true, force: true })
    const tools = await toolsForServer(url, toolDirectories, signal)
    const former = await storage.list(signal)
    const beforehand = (bytes: number) => requireSpace(directory, spaceNeeded(bytes, former))
    const trial = await trialOf(place, signal)
    const triedOut = trial.untried === undefined
    const { expected, sourceBytes, ...snapshot } = await dumpSnapshot(
      { url, schemas, tools, triedOut, partial, beforehand, onProgress },
      signal,
    )
    const archive = await tableOfContents(partial, tools, expected, signal)
    const facts = await fingerprint(partial)
    const restoreTest = await testRestore(
      { source: url, options: place.testRestore, trial, path: partial, snapshot, schemas, toolDirectories, onProgress },
      signal,
    )
    // A restore reads every byte; without one, reading is all that can be proven.
    if (restoreTest.outcome === 'skipped') {
      onProgress('reading the archive through')
      await readThrough(partial, tools, signal)
    }
    const { tables, database, serverVersion, clientVersion: madeBy } = archive
    const manifest: BackupManifest = {
      file,
      database,
      serverVersion,
      clientVersion: madeBy,
      ...facts,
      tables,
      ...snapshot,
      restoreTest,
      ...(schemas === undefined ? {} : { schemas }),
      sourceBytes,
      startedAt,
      finishedAt: new Date().toISOString(),
    }
    await storage.keep(partial, manifest, onProgress, signal)
    return manifest
  } finally {
    // It was renamed when all went well and backups stay here.
    await rm(partial, { recursive: true, force: true })
  }
}

/** Raises when a table that was there is not in the archive. */
async function tableOfContents(
  path: string,
  tools: ClientTools,
  expected: readonly string[],
  signal: AbortSignal,
): Promise<Archive> {
  const archive = await readArchive(path, expected, tools, signal)
  const missing = expected.filter((table) => !archive.tables.includes(table))
  if (missing.length > 0) {
    throw new BackupError(
      'backup_damaged',
      `checking the backup: it lacks ${missing.length} of ${expected.length} tables`,
      {
        hint: 'Make the backup again.',
        evidence: missing.slice(0, 20),
      },
    )
  }
  return archive
}

async function verify(place: Place, file: string, signal: AbortSignal): Promise<BackupManifest> {
  const { storage } = place
  const doing = `checking the backup ${file}`
  const hint = "Don't use this backup. Make a new one."
  const manifest = await storage.manifest(file, doing, signal)
  const found = await storage.fingerprint(manifest, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof BackupError) throw error
    throw new BackupError('backup_damaged', `${doing}: the file is gone`, { hint, cause: explain(doing, error) })
  })
  if (found.sha256 !== manifest.sha256 || found.bytes !== manifest.bytes) {
    const evidence = [
      `made: ${manifest.bytes} bytes, sha256 ${manifest.sha256}`,
      `now: ${found.bytes} bytes, sha256 ${found.sha256}`,
    ]
    throw new BackupError('backup_damaged', `${doing}: the file is not what was written`, { hint, evidence })
  }
  // The checksum says of files that are not at hand that they are those that were read through when they were.
  if (!storage.local) return manifest
  const tools = await newestTools(place.toolDirectories, signal)
  return storage.withFiles(manifest, signal, async (path) => {
    await tableOfContents(path, tools, manifest.tables, signal)
    await readThrough(path, tools, signal)
    return manifest
  })
}
