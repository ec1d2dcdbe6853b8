import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sensitive } from '../../../../sensitive.ts'
import { checkedName } from '../../backups/manifests.ts'
import type { BackupManifest } from '../../backups/port.ts'
import { type ClientTools, toolsForServer } from '../../connection/client-tools.ts'
import { connectionName, libpqEnvironment } from '../../connection/libpq.ts'
import { type Session, withLongSession, withSession } from '../../connection/session.ts'
import { writingEnvironment } from '../../connection/writing-environment.ts'
import { runTool } from '../../connection/tools.ts'
import { BackupError, DatabaseError } from '../../errors.ts'
import { copyDatabaseFacts } from '../swap/database-facts.ts'
import { readExisting, selectContents } from './archive-contents.ts'
import type { InPlaceOptions } from './in-place.ts'
import { beginEmptied, checkedAccess, remadeOutside } from './sql.ts'
import { createAlike, databaseName, dropDatabase, onDatabase } from '../new-database.ts'
import { contentsOf, runAsOne, writeArchive } from './one-transaction.ts'

/*
 * A restore in place without its rows, tried while the service still runs: in a scratch database that gets the definitions of the live one,
 * is emptied, and gets those of the archive, in a transaction that is rolled back. The live database is only dumped (definitions, under
 * ACCESS SHARE locks); tried there, the emptying would lock every table of a service that is serving.
 */

const limitMs = 30 * 60 * 1000
const lockWaitMs = 5_000
const cleanUpLimitMs = 60_000

/** Tells why a restore in place cannot be rehearsed; undefined when it can. */
export async function whyNoRehearsal(url: Sensitive, signal: AbortSignal): Promise<string | undefined> {
  return withSession(url, 'asking whether a restore in place can be rehearsed', signal, async (session) => {
    const { rows } = await session.query<{ may: boolean; user: string; owner: string; gives: boolean }>(`
      select rolcreatedb or rolsuper as may, rolname as user, pg_get_userbyid(datdba) as owner,
        pg_has_role(current_user, datdba, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as gives
      from pg_roles, pg_database where rolname = current_user and datname = current_database()`)
    const [found] = rows
    if (!found?.may) return `${found?.user ?? 'the user'} isn't allowed to create databases (CREATEDB)`
    return found.gives ? undefined : `${found.user} isn't a member of ${found.owner}, the owner of the database`
  })
}

/**
 * Raises `restore_failed` where the restore in place of this backup would fail for its definitions, owners or rights. Returns why it could
 * not be tried; undefined when it was.
 */
export async function rehearseInPlace(
  options: InPlaceOptions,
  file: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { url, storage, toolDirectories } = options
  const why = await whyNoRehearsal(url, signal)
  if (why !== undefined) return why
  const doing = `rehearsing the restore of ${file} in place`
  const manifest = await storage.manifest(checkedName(file), doing, signal)
  const tools = await toolsForServer(url, toolDirectories, signal)
  const scratch = databaseName(liveName(url), '_purser_rehearsal')
  const directory = await mkdtemp(join(tmpdir(), 'purser-rehearsal-'))
  try {
    const target = onDatabase(url, scratch)
    const unmade = await makeScratch({ url, target, scratch, doing }, signal)
    if (unmade !== undefined) return unmade
    const trial: Trial = { url, target, tools, doing, directory }
    onProgress('copying the definitions that stand')
    const incomplete = await copyDefinitions(trial, signal)
    if (incomplete !== undefined) return incomplete
    onProgress('emptying and filling a copy, without rows')
    await storage.withFiles(manifest, signal, (path) => tryOut({ ...trial, path, onProgress }, manifest, signal))
    return undefined
  } finally {
    await rm(directory, { recursive: true, force: true })
    await withLongSession(url, 'dropping the scratch database', AbortSignal.timeout(cleanUpLimitMs), (session) =>
      dropDatabase(session, scratch),
    ).catch(() => {})
  }
}

