import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { BackupManifest } from '../../adapters/postgres/port.ts'
import { settingsDrift } from '../../model/configuration.ts'
import { identityDrift } from '../../model/identities.ts'
import type { PlanDifference } from '../../model/plan-difference.ts'
import type { RestoredTable, RestorePlan } from '../../model/restore-plan.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed, PlanOutdated } from '../errors.ts'
import { comparedConfiguration } from '../confirm/compared-configuration.ts'
import { identitiesNow, readIdentities } from '../confirm/identities.ts'
import { comesBackRisks } from '../owners/owners.ts'
import { runningReplicas } from './replicas.ts'
import { missedEvents } from '../stripe/missed-events.ts'
import { restoreStrategy } from './strategy.ts'

const countLimitMs = 20_000
const mostTables = 50

/** Plans what the restore will do and cost, from read-only looks. The run's version is the name of the backup. */
export const planRestore: Phase = async (context) => {
  const { world, run, service, signal } = context
  await context.report('looking at the backup and the database')
  const backup = await backupOf(context)
  const manifest = (await world.backups.list(signal)).find(({ file }) => file === backup.file)
  if (manifest === undefined || manifest.sha256 !== backup.sha256)
    throw new CheckFailed('backup_missing', `planning the restore: ${backup.file} is not in the backup directory`, {
      hint: 'See `/billing backups`.',
    })
  const strategy = await restoreStrategy(world, context.environment, manifest, signal)
  const { live, restored, kept } = world.restores.names(run.number)
  const running = await runningReplicas(context, signal)
  const leadsTo = await readIdentities(context, running.deployment)
  await context.report('counting what was written since')
  const now = await world.restores.countNow(
    manifest.rows.slice(0, mostTables).map(({ table }) => table),
    countLimitMs,
    signal,
  )
  const tables = manifest.rows
    .filter(({ table }) => !table.startsWith('pg_catalog.'))
    .map(({ table, rows }): RestoredTable => ({
      table,
      inBackup: rows,
      now: now.find((one) => one.table === table)?.rows,
    }))
  const ledger = await world.database.ledger(signal)
  const migrationsLost = ledger.filter((one) => one.appliedAt > manifest.startedAt).map(({ name }) => name)
  await context.report('asking Stripe what has happened since')
  const events = await eventsSince(context, new Date(manifest.startedAt))
  const plan: RestorePlan = {
    kind: 'restore',
    environment: run.environment,
    backup: {
      file: backup.file,
      run: backup.run,
      sha256: backup.sha256,
      bytes: backup.bytes,
      startedAt: manifest.startedAt,
      finishedAt: backup.finishedAt,
      restoreMs: backup.restoreMs,
    },
    database: { live, restored, kept },
    ...(strategy === undefined ? {} : { inPlace: { ...strategy, ...downtimeOf(manifest) } }),
    events,
    tables,
    deployment: { name: service.deployment, replicas: running.before.replicas },
    cronJobs: service.cronJobs.map(({ name }) => name),
    migrationsLost,
    risks: [
      ...risksOf(tables, migrationsLost, backup.restoreMs === undefined),
      ...running.risks,
      ...(await startedAgainRisks(context, running.deployment)),
      ...leadsTo.risks,
    ],
    configuration: comparedConfiguration(service, context.environment),
    identities: leadsTo.identities,
  }
  return { line: `${backup.file} → ${live}`, plan }
}

/** Says who may start again what the restore stops: pods that write while the database is exchanged. */
async function startedAgainRisks(
  { world, service, signal }: PhaseContext,
  { replicasOwners, claims }: DeploymentState,
): Promise<readonly string[]> {
  const cronJobs = await Promise.all(service.cronJobs.map(({ name }) => world.cluster.cronJob(name, signal)))
  return [
    ...comesBackRisks({ object: `Deployment ${service.deployment}`, owners: replicasOwners, claims }),
    ...cronJobs.flatMap((state) =>
      state === undefined ? [] : comesBackRisks({ object: `CronJob ${state.name}`, ...state }),
    ),
  ]
}

/**
 * Raises PlanOutdated, with every difference, when what was approved is no longer possible, the backup is another one,
 * purser.yaml says something else, or the environment leads elsewhere. Once the swap has begun nothing is compared: it is
 * finished or put back. Safe to repeat.
 */
