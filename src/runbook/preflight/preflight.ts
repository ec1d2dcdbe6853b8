import type { LedgerEntry } from '../../adapters/postgres/port.ts'
import type { Backup } from '../../adapters/postgres/backups/port.ts'
import type { Workspace } from '../../adapters/runner/port.ts'
import type { CredentialConfig, PreflightCommandConfig } from '../../config/service-schema.ts'
import type { BackupRecord } from '../../model/backup.ts'
import { sampleBaseline } from '../monitor/baseline.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { requireYoung } from './backup-age.ts'
import { buildImage } from '../rollout/image-build.ts'
import { describePermission, neededPermissions } from './permissions.ts'
import { requireAccount, requireRights } from '../stripe/account/requirements.ts'
import { concurrently } from './concurrently.ts'
import { runInWorkspace } from '../workspace/workspace-command.ts'
import { inWorkspace } from '../workspace/workspace.ts'
import { counted, roughly, sizeOf } from '../../text.ts'

/** Pre-Flight Checklist: tests and build pass, credentials are right, Purser has its rights, the backup is proven. */
export const preflight: Phase = async (context) => {
  const { service } = context
  await context.report('checking out the planned commit')
  await inWorkspace(context, async (workspace) => {
    await context.report('tests, build, credentials, permissions and backup')
    await concurrently(
      [
        // Tests and build share the workspace, so the build follows the tests.
        () => runCommands(context, service.preflight.commands, workspace),
        () => context.step('check credentials', () => checkCredentials(context)),
        () => context.step('check cluster permissions', () => checkPermissions(context)),
        () => context.step('sample the baseline', () => sampleBaseline(context)),
        () => backUp(context),
      ],
      context.signal,
    )
  })
  const image = await buildImage(context)
  const backup = await context.records.backup()
  const built = image === undefined ? '' : `, image ${image.digest.slice(0, 19)}… built and pushed`
  const { length } = service.preflight.commands
  const tests = length === 0 ? 'no commands configured' : counted(length, 'command')
  const kept = `backup ${backup?.file} (${sizeOf(backup?.bytes ?? 0)}) ${proven(backup)}`
  await context.tell({ kind: 'note', text: `Preflight passed: ${tests}${built}, ${kept}.` }, passedKey(context))
  return { line: `${tests}${length === 0 ? '' : ' passed'}${built}, ${kept}` }
}

/** A retry passes anew, and says so. */
function passedKey({ run }: PhaseContext): string {
  return `preflight-${run.phases.find(({ name }) => name === 'preflight')?.attempt ?? 1}`
}

function proven(backup: BackupRecord | undefined): string {
  if (backup?.by === 'command') return backup.proof === undefined ? 'not proven' : `proven (${backup.proof})`
  if (backup?.restoreMs === undefined) return 'checksum-verified only'
  return `restore-tested in ${roughly(backup.restoreMs)}${withoutWords(backup)}`
}

async function runCommands(
  context: PhaseContext,
  commands: readonly PreflightCommandConfig[],
  workspace: Workspace,
): Promise<void> {
  for (const command of commands)
    await context.step(`run: ${command.name}`, () => runCommand(context, command, workspace))
}

async function runCommand(context: PhaseContext, command: PreflightCommandConfig, workspace: Workspace) {
  const { milliseconds } = await runInWorkspace(context, {
    argv: command.run,
    workspace,
    title: command.name,
    env: { CI: 'true' },
    timeoutMs: command.timeoutMinutes * 60_000,
    failure: {
      code: 'command_failed',
      doing: command.name,
      hint: 'Fix it in the repository and tag a new version.',
    },
  })
  return { milliseconds }
}

/**
 * Raises unless the credentials are there, well-formed, of the right mode and accepted by the other side; shows no
 * value.
 */
async function checkCredentials(context: PhaseContext): Promise<void> {
  const { world, service, environment, signal } = context
  const problems = service.credentials.flatMap((credential) => credentialProblem(context, credential))
  if (world.stripe.keyMode !== environment.stripe.mode)
    problems.push(
      `${environment.stripe.secretKeyEnv} is a ${world.stripe.keyMode} key, but ${context.run.environment} needs a ${environment.stripe.mode} key`,
    )
  if (problems.length > 0)
    throw new CheckFailed('bad_credentials', `checking credentials: ${problems.join('; ')}`, {
      hint: "Correct the variables in Purser's environment and restart it, then retry the phase.",
    })
  const [database] = await Promise.all([world.database.facts(signal), requireRights(context), requireAccount(context)])
  if (database.transactionPooled)
    throw new CheckFailed(
      'transaction_pooler',
      `${environment.databaseUrlEnv} goes through a transaction-mode pooler`,
      {
        hint: 'Use the direct connection or the session pooler (port 5432): locks and settings do not hold otherwise.',
      },
    )
  if (database.inRecovery)
    throw new CheckFailed('database_read_only', `${environment.databaseUrlEnv} names a read replica`, {
      hint: 'Use the address of the primary.',
    })
}

const formats: Readonly<Record<CredentialConfig['kind'], RegExp>> = {
  'stripe-secret-key': /^(sk|rk)_(live|test)_\w{8,}$/,
  'postgres-url': /^postgres(ql)?:\/\/[^/]+\/.+$/,
  'stripe-webhook-secret': /^whsec_\w{8,}$/,
  text: /^.+$/s,
}

function credentialProblem({ world }: PhaseContext, credential: CredentialConfig): string[] {
  const value = world.secret(credential.env)
  if (value === undefined) return credential.optional ? [] : [`${credential.env} is not set`]
  // A text may be a certificate of several lines, whose last one ends as all do.
  const strays = credential.kind === 'text' ? [] : value.strays
  if (strays.length > 0) return strays.map((what) => `${credential.env}: ${what}`)
  return formats[credential.kind].test(value.reveal())
    ? []
    : [`${credential.env} does not look like a ${credential.kind}`]
}

