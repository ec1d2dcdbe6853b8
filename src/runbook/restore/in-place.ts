import { randomBytes } from 'node:crypto'
import type { EffectOf } from '../../model/effects/effects.ts'
import type { PhaseContext, PhaseResult } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { backupRecordOf } from '../preflight/preflight.ts'
import {
  rememberService,
  type ServiceSnapshot,
  signalToPutBack,
  startService,
  startsOf,
  stopService,
} from './service.ts'
import type { RestorePlan } from '../../model/restore-plan.ts'
import { afterStart, bringBack, rememberImage, runsNow } from './bring-back.ts'
import { lookBefore } from '../verify/well-again.ts'
import { roughly } from '../../text.ts'

/*
 * A restore where databases cannot be renamed. The service is stopped for the whole of it: what the database holds is
 * dumped as a backup of its own, then the archive's content takes its place in one transaction that leaves a mark. A
 * worker that repeats it after a crash looks for the mark first: it tells that the exchange is done, and which dump
 * leads back. Without it everything may be repeated; the dump is made anew if the service was started in between. After
 * an error the service is started again, on the old content or on the new one.
 */

/** Exchanges the content of the database, while the service is stopped, for that of the backup. */
export async function restoreInPlace(context: PhaseContext, plan: RestorePlan): Promise<PhaseResult> {
  const { world, run } = context
  const { live } = plan.database
  await lookBefore(context)
  const began = await context.step('note the time', async () => ({ at: Date.now() }))
  const snapshot = await rememberService(context)
  const stood = await rememberImage(context, plan.release)
  try {
    if ((await world.restores.doneInPlace(run.number, context.signal)) === undefined) {
      await context.report('suspending CronJobs and stopping the application')
      await stopService(context, snapshot, context.signal)
      const { file: safety } = await dumpWhatStands(context)
      await context.change('restore in place', {
        kind: 'database',
        target: live,
        before: async () => ({ ...plan.database, backup: plan.backup.file, inPlace: true }),
        act: async (_before, signal) => replace(context, { ...plan.backup, safety }, signal),
      })
    }
    await bringBack(context, plan.release, snapshot, stood)
    await context.report('starting the application')
    await startService(context, snapshot, context.signal)
    await afterStart(context, plan.release)
  } catch (error) {
    await putBack(context, snapshot)
    throw error
  }
  const down = roughly(Date.now() - began.at)
  const done = await world.restores.doneInPlace(run.number, context.signal)
  await context.tell(
    {
      kind: 'note',
      text:
        `${live} now holds the backup ${plan.backup.file}. Its previous data is kept as backup ${done?.safety ?? '?'}. ` +
        `rolling this run back restores that one, in place as well. ${runsNow(plan.release)}The service stood still for at most ${down}.`,
    },
    'swapped',
  )
  return { line: `${live} restored in place, service back after ${down}, previous data: ${done?.safety ?? '?'}` }
}

/**
 * Takes a restore in place back: dumps what was written since, then puts the dump from before the restore in its place,
 * and puts back, `meanwhile`, what else the restore has changed.
 */
export async function undoInPlace(
  context: PhaseContext,
  effect: EffectOf<'database'>,
  snapshot: ServiceSnapshot,
  meanwhile: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { world, run } = context
  try {
    const done = await world.restores.doneInPlace(effect.run, signal)
    if (done !== undefined && (await world.restores.doneInPlace(run.number, signal)) === undefined) {
      await context.report(`verifying ${done.safety}`)
      const { file, sha256 } = await world.backups.verify(done.safety, signal)
      await stopService(context, snapshot, signal)
      const { file: safety } = await dumpWhatStands(context)
      await replace(context, { file, sha256, safety }, signal)
    }
    await meanwhile()
    await startService(context, snapshot, signal)
  } catch (error) {
    await putBack(context, snapshot)
    throw error
  }
}

/** Tells that the run has restored nothing, and that no earlier try of this rollback has begun to take it back. */
export async function neverRestored({ world, run }: PhaseContext, effect: EffectOf<'database'>, signal: AbortSignal) {
  const [restored, back] = [
    await world.restores.doneInPlace(effect.run, signal),
    await world.restores.doneInPlace(run.number, signal),
  ]
  return restored === undefined && back === undefined
}

async function replace(
  context: PhaseContext,
  backup: { readonly file: string; readonly sha256: string; readonly safety: string },
  signal: AbortSignal,
) {
  const { file, sha256, safety } = backup
  await context.report(`restoring ${file} in place`)
  const onProgress = (line: string): void => void context.progress(`in place: ${line}`).catch(() => undefined)
  return context.world.restores.inPlace({ run: context.run.number, file, sha256, safety, onProgress }, signal)
}

/**
 * Dumps the database while nothing of the service writes. A start of the service makes the dump worthless, so another
 * one is made after it.
 */
async function dumpWhatStands(context: PhaseContext): Promise<{ readonly file: string }> {
  const { world, run, records } = context
  const starts = startsOf(await records.effectsOf(run.number))
  const { name } = await context.step(`name the dump of what stands (${starts})`, async () => {
    const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '_').slice(0, 15)
    // The random part keeps a backup that is there already under the name from being taken for this one.
    const once = randomBytes(3).toString('hex')
    return { name: `before_${stamp}_${run.environment}_run${run.number}_${once}` }
  })
  return context.step(`dump what stands (${starts})`, async (signal) => {
    const onProgress = (line: string): void => void context.progress(`dump before: ${line}`).catch(() => undefined)
    const manifest = await world.backups.dump(name, onProgress, signal)
    await records.recordBackup(backupRecordOf(manifest, await world.database.ledger(signal)))
    return { file: manifest.file }
  })
}

async function putBack(context: PhaseContext, snapshot: ServiceSnapshot): Promise<void> {
  const signal = signalToPutBack(context.signal)
  if (signal === undefined) return
  try {
    await startService(context, snapshot, signal)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const text = `Starting the service again after the failure also failed: ${why}. Check the replicas and CronJobs.`
    await context.tell({ kind: 'note', text }).catch(() => undefined)
  }
}

/** Verifies the backup before any downtime, and rehearses its restore where that is possible. */
export async function verifyForInPlace(context: PhaseContext, { backup }: RestorePlan): Promise<PhaseResult> {
  const manifest = await context.world.backups.verify(backup.file, context.signal)
  if (manifest.sha256 !== backup.sha256)
    throw new CheckFailed('backup_changed', `${backup.file} is not the file that was planned`)
  const { why } = await context.step('rehearse the restore in place', async (signal) => {
    const onProgress = (line: string): void => void context.progress(`rehearsal: ${line}`).catch(() => undefined)
    return { why: (await context.world.restores.rehearseInPlace(backup.file, onProgress, signal)) ?? null }
  })
  const rehearsed = why === null ? 'rehearsed without its rows' : `not rehearsed (${why})`
  return { line: `${backup.file} verified, ${rehearsed}, restored during the downtime` }
}
