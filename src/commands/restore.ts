import { z } from 'zod'
import { backupRemoved, noBackup, noReasonGiven, wrongNameTyped } from '../messages/answers/refused.ts'
import { inputs, keepOption } from '../messages/dialogs/ask-dialogs.ts'
import { type RestorePrice, restoreView } from '../messages/dialogs/restore.ts'
import type { KeptBackup } from '../model/backup.ts'
import { approvalsNeeded } from '../jobs/approvals-needed.ts'
import { newRun, type PhaseMinutes } from '../model/new-run.ts'
import { type Answer, onBoard, publishAndEnqueue, tell, wrongField } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { environmentOf, guard, guardLock } from './guards.ts'
import type { Submitted } from './dialogs/submitted.ts'
import { command } from './grammar/row.ts'
import { tidyWord } from './grammar/typed.ts'
import { backup, environment, isReason } from './grammar/words.ts'

export const restoreCommand = command('restore', {
  does: 'preview a restore, then request it',
  more: "A dialog shows what you would lose, and wants the environment's name typed before anything begins ([more](database.md#restore)).",
  may: 'deployers',
  approvals: 'restoreApprovals',
  answer: 'board',
  takes: { backup, environment },
  examples: ['restore', 'restore #42', 'restore backup_20260105_101500_production_run42.dump staging'],
  act: openRestoreDialog,
})

const Metadata = z.object({ channel: z.string(), environment: z.string(), file: z.string(), sha256: z.string() })

/** Answers `/billing restore [BACKUP] [ENV]` by a dialog that shows what it costs; changes nothing yet. */
export async function openRestoreDialog(
  caller: Caller,
  asked: { readonly backup?: string | undefined; readonly environment?: string | undefined },
  context: CommandContext,
): Promise<Answer> {
  const environment = asked.environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'deploy', environment)
  await guardLock(context, environment)
  const backup = chosen(await context.backups(environment), asked.backup)
  if (backup === undefined) return tell(noBackup(environment, asked.backup))
  const { file, sha256 } = backup
  const metadata = JSON.stringify({ channel: caller.channel, environment, file, sha256 })
  const approvals = environmentOf(context, environment).policy.restoreApprovals
  const price = { environment, backup, approvals, tables: undefined, now: context.now() }
  return {
    kind: 'open',
    view: restoreView(price, metadata),
    fill: async () => {
      const [tables, strategy] = await Promise.all([
        writtenSince(environment, backup, context),
        context.restoreStrategy(environment, file),
      ])
      return restoreView({ ...price, tables, strategy }, metadata)
    },
  }
}

/** Carries out the confirmed dialog: a run begins by planning. It needs approvals of its own. */
export async function confirmRestore(dialog: Submitted, context: CommandContext): Promise<Answer> {
  const { channel, environment, file, sha256 } = Metadata.parse(JSON.parse(dialog.metadata))
  await guard(context, { user: dialog.user, channel }, 'deploy', environment)
  await guardLock(context, environment)
  const typed = tidyWord(dialog.value(inputs.environment) ?? '')
  if (typed !== environment) return wrongField(inputs.environment, wrongNameTyped(typed, environment))
  const backup = (await context.backups(environment)).find((backup) => backup.file === file && backup.sha256 === sha256)
  if (backup === undefined) return tell(backupRemoved(file))
  const { policy } = environmentOf(context, environment)
  const reason = dialog.value(inputs.reason)?.trim() ?? ''
  const keeps = dialog.value(inputs.afterwards) === keepOption
  if (keeps && !isReason(reason)) return wrongField(inputs.reason, noReasonGiven)
  const run = newRun('restore', {
    service: context.config.service.name,
    environment,
    version: backup.file,
    requestedBy: dialog.user,
    channel,
    reason: reason === '' ? undefined : reason,
    ...(keeps ? { plan: { kind: 'restore-request', keep: reason } as const } : {}),
    approvalsNeeded: approvalsNeeded({ kind: 'restore' }, policy),
    minutes: restoreMinutes(backup),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  const applied = await context.runs.create(run, { request: context.request })
  await publishAndEnqueue(context, applied)
  return onBoard(applied.run)
}

/** Finds the newest backup, the one that a run made (`#42`), or one by its name. */
function chosen(all: readonly KeptBackup[], asked: string | undefined): KeptBackup | undefined {
  if (asked === undefined) return all[0]
  const run = /^#?(\d+)$/.exec(asked)?.[1]
  return all.find((one) =>
    run === undefined ? [one.file, `${one.file}`.replace(/\.dump$/, '')].includes(asked) : one.run === Number(run),
  )
}

async function writtenSince(
  environment: string,
  { rows = [] }: KeptBackup,
  context: CommandContext,
): Promise<RestorePrice['tables']> {
  const tables = rows.filter(({ table }) => !table.startsWith('pg_catalog.'))
  const now = await context.rowsNow(
    environment,
    tables.map(({ table }) => table),
  )
  return tables.map(({ table, rows: inBackup }) => ({
    table,
    inBackup,
    now: now.find((one) => one.table === table)?.rows,
  }))
}

/**
 * Estimates the phases of a restore, which takes what the test restore took, and twice that on a busy server; around
 * the swap Jobs end and pods start. In place, a dump and the restore come in between: nobody knows yet whether it will
 * be so.
 */
function restoreMinutes({ restoreMs = 10 * 60_000 }: KeptBackup): PhaseMinutes {
  return {
    prepare: Math.max(5, Math.ceil((restoreMs * 2) / 60_000)),
    swap: 10 + Math.ceil((restoreMs * 4) / 60_000),
  }
}
