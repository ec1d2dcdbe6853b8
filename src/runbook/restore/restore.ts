import type { RestoreNames } from '../../adapters/postgres/restores/port.ts'
import type { RestorePlan } from '../../model/restore-plan.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { confirmRestorePlan } from './restore-plan.ts'
import { rememberService, type ServiceSnapshot, signalToPutBack, startService, stopService } from './service.ts'
import { afterStart, bringBack, rememberImage, runsNow } from './bring-back.ts'
import { excuseOf } from './excuses.ts'
import { sendMissedEvents } from './send-events.ts'
import { restoreInPlace, verifyForInPlace } from './in-place.ts'
import { healthState, rolloutState } from '../verify/state-checks.ts'
import { lookBefore, wellAgain } from '../verify/well-again.ts'
import { roughly } from '../../text.ts'

/*
 * A restore by a swap of names, and its way back. `prepare` restores beside the live database, which goes on serving;
 * `swap` remembers replicas and schedules, stops the service, exchanges two names in one transaction and starts it
 * again, with the release that fits (bring-back.ts); `check` sends Stripe's events since the backup again and compares
 * how the service is with how it was. Every step looks at the names first, so a
 * repeat after a crash goes on from what it finds; after an error the service is started again, unless another worker
 * goes on with this very run. In place (in-place.ts) the content is exchanged instead of the names.
 */

/**
 * If Database Issues, before any downtime: restores the backup beside the live database and compares it with its
 * snapshot.
 */
export const prepare: Phase = async (context) => {
  const plan = restorePlanOf(context)
  const { world } = context
  await confirmRestorePlan(context, plan)
  await context.report(`verifying ${plan.backup.file}`)
  if (plan.inPlace !== undefined) return verifyForInPlace(context, plan)
  await context.step('verify the backup again', async (signal) => {
    const { sha256 } = await world.backups.verify(plan.backup.file, signal)
    if (sha256 !== plan.backup.sha256)
      throw new CheckFailed('backup_changed', `${plan.backup.file} is not the backup that was planned`)
  })
  await context.report(`restoring into ${plan.database.restored}, ${plan.database.live} stays live`)
  try {
    const { milliseconds } = await context.step('restore into a new database', (signal) =>
      world.restores.prepare(
        {
          names: plan.database,
          file: plan.backup.file,
          sha256: plan.backup.sha256,
          onProgress: (line) => void context.progress(`${plan.database.restored}: ${line}`).catch(() => undefined),
        },
        signal,
      ),
    )
    return {
      line:
        plan.backup.by === 'command'
          ? `${plan.database.restored} was filled by the restore command, in ${roughly(milliseconds)}`
          : `${plan.database.restored} holds the backup, checked against its snapshot, in ${roughly(milliseconds)}`,
    }
  } catch (error) {
    const signal = signalToPutBack(context.signal)
    // Half a database is of no use to anybody, and nothing serves from it.
    if (signal !== undefined) await world.restores.discard(plan.database, signal).catch(() => undefined)
    throw error
  }
}

/**
 * Stops the application, swaps the names of the two databases and starts it again; all else was prepared before.
 * Whatever fails, the application comes back, on the old database or on the new one.
 */
export const swap: Phase = async (context) => {
  const plan = restorePlanOf(context)
  await confirmRestorePlan(context, plan)
  if (plan.inPlace !== undefined) return restoreInPlace(context, plan)
  const { world } = context
  const names = plan.database
  await lookBefore(context)
  const began = await context.step('note the time', async () => ({ at: Date.now() }))
  const snapshot = await rememberService(context)
  const stood = await rememberImage(context, plan.release)
  try {
    if ((await world.restores.swapState(names, context.signal)) !== 'swapped') {
      await context.report('suspending CronJobs and stopping the application')
      await stopService(context, snapshot, context.signal)
    }
    await context.report(`${names.restored} becomes ${names.live}`)
    await context.change('swap the databases', {
      kind: 'database',
      target: names.live,
      before: async () => ({ ...names, backup: plan.backup.file }),
      act: async (_before, signal) => world.restores.swap(names, signal),
    })
    await bringBack(context, plan.release, snapshot, stood)
    await context.report('starting the application')
    await startService(context, snapshot, context.signal)
    await afterStart(context, plan.release)
  } catch (error) {
    const signal = signalToPutBack(context.signal)
    if (signal !== undefined) await putBack(context, names, snapshot, signal)
    throw error
  }
  const down = Date.now() - began.at
  await context.tell(
    {
      kind: 'note',
      text:
        `${names.live} is now the backup ${plan.backup.file}. What served before is kept as database ${names.kept}, closed to ` +
        `connections until you drop it. Rolling back this run restores it. ${runsNow(plan.release)}Downtime: at most ${roughly(down)}.`,
    },
    'swapped',
  )
  return { line: `${names.live} restored, service back after ${roughly(down)}, the previous database is ${names.kept}` }
}

export async function putBack(
  context: PhaseContext,
  names: RestoreNames,
  snapshot: ServiceSnapshot,
  signal: AbortSignal,
) {
  try {
    await context.world.restores.reopen(names, signal)
    await startService(context, snapshot, signal)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    await context
      .tell({
        kind: 'note',
        text: `Putting things back after the failure also failed: ${why}. Check the replicas and CronJobs.`,
      })
      .catch(() => undefined)
  }
}

/** Verifies the service on its restored database: pods, health, events, and what passed before the restore. */
export const checkAfterRestore: Phase = async (context) => {
  const plan = restorePlanOf(context)
  await context.report('counting and looking')
  const missing = await context.world.database.missingTables(
    plan.tables.map(({ table }) => table.split('.').map(quoted).join('.')),
    context.signal,
  )
  if (missing.length > 0)
    throw new CheckFailed('tables_missing', `checking the restored database: ${missing.join(', ')} do not exist`)
  const [pods, health] = await Promise.all([rolloutState(context), healthState(context)])
  if (pods.verdict !== 'pass' || health.verdict !== 'pass')
    throw new CheckFailed('restore_unhealthy', `checking the restore: ${pods.value}, health ${health.value}`, {
      hint: 'The running version may need a newer schema than the backup has: roll back the restore, or the deploy.',
    })
  const resent = await sendMissedEvents(context, plan)
  const excuse = await excuseOf(context, plan)
  const { line, verification } = await wellAgain(context, 'restored_not_well', 'restored', excuse)
  return { line: `${pods.value}, health ${health.value}, ${resent}, ${line}`, verification }
}

function restorePlanOf({ run }: PhaseContext): RestorePlan {
  if (run.plan?.kind !== 'restore') throw new Error(`run #${run.number} has no restore plan`)
  return run.plan
}

function quoted(part: string): string {
  return `"${part.replaceAll('"', '""')}"`
}
