import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { KeptBackup, KeptDatabase } from '../../model/backup.ts'
import type { RestoredTable, RestorePlan } from '../../model/restore-plan.ts'
import { viewIds } from '../board/actions.ts'
import { inputs, typedEnvironment } from './ask-dialogs.ts'
import { list } from '../blocks/list.ts'
import { code, context, message, type Message, paragraph, paragraphs, plainText, words } from '../blocks/message.ts'
import { ago, counted, duration, sizeOf } from '../../text.ts'
import type { Chapter } from '../plan/chapter.ts'
import { leadsToChapters } from '../plan/plan-text.ts'

/** What a restore costs, as far as it is known when the dialog opens. */
export interface RestorePrice {
  readonly environment: string
  readonly backup: KeptBackup
  readonly approvals: number
  /** The tables and their rows; undefined while they are being counted. */
  readonly tables: readonly RestoredTable[] | undefined
  /** How the backup comes back; missing while that is looked up, or when it could not be. */
  readonly strategy?: StrategyShown | undefined
  readonly now: Date
}

type StrategyShown =
  | { readonly kind: 'swap' }
  | { readonly kind: 'in-place'; readonly why: string }
  | { readonly kind: 'none'; readonly why: string }

const tableStyle = { line: 250, cap: { lines: 20, chars: 2500, rest: 'in the plan' } }

