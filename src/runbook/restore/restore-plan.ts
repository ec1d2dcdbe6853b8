import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { Backup } from '../../adapters/postgres/backups/port.ts'
import type { LedgerEntry } from '../../adapters/postgres/port.ts'
import { settingsDrift } from '../../model/configuration.ts'
import type { PlannedEffect } from '../../model/deploy-plan.ts'
import { identityDrift } from '../../model/identities.ts'
import { canonicalJson } from '../../model/json.ts'
import type { PlanDifference } from '../../model/plan-difference.ts'
import type { RestoredTable, RestorePlan } from '../../model/restore-plan.ts'
import { nameOf, type RestoredRelease } from '../../model/restored-release.ts'
import type { Run } from '../../model/run.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed, PlanOutdated } from '../errors.ts'
import { comparedConfiguration } from '../confirm/compared-configuration.ts'
import { identitiesNow, readIdentities } from '../confirm/identities.ts'
import { comesBackRisks } from '../owners/owners.ts'
import { currentDeployment } from '../plan/plan.ts'
import { effectsOfRelease, planRelease } from './release.ts'
import { runningReplicas } from './replicas.ts'
import { missedEvents } from '../stripe/missed/missed-events.ts'
import { restoreStrategy } from './strategy.ts'

const countLimitMs = 20_000
const mostTables = 50

/** Plans what the restore will do and cost, from read-only looks. The run's version is the name of the backup. */
export const planRestore: Phase = async (context) => {
  const { world, run, service, signal } = context
  await context.report('looking at the backup and the database')
  const backup = await backupOf(context)
  const manifest = await world.backups.find(backup.file, signal)
  if (manifest === undefined || manifest.sha256 !== backup.sha256)
    throw new CheckFailed(
      'backup_missing',
      `planning the restore: ${backup.file} isn't there, or isn't what was made`,
      {
        hint: 'See `/billing backups`.',
      },
    )
  const { live, restored, kept } = world.restores.names(run.number)
  const strategy = await restoreStrategy(world, context.environment, { ...manifest, kept }, signal)
  const running = await runningReplicas(context, signal)
  const leadsTo = await readIdentities(context, running.deployment)
  await context.report('counting what was written since')
  const inBackup = manifest.by === 'command' ? [] : manifest.rows
  const now = await world.restores.countNow(
    inBackup.slice(0, mostTables).map(({ table }) => table),
    countLimitMs,
    signal,
  )
  const tables = inBackup
    .filter(({ table }) => !table.startsWith('pg_catalog.'))
    .map(({ table, rows }): RestoredTable => ({
      table,
      inBackup: rows,
      now: now.find((one) => one.table === table)?.rows,
    }))
  const ledger = await world.database.ledger(signal)
  const held = backup.migrations?.map(({ version }) => version)
  const isLost = ({ version, appliedAt }: LedgerEntry) =>
    held === undefined ? appliedAt > manifest.startedAt : !held.includes(version)
  const migrationsLost = ledger.filter(isLost).map(({ name }) => name)
  await context.report('looking which version runs on the restored schema')
  const keep = keepOf(run)
  const { startedAt } = manifest
  const release = await planRelease(context, { backup, startedAt, deployment: running.deployment, ledger, keep })
  await context.report('asking Stripe what has happened since')
  const events = await eventsSince(context, new Date(startedAt))
  const plan: RestorePlan = {
    kind: 'restore',
    environment: run.environment,
    backup: {
      file: backup.file,
      run: backup.run,
      sha256: backup.sha256,
      bytes: backup.bytes,
      startedAt,
      finishedAt: backup.finishedAt,
      restoreMs: backup.restoreMs,
      ...(manifest.by === 'command' ? { by: manifest.by, proof: manifest.proof ?? null } : {}),
    },
    database: { live, restored, kept },
    ...(strategy === undefined ? {} : { inPlace: { ...strategy, ...downtimeOf(manifest) } }),
    events,
    tables,
    deployment: { name: service.deployment, replicas: running.before.replicas },
    cronJobs: service.cronJobs.map(({ name }) => name),
    migrationsLost,
    release,
    effects: effectsOf(context, live, release),
    risks: [
      ...releaseRisks(release),
      ...risksOf(tables, migrationsLost, manifest),
      ...(backup.restoredWithout === undefined
        ? []
        : [`This backup was restore-tested without ${backup.restoredWithout}.`]),
      ...running.risks,
      ...(await startedAgainRisks(context, running.deployment)),
      ...leadsTo.risks,
      ...(await world.restores.risks(manifest, strategy === undefined ? 'swap' : 'in-place', signal)),
    ],
    configuration: comparedConfiguration(service, context.environment),
    identities: leadsTo.identities,
  }
  return { line: `${backup.file} → ${live}`, plan }
}

/** Returns why somebody wants the running release to stay; a plan that is made again keeps what was asked for. */
function keepOf({ plan }: Run): string | undefined {
  if (plan?.kind === 'restore-request') return plan.keep
  return plan?.kind === 'restore' && plan.release?.after === 'kept' ? plan.release.reason : undefined
}

/** Lists every change that the restore may make. */
function effectsOf(
  { service, environment }: PhaseContext,
  live: string,
  release: RestoredRelease,
): readonly PlannedEffect[] {
  return [
    { kind: 'replicas', target: service.deployment },
    ...service.cronJobs.map(({ name: target }) => ({ kind: 'schedule', target }) as const),
    { kind: 'database', target: live },
    ...effectsOfRelease(release),
    { kind: 'events', target: environment.webhookUrl },
  ]
}