async function checkPermissions({ world, service, environment, signal }: PhaseContext): Promise<void> {
  const missing = await world.cluster.missingPermissions(neededPermissions(service), signal)
  if (missing.length === 0) return
  throw new CheckFailed(
    'missing_permissions',
    `Purser isn't allowed to: ${missing.map(describePermission).join('; ')}`,
    {
      hint: `Grant them in namespace ${environment.namespace} (deploy/rbac.yaml is the Role that Purser needs).`,
    },
  )
}

/** Makes the backup without which no migration starts. Its name is the run's, so a repeat verifies what is there. */
async function backUp(context: PhaseContext): Promise<void> {
  const { world, run } = context
  await context.step('back up the database', async (signal) => {
    const manifest = await world.backups.create(
      backupName(run.environment, run.number, run.createdAt),
      (line) => void context.progress(`backup: ${line}`).catch(() => undefined),
      signal,
    )
    const backup = backupRecordOf(manifest, await world.database.ledger(signal))
    requireYoung(backup, context.environment.backups, 'backing up the database')
    await context.records.recordBackup(backup)
    await context.tell(
      {
        kind: 'output',
        title: 'Backup',
        lines: [
          backup.by === 'command'
            ? `Backup ${backup.file}: ${sizeOf(backup.bytes)}, finished ${backup.finishedAt}, made by command. ${proofOf(backup)}`
            : `Backup ${backup.file}: ${sizeOf(backup.bytes)}, ${backup.tables} tables, sha256 ${backup.sha256.slice(0, 12)}, read through from end to end. ${proofOf(backup)}`,
        ],
        quiet: true,
      },
      'backup',
    )
  })
  await context.step('let old backups go', (signal) => letOldBackupsGo(context, signal))
}

/** Returns the ledger that a backup holds; undefined where something was applied while it was made: nobody knows of that. */
export function ledgerHeld(
  ledger: readonly LedgerEntry[],
  { startedAt, finishedAt }: { readonly startedAt: string; readonly finishedAt: string },
): readonly LedgerEntry[] | undefined {
  const before = ledger.filter(({ appliedAt }) => appliedAt <= startedAt)
  return ledger.some(({ appliedAt }) => appliedAt > startedAt && appliedAt <= finishedAt) ? undefined : before
}

/**
 * Returns what the state database keeps of a backup. Nobody migrates between the dump and the reading of its ledger: the
 * run that makes it holds the environment. A command may have given a backup that it made before.
 */
export function backupRecordOf(manifest: Backup, ledger: readonly LedgerEntry[]): BackupRecord {
  if (manifest.by === 'command') {
    const { file, database, bytes, sha256, startedAt, finishedAt, proof } = manifest
    const proven = proof === undefined ? {} : { proof }
    const held = ledgerHeld(ledger, { startedAt, finishedAt })
    const migrations = held === undefined ? {} : { migrations: held.map(({ version, name }) => ({ version, name })) }
    return { by: 'command', file, database, bytes, sha256, tables: 0, finishedAt, ...migrations, ...proven }
  }
  return {
    file: manifest.file,
    database: manifest.database,
    bytes: manifest.bytes,
    sha256: manifest.sha256,
    tables: manifest.tables.length,
    finishedAt: manifest.finishedAt,
    migrations: ledger.map(({ version, name }) => ({ version, name })),
    rows: manifest.rows,
    ...(manifest.restoreTest.outcome === 'passed'
      ? { restoreMs: manifest.restoreTest.milliseconds, ...restoredWithout(manifest.restoreTest) }
      : { untried: manifest.restoreTest.reason }),
  }
}

function restoredWithout({
  without = [],
}: {
  readonly without?: readonly string[]
}): Pick<BackupRecord, 'restoredWithout'> {
  return without.length === 0 ? {} : { restoredWithout: without.join(', ') }
}

function withoutWords({ restoredWithout: what }: Pick<BackupRecord, 'restoredWithout'>): string {
  return what === undefined ? '' : ` without ${what}`
}

function proofOf(backup: BackupRecord): string {
  const { by, proof, restoreMs, untried, rows = [] } = backup
  if (by === 'command') return proof === undefined ? 'Not proven.' : `Proven by its command: ${proof}.`
  if (restoreMs === undefined) return `Checksum-verified only: ${untried ?? 'unknown'}.`
  const total = rows.reduce((sum, row) => sum + row.rows, 0)
  return `Restore-tested in ${roughly(restoreMs)}${withoutWords(backup)}, all ${total} rows and every sequence as in the snapshot.`
}

async function letOldBackupsGo(context: PhaseContext, signal: AbortSignal) {
  const { world, environment, run, records } = context
  const known = (await records.keptBackups()).map(({ file, finishedAt, restoreMs, proof }) => {
    return { file, finishedAt, proven: restoreMs !== undefined || proof !== undefined }
  })
  const kept = new Set(known.map(({ file }) => file))
  const gone = await world.backups.retain(
    // Others may share the directory, so only what the state database knows as this environment's is removed.
    {
      keep: environment.backups.keep,
      days: environment.backups.days,
      now: run.createdAt,
      owns: (file) => kept.has(file),
      known,
    },
    signal,
  )
  if (gone.length > 0) await records.backupsRemoved(gone)
  return { removed: gone }
}

/** Names the backup as the runbook does, and uniquely for the run: `backup_20261122_081530_production_run42`. */
function backupName(environment: string, run: number, at: Date): string {
  const stamp = at.toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)
  return `backup_${stamp}_${environment}_run${run}`
}