/** Shows the price first; then the environment's name has to be typed. */
export function restoreView(price: RestorePrice, privateMetadata: string): ModalView {
  const { environment, backup, approvals, tables, now } = price
  const blocks: (KnownBlock | Block)[] = [
    paragraph(
      [
        `*Everything written to ${words(environment, 60)} since the backup (${ago(new Date(backup.finishedAt), now)}) stops serving.*`,
        `Backup ${code(backup.file)} of run *#${backup.run}*, ${sizeOf(backup.bytes)}, ${counted(backup.tables, 'table')}`,
        proofOf(backup, price.strategy?.kind),
        downtimeLine(price.strategy),
        'Every Stripe event since the backup is then sent to the service again; what it knows already it ignores.',
      ].join('\n'),
    ),
    ...writtenSince(tables),
    typedEnvironment(environment, 'ask for the restore'),
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

function downtimeLine(strategy: StrategyShown | undefined): string {
  if (strategy?.kind === 'none') return `*It cannot be restored here as things are:* ${words(strategy.why, 500)}`
  if (strategy?.kind === 'swap')
    return 'The service stands still only while two names are swapped and its pods restart. What serves now is kept as a database of its own, and a rollback puts it back.'
  if (strategy === undefined)
    return 'How long the service stands still is told by the plan: where names can be swapped, as long as its pods need to restart; in place, as long as a dump and the restore.'
  return (
    `*In place, with a long downtime* (${words(strategy.why, 300)}): the service stands still while what is there is dumped once more and the backup restored. ` +
    'What serves now is kept as that dump, and a rollback restores it in the same strategy.'
  )
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

function proofOf(
  backup: Pick<KeptBackup, 'restoreMs' | 'untried'>,
  strategy: StrategyShown['kind'] | undefined,
): string {
  if (backup.restoreMs === undefined)
    return `Never tried out by a restore (${words(backup.untried ?? 'unknown why', 200)}): how long it takes is not known.`
  const when = {
    swap: ', and that happens before the downtime',
    'in-place': ', and that is part of the downtime',
    none: '',
  }
  return `Tried out: restoring took ${duration(backup.restoreMs)}${strategy === undefined ? '' : when[strategy]}.`
}

function tried({ restoreMs }: RestorePlan['backup']): Pick<KeptBackup, 'restoreMs'> {
  return restoreMs === undefined ? {} : { restoreMs }
}

/**
 * Answers `/billing backups`: the backups, the newest first, and what restores have left on the server. That is
 * undefined when the server could not be asked.
 */
export function backupsMessage(
  environment: string,
  backups: readonly KeptBackup[],
  now: Date,
  databases: readonly KeptDatabase[] | undefined,
): Message {
  const kept = keptLines(databases)
  if (backups.length === 0) {
    const text = `There is no backup of ${words(environment, 60)} yet: each deploy makes one.`
    return message([text, ...kept].join('\n'), paragraphs([text, ...kept]))
  }
  const lines = backups.slice(0, 20).map((backup) => {
    const tried = backup.restoreMs === undefined ? 'not tried out' : `test restore took ${duration(backup.restoreMs)}`
    return `*#${backup.run}* ${code(backup.file)} – ${ago(new Date(backup.finishedAt), now)}, ${sizeOf(backup.bytes)}, ${tried}`
  })
  const left = backups.length - lines.length
  const all = [...lines, ...(left > 0 ? [`… and ${left} older ones`] : [])]
  return message([...all, ...kept].join('\n'), [
    ...paragraphs(all),
    ...paragraphs(kept),
    context(`${code('/billing restore #N')} asks for the restore of one; it shows what that costs first.`),
  ])
}

function keptLines(databases: readonly KeptDatabase[] | undefined): readonly string[] {
  if (databases === undefined) return ['The server could not be asked for databases that restores have left there.']
  if (databases.length === 0) return []
  const shown = databases.slice(0, 10).map(({ name, run, kind, bytes }) => {
    const what = kind === 'before' ? `what served before restore *#${run}*` : `the other database of restore *#${run}*`
    const size = bytes === undefined ? 'of unknown size' : sizeOf(bytes)
    return `${code(name)}, ${size}: ${what}. ${code(`drop database "${name.replaceAll('"', '""')}"`)}`
  })
  const left = databases.length - shown.length
  return [
    '*Databases that restores have left on the server*, until somebody drops them:',
    ...shown,
    ...(left > 0 ? [`… and ${left} more`] : []),
  ]
}

/** Says everything that the plan of a restore does, risks first. */
export function restoreChapters(plan: RestorePlan): readonly Chapter[] {
  const { backup } = plan
  const lines = differences(plan.tables)
  return [
    { title: 'Risks', lines: plan.risks },
    {
      title: 'Backup',
      lines: [
        `${backup.file} of run #${backup.run}, made ${backup.finishedAt}, ${sizeOf(backup.bytes)}, sha256 ${backup.sha256.slice(0, 12)}`,
        proofOf(tried(backup), plan.inPlace === undefined ? 'swap' : 'in-place'),
      ],
    },
    {
      title: 'Rows now and in the backup',
      lines: lines.length === 0 ? ['no table has another number of rows'] : lines,
    },
    ...(plan.inPlace === undefined ? swapChapters(plan) : inPlaceChapters(plan, plan.inPlace)),
    ...leadsToChapters(plan.identities),
  ]
}

/** Words what is the same whichever way the content came back. */
function comesBack(plan: RestorePlan): string {
  return `${plan.deployment.name} comes back at ${counted(plan.deployment.replicas, 'replica')}, the CronJobs are resumed, all is checked`
}

function eventsLine({ events }: RestorePlan): string {
  return `what Stripe told since the backup is sent to the service again${events === undefined ? '' : ` (${events})`}`
}

function stops(plan: RestorePlan): string {
  return `CronJobs are suspended (${plan.cronJobs.join(', ') || 'none'}), their Jobs end, ${plan.deployment.name} is scaled to 0`
}

function inPlaceChapters(
  plan: RestorePlan,
  { why, downtimeMs }: NonNullable<RestorePlan['inPlace']>,
): readonly Chapter[] {
  const { backup, database } = plan
  const long =
    downtimeMs === undefined
      ? 'how long is not known: the backup was never tried out'
      : `about ${duration(downtimeMs)} or more, as measured when the backup was made`
  return [
    {
      title: 'What happens',
      ordered: true,
      lines: [
        `in place, as databases cannot be swapped (${why}): ${backup.file} is verified once more`,
        `${stops(plan)}; from here on the service stands still (${long})`,
        `what ${database.live} holds is dumped, as the way back`,
        `it is emptied, filled from the backup and held against its snapshot in one transaction: all of it, or nothing`,
        comesBack(plan),
        eventsLine(plan),
      ],
    },
    {
      title: 'A rollback would',
      lines: [`stop the service again and restore the dump of what ${database.live} held before`],
    },
  ]
}

function swapChapters(plan: RestorePlan): readonly Chapter[] {
  const { database } = plan
  return [
    {
      title: 'What happens',
      ordered: true,
      lines: [
        `${database.restored} is made and filled beside ${database.live}, and held against the backup's snapshot; nothing stands still`,
        stops(plan),
        `${database.live} becomes ${database.kept} and ${database.restored} becomes ${database.live}, in one transaction`,
        comesBack(plan),
        eventsLine(plan),
      ],
    },
    { title: 'A rollback would', lines: [`stop the service again and put ${database.kept} back as ${database.live}`] },
  ]
}

/** Shows while people decide what the restore costs. */
export function restoreSummary(plan: RestorePlan): readonly (KnownBlock | Block)[] {
  const { backup, database, inPlace } = plan
  const strategy =
    inPlace === undefined
      ? `What serves now is kept as ${code(database.kept)}.`
      : `*In place* (${words(inPlace.why, 200)}): the service stands still for ${inPlace.downtimeMs === undefined ? 'an unknown time' : `about ${duration(inPlace.downtimeMs)} or more`}. What is there is dumped first.`
  return [
    ...list(counted(plan.risks.length, 'risk'), plan.risks, {
      line: 250,
      cap: { lines: 10, chars: 2000, rest: 'in the thread' },
    }),
    paragraph(
      `${code(database.live)} goes back to ${code(backup.file)} of run *#${backup.run}*. ` +
        `${strategy}\n${proofOf(tried(backup), inPlace === undefined ? 'swap' : 'in-place')}`,
    ),
  ]
}