function releaseRisks(release: RestoredRelease): readonly string[] {
  const running = nameOf(release.running)
  const may = release.after === 'former' ? nameOf(release.earlier) : running
  const doubts = (release.doubts ?? []).map((doubt) => `${may} may fail on the restored schema: ${doubt}.`)
  if (release.after === 'running') return doubts
  if (release.after === 'former')
    return [
      `${nameOf(release.earlier)} runs afterwards: ${release.because.join('; ')}.`,
      ...doubts,
      ...release.undo.stays,
      ...(release.noEvents === undefined ? [] : [`Stripe events are not sent again: ${release.noEvents}.`]),
    ]
  const fits = release.unfit ? 'cannot run on the restored schema' : 'might not run on the restored schema'
  const events = release.unfit ? ' Stripe events are held back.' : ''
  return [`${running} stays, but ${fits}: ${release.because.join('; ')}.${events}`]
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
    ...(await releaseDrift(context, plan)),
  ]
  if (differences.length > 0) throw new PlanOutdated(differences)
}

function settingsSince({ service, environment }: PhaseContext, plan: RestorePlan): readonly PlanDifference[] {
  if (plan.configuration === undefined || plan.identities === undefined || plan.release === undefined)
    return [{ now: 'the plan was made by an earlier version of Purser' }]
  const now = comparedConfiguration(service, environment)
  return settingsDrift(plan.configuration, now, (key) => `${key} in purser.yaml`)
}

/** That a plan of an earlier version has none is told by `settingsSince`. */
async function identitiesSince(context: PhaseContext, { identities }: RestorePlan): Promise<readonly PlanDifference[]> {
  return identities === undefined ? [] : identityDrift(identities, await identitiesNow(context))
}

/** Decides again which release runs afterwards: somebody may have deployed, or changed what comes back, since. */
async function releaseDrift(context: PhaseContext, plan: RestorePlan): Promise<readonly PlanDifference[]> {
  const { world, signal, run } = context
  const { release: planned } = plan
  // That a plan of an earlier version has none is told by `settingsSince`.
  if (planned === undefined) return []
  const backup = await backupOf(context)
  const [deployment, ledger] = await Promise.all([
    currentDeployment(context, { mayBePaused: true }),
    world.database.ledger(signal),
  ])
  const startedAt = plan.backup.startedAt ?? backup.finishedAt
  const now = await planRelease(context, { backup, startedAt, deployment, ledger, keep: keepOf(run) })
  if (canonicalJson(asJson(now)) === canonicalJson(asJson(planned))) return []
  return [{ now: `afterwards ${releaseWords(now)}`, planned: releaseWords(planned) }]
}

/** A plan that was stored has lost the fields that are undefined. */
function asJson(release: RestoredRelease): unknown {
  return JSON.parse(JSON.stringify(release))
}

function releaseWords(release: RestoredRelease): string {
  const { running } = release
  const template = running.templateHash.slice(0, 12)
  if (release.after === 'former') {
    const { undo, earlier } = release
    return `${nameOf(earlier)} instead of ${nameOf(running)} (${template}): ${undo.steps.map(({ line }) => line).join('; ')}`
  }
  return `${nameOf(running)} (${template}) ${release.after === 'kept' ? 'stays as asked for' : 'stays'}`
}

async function backupDrift(context: PhaseContext, plan: RestorePlan): Promise<readonly PlanDifference[]> {
  const { world, environment, signal } = context
  const backup = await backupOf(context)
  if (backup.sha256 !== plan.backup.sha256) return [{ now: `backup ${backup.file} has changed` }]
  const manifest = await world.backups.find(backup.file, signal)
  if (manifest === undefined) return [{ now: `backup ${backup.file} is gone` }]
  if (manifest.sha256 !== plan.backup.sha256) return [{ now: `backup ${backup.file} has changed` }]
  const strategy = await restoreStrategy(world, environment, { ...manifest, kept: plan.database.kept }, signal)
  if ((strategy === undefined) === (plan.inPlace === undefined)) return []
  return strategy === undefined
    ? [{ now: 'databases can be swapped now', planned: `in place: ${plan.inPlace?.why ?? 'the reason is not known'}` }]
    : [{ now: strategy.why, planned: 'a swap of names' }]
}

/**
 * Estimates how long the service is stopped: for the dump of what is there and for the restore, which is not parallel
 * in place.
 */
function downtimeOf(backup: Backup): { readonly downtimeMs?: number } {
  if (backup.by === 'command' || backup.restoreTest.outcome !== 'passed') return {}
  return { downtimeMs: Date.parse(backup.finishedAt) - Date.parse(backup.startedAt) }
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

function risksOf(tables: readonly RestoredTable[], migrations: readonly string[], backup: Backup): readonly string[] {
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
    ...(backup.by === 'command'
      ? [
          'Nobody counted the rows of this backup, so what is lost is unknown. Everything written since is gone afterwards.',
        ]
      : ["Edited rows go back too. They can't be counted."]),
    ...(migrations.length === 0
      ? []
      : [
          `Migrations applied since the backup are gone afterwards: ${migrations.join(', ')}. The running version may need them.`,
        ]),
    ...proofRisks(backup),
  ]
}

function proofRisks(backup: Backup): readonly string[] {
  if (backup.by === 'command')
    return backup.proof === undefined
      ? ['This backup is not proven. Its restore command is what shows whether it is good.']
      : []
  return backup.restoreTest.outcome === 'passed'
    ? []
    : ['This backup was never restore-tested. The restore checks it before any downtime.']
}
