import type { BackupManifest } from '../../adapters/postgres/port.ts'
import type { Workspace } from '../../adapters/runner/port.ts'
import type { CredentialConfig, PreflightCommandConfig } from '../../config/service-schema.ts'
import type { BackupRecord } from '../../model/backup.ts'
import { sampleBaseline } from '../monitor/baseline.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { buildImage } from '../rollout/image-build.ts'
import { describePermission, neededPermissions } from './permissions.ts'
import { requireAccount } from '../plan/stripe-plan.ts'
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
  return backup?.restoreMs === undefined ? 'checksum-verified only' : `restore-tested in ${roughly(backup.restoreMs)}`
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
  const [database, missing] = await Promise.all([
    world.database.facts(signal),
    world.stripe.missingRights(signal),
    requireAccount(context),
  ])
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
  if (missing.length > 0)
    throw new CheckFailed(
      'stripe_permission_missing',
      `checking the Stripe key: ${environment.stripe.secretKeyEnv} lacks ${missing.map(({ right }) => right).join(', ')}`,
      {
        evidence: missing.map(({ answer }) => answer),
        hint: 'Give the restricted key these rights in the Stripe dashboard (API keys). All rights are in docs/stripe.md.',
      },
    )
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
      (line) => void context.report(`backup: ${line}`).catch(() => undefined),
      signal,
    )
    const backup = backupRecordOf(manifest)
    await context.records.recordBackup(backup)
    await context.tell(
      {
        kind: 'output',
        title: 'Backup',
        lines: [
          `Backup ${backup.file}: ${sizeOf(backup.bytes)}, ${backup.tables} tables, sha256 ${backup.sha256.slice(0, 12)}, read through from end to end. ${proofOf(backup)}`,
        ],
        quiet: true,
      },
      'backup',
    )
  })
  await context.step('let old backups go', (signal) => letOldBackupsGo(context, signal))
}

/** Returns what the state database keeps of a backup. */
export function backupRecordOf(manifest: BackupManifest): BackupRecord {
  return {
    file: manifest.file,
    database: manifest.database,
    bytes: manifest.bytes,
    sha256: manifest.sha256,
    tables: manifest.tables.length,
    finishedAt: manifest.finishedAt,
    rows: manifest.rows,
    ...(manifest.restoreTest.outcome === 'passed'
      ? { restoreMs: manifest.restoreTest.milliseconds }
      : { untried: manifest.restoreTest.reason }),
  }
}

function proofOf({ restoreMs, untried, rows = [] }: BackupRecord): string {
  if (restoreMs === undefined) return `Checksum-verified only: ${untried ?? 'unknown'}.`
  const total = rows.reduce((sum, row) => sum + row.rows, 0)
  return `Restore-tested in ${roughly(restoreMs)}, all ${total} rows and every sequence as in the snapshot.`
}

async function letOldBackupsGo(context: PhaseContext, signal: AbortSignal) {
  const { world, environment, run, records } = context
  const kept = new Set((await records.keptBackups()).map(({ file }) => file))
  const gone = await world.backups.retain(
    // Others may share the directory, so only what the state database knows as this environment's is removed.
    {
      keep: environment.backups.keep,
      days: environment.backups.days,
      now: run.createdAt,
      owns: (file) => kept.has(file),
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