interface Trial {
  readonly url: Sensitive
  readonly target: Sensitive
  readonly tools: ClientTools
  readonly doing: string
  readonly directory: string
}

/** Returns why the scratch database could not be made as the live one is. */
async function makeScratch(
  { url, target, scratch, doing }: Pick<Trial, 'url' | 'target' | 'doing'> & { readonly scratch: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await withLongSession(url, doing, signal, async (session: Session) => {
      await dropDatabase(session, scratch)
      await createAlike(session, scratch)
      await copyDatabaseFacts(session, { from: liveName(url), to: scratch, target }, signal)
    })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof DatabaseError) || error.transient) throw error
    return `the scratch database could not be made: ${error.message}`
  }
}

function liveName(url: Sensitive): string {
  return decodeURIComponent(new URL(url.reveal()).pathname.slice(1))
}

/** Returns what of the definitions could not be copied: then nothing could be learned from the rest. */
async function copyDefinitions({ url, target, tools, doing, directory }: Trial, signal: AbortSignal) {
  const file = join(directory, 'definitions')
  const common = { directory: tools.directory, doing, cwd: directory, timeoutMs: limitMs }
  const waiting = `--lock-wait-timeout=${lockWaitMs}`
  const dumping = ['--schema-only', '--format=custom', '--no-password', waiting, `--file=${file}`]
  const dumped = await runTool({ ...common, program: 'pg_dump', args: dumping, env: libpqEnvironment(url) }, signal)
  if (dumped.exitCode !== 0) return `the definitions could not be dumped: ${firstOf(dumped.complaints)}`
  const { PGDATABASE = '', ...env } = await writingEnvironment(target, signal)
  const restoring = ['--no-password', '--no-subscriptions', `--dbname=${connectionName(PGDATABASE)}`, file]
  const restored = await runTool({ ...common, program: 'pg_restore', args: restoring, env }, signal)
  return restored.exitCode === 0 ? undefined : `the definitions could not be copied: ${firstOf(restored.complaints)}`
}

function firstOf(complaints: readonly string[]): string {
  return complaints.find((line) => /error|ERROR/.test(line)) ?? complaints[0] ?? 'no reason was given'
}

const rowsOfArchive = /^\d+; \d+ \d+ (TABLE DATA|SEQUENCE SET|MATERIALIZED VIEW DATA) /

async function tryOut(
  { path, onProgress, ...trial }: Trial & { readonly path: string; readonly onProgress: (line: string) => void },
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<void> {
  const { target, tools, doing, directory } = trial
  const existing = await withSession(target, doing, signal, readExisting)
  const archive = { path, tools, doing, directory, onProgress }
  const contents = (await contentsOf(archive, signal)).filter((line) => !rowsOfArchive.test(line))
  const { list, schemas } = selectContents(contents, existing)
  try {
    await runAsOne({ url: target, tools, doing }, signal, async (sql, over) => {
      sql.write(beginEmptied(schemas, manifest.schemas))
      await writeArchive(archive, { list, largeObjects: undefined, schemas }, sql, over)
      over.throwIfAborted()
      // Ended without a commit, it leaves nothing.
      sql.write(`${remadeOutside(manifest)}\n${checkedAccess(withoutLargeObjects(manifest))}`)
    })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof BackupError) || error.code !== 'restore_failed') throw error
    throw new BackupError('restore_failed', `${doing}: it would fail: ${firstOf(error.evidence)}`, {
      hint: 'The service runs and nothing has changed. Give the missing right or drop what is in the way, then retry.',
      evidence: error.evidence,
    })
  }
}

function withoutLargeObjects(manifest: BackupManifest): BackupManifest {
  const { access } = manifest
  if (access === undefined) return manifest
  const content = access.map((group) => ({
    ...group,
    objects: group.objects.filter((one) => !/^\d+ large objects$/.test(one)),
  }))
  return { ...manifest, access: content }
}
