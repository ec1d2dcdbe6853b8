import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { KeptBackup } from '../runs/backups.ts'
import type { RestorePlan, RestoredTable } from '../runs/restore-plan.ts'
import { viewIds } from './actions.ts'
import { inputs } from './ask-dialogs.ts'
import { list } from './list.ts'
import { code, context, counted, message, paragraph, paragraphs, plainText, words, type Message } from './message.ts'
import type { Chapter } from './plan-text.ts'
import { ago, duration, megabytes } from './time.ts'

/** What a restore costs, as far as it is known when the dialog opens. */
export interface RestorePrice {
  readonly environment: string
  readonly backup: KeptBackup
  readonly approvals: number
  /** Undefined: still being counted. */
  readonly tables: readonly RestoredTable[] | undefined
  readonly now: Date
}

const tableStyle = { line: 250, cap: { lines: 20, chars: 2500, rest: 'in the plan' } }

/** The price first; then the environment's name has to be typed. */
export function restoreView(price: RestorePrice, privateMetadata: string): ModalView {
  const { environment, backup, approvals, tables, now } = price
  const blocks: (KnownBlock | Block)[] = [
    paragraph(
      [
        `*Everything written to ${words(environment, 60)} since the backup (${ago(new Date(backup.finishedAt), now)}) stops serving.*`,
        `Backup ${code(backup.file)} of run *#${backup.run}*, ${megabytes(backup.bytes)}, ${counted(backup.tables, 'table')}`,
        proofOf(backup),
        `The service stands still only while two names are swapped and its pods restart. What serves now is kept as a database of its own, and a rollback puts it back.`,
      ].join('\n'),
    ),
    ...writtenSince(tables),
    {
      type: 'input',
      block_id: inputs.environment,
      label: plainText(`Type ${environment} to ask for the restore`),
      element: { type: 'plain_text_input', action_id: inputs.environment, placeholder: plainText(environment) },
    },
    {
      type: 'input',
      block_id: inputs.reason,
      optional: true,
      label: plainText('Why (stays in the record)'),
      element: { type: 'plain_text_input', action_id: inputs.reason, multiline: true, max_length: 500 },
    },
    context(
      `Nothing happens yet: a plan is made, and ${counted(approvals, 'other person has', 'other people have')} to approve it.`,
    ),
  ]
  return {
    type: 'modal',
    callback_id: viewIds.restore,
    private_metadata: privateMetadata,
    title: plainText('Restore', 24),
    close: plainText('Keep it', 24),
    submit: plainText('Ask for it', 24),
    blocks,
  }
}

function writtenSince(tables: readonly RestoredTable[] | undefined): readonly (KnownBlock | Block)[] {
  if (tables === undefined) return [paragraph('Counting what was written since …')]
  const lines = differences(tables)
  if (lines.length === 0) return [paragraph('No table has another number of rows now. Changed rows cannot be counted.')]
  return list('Rows since the backup:', lines, tableStyle)
}

function differences(tables: readonly RestoredTable[]): readonly string[] {
  return tables.flatMap(({ table, inBackup, now }) => {
    if (now === undefined) return [`${table}: gone, or too large to count (${inBackup} in the backup)`]
    if (now === inBackup) return []
    const change = now > inBackup ? `${now - inBackup} more` : `${inBackup - now} fewer`
    return [`${table}: ${now} now, ${inBackup} in the backup (${change} now)`]
  })
}

function proofOf(backup: Pick<KeptBackup, 'restoreMs' | 'untried'>): string {
  return backup.restoreMs === undefined
    ? `Never tried out by a restore (${words(backup.untried ?? 'unknown why', 200)}): how long it takes is not known.`
    : `Tried out: restoring took ${duration(backup.restoreMs)}, and that happens before the downtime.`
}

/** `/billing backups`: newest first. */
export function backupsMessage(environment: string, backups: readonly KeptBackup[], now: Date): Message {
  if (backups.length === 0) {
    const text = `There is no backup of ${words(environment, 60)} yet: each deploy makes one.`
    return message(text, [paragraph(text)])
  }
  const lines = backups.slice(0, 20).map((it) => {
    const tried = it.restoreMs === undefined ? 'not tried out' : `restored in ${duration(it.restoreMs)}`
    return `*#${it.run}* ${code(it.file)} – ${ago(new Date(it.finishedAt), now)}, ${megabytes(it.bytes)}, ${tried}`
  })
  const left = backups.length - lines.length
  const all = [...lines, ...(left > 0 ? [`… and ${left} older ones`] : [])]
  return message(all.join('\n'), [
    ...paragraphs(all),
    context(`${code('/billing restore #N')} asks for the restore of one; it shows what that costs first.`),
  ])
}

/** Everything the plan of a restore says, risks first. */
export function restoreChapters(plan: RestorePlan): readonly Chapter[] {
  const { backup, database } = plan
  const lines = differences(plan.tables)
  return [
    { title: 'Risks', lines: plan.risks },
    {
      title: 'Backup',
      lines: [
        `${backup.file} of run #${backup.run}, made ${backup.finishedAt}, ${megabytes(backup.bytes)}, sha256 ${backup.sha256.slice(0, 12)}`,
        proofOf(backup.restoreMs === undefined ? {} : { restoreMs: backup.restoreMs }),
      ],
    },
    {
      title: 'Rows now and in the backup',
      lines: lines.length === 0 ? ['no table has another number of rows'] : lines,
    },
    {
      title: 'What happens',
      ordered: true,
      lines: [
        `${database.restored} is made and filled beside ${database.live}, and held against the backup's snapshot; nothing stands still`,
        `CronJobs are suspended (${plan.cronJobs.join(', ') || 'none'}), their Jobs end, ${plan.deployment.name} is scaled to 0`,
        `${database.live} becomes ${database.kept} and ${database.restored} becomes ${database.live}, in one transaction`,
        `${plan.deployment.name} comes back at ${counted(plan.deployment.replicas, 'replica')}, the CronJobs are resumed, all is checked`,
      ],
    },
    { title: 'A rollback would', lines: [`stop the service again and put ${database.kept} back as ${database.live}`] },
  ]
}

/** While people decide: what it costs. */
export function restoreSummary(plan: RestorePlan): readonly (KnownBlock | Block)[] {
  const { backup, database } = plan
  return [
    ...list(counted(plan.risks.length, 'risk'), plan.risks, {
      line: 250,
      cap: { lines: 10, chars: 2000, rest: 'in the thread' },
    }),
    paragraph(
      `${code(database.live)} goes back to ${code(backup.file)} of run *#${backup.run}*. ` +
        `What serves now is kept as ${code(database.kept)}.\n${proofOf(backup.restoreMs === undefined ? {} : { restoreMs: backup.restoreMs })}`,
    ),
  ]
}