export async function confirmRestorePlan(context: PhaseContext, plan: RestorePlan): Promise<void> {
  if ((await context.records.effectsOf(context.run.number)).length > 0) return
  const differences = [
    ...(await identitiesSince(context, plan)),
    ...settingsSince(context, plan),
    ...(await backupDrift(context, plan)),
  ]
  if (differences.length > 0) throw new PlanOutdated(differences)
}

function settingsSince({ service, environment }: PhaseContext, plan: RestorePlan): readonly PlanDifference[] {
  if (plan.configuration === undefined || plan.identities === undefined)
    return [{ now: 'the plan was made by an earlier version of Purser' }]
  const now = comparedConfiguration(service, environment)
  return settingsDrift(plan.configuration, now, (key) => `${key} in purser.yaml`)
}

/** That a plan of an earlier version has none is told by `settingsSince`. */
async function identitiesSince(context: PhaseContext, { identities }: RestorePlan): Promise<readonly PlanDifference[]> {
  return identities === undefined ? [] : identityDrift(identities, await identitiesNow(context))
}

async function backupDrift(context: PhaseContext, plan: RestorePlan): Promise<readonly PlanDifference[]> {
  const { world, environment, signal } = context
  const backup = await backupOf(context)
  if (backup.sha256 !== plan.backup.sha256) return [{ now: `backup ${backup.file} has changed` }]
  const manifest = (await world.backups.list(signal)).find(({ file }) => file === backup.file)
  if (manifest === undefined) return [{ now: `backup ${backup.file} is gone` }]
  const strategy = await restoreStrategy(world, environment, manifest, signal)
  if ((strategy === undefined) === (plan.inPlace === undefined)) return []
  return strategy === undefined
    ? [{ now: 'databases can be swapped now', planned: `in place: ${plan.inPlace?.why ?? 'the reason is not known'}` }]
    : [{ now: strategy.why, planned: 'a swap of names' }]
}

/**
 * Estimates how long the service is stopped: for the dump of what is there and for the restore, which is not parallel
 * in place.
 */
function downtimeOf({ startedAt, finishedAt, restoreTest }: BackupManifest): { readonly downtimeMs?: number } {
  if (restoreTest.outcome !== 'passed') return {}
  return { downtimeMs: Date.parse(finishedAt) - Date.parse(startedAt) }
}

/**
 * Says which events came since the backup. A plan can be made without Stripe's answer, so the line says when it lacks
 * it.
 */
async function eventsSince(context: PhaseContext, since: Date): Promise<string> {
  try {
    // The service's table tells what is there now: all of it since the backup will be gone.
    const { receivedEvents: _now, ...stripe } = context.service.stripe
    const asIfSetBack = { ...context, service: { ...context.service, stripe } }
    return (await missedEvents(asIfSetBack, since, { databaseSetBack: true })).line
  } catch (error) {
    context.signal.throwIfAborted()
    return `Stripe did not tell which events there were since: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function backupOf({ records, run }: PhaseContext) {
  const found = (await records.keptBackups()).find(({ file }) => file === run.version)
  if (found !== undefined) return found
  throw new CheckFailed('backup_missing', `planning the restore: ${run.environment} has no backup ${run.version}`, {
    hint: 'See `/billing backups`.',
  })
}

function risksOf(tables: readonly RestoredTable[], migrations: readonly string[], untried: boolean): readonly string[] {
  const changed = tables.filter(({ inBackup, now }) => now !== undefined && now !== inBackup)
  const uncounted = tables.filter(({ now }) => now === undefined)
  return [
    ...changed.map(({ table, inBackup, now = 0 }) => {
      const written = now - inBackup
      return written > 0
        ? `${table}: ${written} rows written since the backup are lost (${now} now, ${inBackup} in the backup).`
        : `${table}: ${-written} rows that are gone now come back (${now} now, ${inBackup} in the backup).`
    }),
    ...(uncounted.length === 0
      ? []
      : [`Not counted (gone, or too large): ${uncounted.map(({ table }) => table).join(', ')}.`]),
    "Edited rows go back too. They can't be counted.",
    ...(migrations.length === 0
      ? []
      : [
          `Migrations applied since the backup are gone afterwards: ${migrations.join(', ')}. The running version may need them.`,
        ]),
    ...(untried ? ['This backup was never restore-tested. The restore checks it before any downtime.'] : []),
  ]
}
