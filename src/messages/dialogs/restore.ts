import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { KeptBackup, KeptDatabase } from '../../model/backup.ts'
import type { RestoredTable, RestorePlan } from '../../model/restore-plan.ts'
import { viewIds } from '../board/actions.ts'
import { inputs, typedEnvironment } from './ask-dialogs.ts'
import { list } from '../blocks/list.ts'
import {
  code,
  context,
  message,
  type Message,
  paragraph,
  paragraphs,
  plainContext,
  plainText,
  words,
} from '../blocks/message.ts'
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

/** Shows the loss first, then the downtime and the way back; last the environment's name has to be typed. */
export function restoreView(price: RestorePrice, privateMetadata: string): ModalView {
  const { environment, backup, approvals, tables, now } = price
  const blocks: (KnownBlock | Block)[] = [
    paragraph(
      `:warning: *You will lose everything written to ${words(environment, 60)} since the backup (${ago(new Date(backup.finishedAt), now)}).*`,
    ),
    ...writtenSince(tables),
    paragraph(
      [
        downtimeLine(price.strategy),
        wayBackLine(price.strategy),
        'Stripe events since then are re-sent. Duplicates are ignored.',
        proofOf(backup, price.strategy?.kind),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    ),
    typedEnvironment(environment),
    {
      type: 'input',
      block_id: inputs.reason,
      optional: true,
      label: plainText('Why?'),
      hint: plainText('It stays in the record.'),
      element: { type: 'plain_text_input', action_id: inputs.reason, multiline: true, max_length: 500 },
    },
    context(`Nothing happens yet. ${counted(approvals, 'other person', 'other people')} must approve the plan.`),
    plainContext(
      `Backup ${backup.file} of run #${backup.run}, ${sizeOf(backup.bytes)}, ${counted(backup.tables, 'table')}`,
    ),
  ]
  return {
    type: 'modal',
    callback_id: viewIds.restore,
    private_metadata: privateMetadata,
    title: plainText('Restore', 24),
    close: plainText('Cancel', 24),
    submit: plainText('Request restore', 24),
    blocks,
  }
}

function downtimeLine(strategy: StrategyShown | undefined): string {
  if (strategy?.kind === 'none') return `*Can't be restored here right now:* ${words(strategy.why, 500)}`
  if (strategy?.kind === 'swap') return '*Downtime:* short, while two names are swapped and the pods restart.'
  if (strategy === undefined) return '*Downtime:* the plan will say how long.'
  return `*Downtime:* long, in place (${words(strategy.why, 300)}). The service is stopped while the data is dumped and the backup restored.`
}

function wayBackLine(strategy: StrategyShown | undefined): string {
  if (strategy === undefined || strategy.kind === 'none') return ''
  if (strategy.kind === 'swap')
    return '*Way back:* the current data is kept as a database of its own. Rolling back switches to it.'
  return '*Way back:* the current data is dumped first. Rolling back restores that dump the same way.'
}

function writtenSince(tables: readonly RestoredTable[] | undefined): readonly (KnownBlock | Block)[] {
  if (tables === undefined) return [paragraph('Counting rows written since …')]
  const lines = differences(tables)
  if (lines.length === 0) return [paragraph("Row counts are unchanged. Edited rows can't be counted.")]
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
    return `*Never restore-tested* (${words(backup.untried ?? 'reason unknown', 200)}). Duration unknown.`
  const when = { swap: ', before the downtime', 'in-place': ', part of the downtime', none: '' }
  return `Restore-tested: ${duration(backup.restoreMs)}${strategy === undefined ? '' : when[strategy]}.`
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
    const text = `No backups of ${words(environment, 60)} yet. Every deploy makes one.`
    return message([text, ...kept].join('\n'), paragraphs([text, ...kept]))
  }
  const lines = backups.slice(0, 20).map((backup) => {
    const tried =
      backup.restoreMs === undefined ? 'checksum-verified only' : `restore-tested in ${duration(backup.restoreMs)}`
    return `*#${backup.run}* ${code(backup.file)} – ${ago(new Date(backup.finishedAt), now)}, ${sizeOf(backup.bytes)}, ${tried}`
  })
  const left = backups.length - lines.length
  const all = [...lines, ...(left > 0 ? [`… and ${left} older`] : [])]
  return message([...all, ...kept].join('\n'), [
    ...paragraphs(all),
    ...paragraphs(kept),
    context(`${code('/billing restore #N')} previews a restore.`),
  ])
}

function keptLines(databases: readonly KeptDatabase[] | undefined): readonly string[] {
  if (databases === undefined) return ["Couldn't check the server for databases left by restores."]
  if (databases.length === 0) return []
  const shown = databases.slice(0, 10).map(({ name, run, kind, bytes }) => {
    const what = kind === 'before' ? `the data before restore *#${run}*` : `prepared by restore *#${run}*`
    const size = bytes === undefined ? 'of unknown size' : sizeOf(bytes)
    return `${code(name)}, ${size}: ${what}. ${code(`drop database "${name.replaceAll('"', '""')}"`)}`
  })
  const left = databases.length - shown.length
  return [
    '*Databases left by restores* (drop them when you no longer need them):',
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
        `${backup.file} of run #${backup.run}, created ${backup.finishedAt}, ${sizeOf(backup.bytes)}, sha256 ${backup.sha256.slice(0, 12)}`,
        proofOf(tried(backup), plan.inPlace === undefined ? 'swap' : 'in-place'),
      ],
    },
    {
      title: 'Rows now and in the backup',
      lines: lines.length === 0 ? ['row counts are unchanged'] : lines,
    },
    ...(plan.inPlace === undefined ? swapChapters(plan) : inPlaceChapters(plan, plan.inPlace)),
    ...leadsToChapters(plan.identities),
  ]
}

/** Words what is the same whichever way the content came back. */
function comesBack(plan: RestorePlan): string {
  return `${plan.deployment.name} is started again with ${counted(plan.deployment.replicas, 'replica')}, the CronJobs are resumed, everything is checked`
}

function eventsLine({ events }: RestorePlan): string {
  return `Stripe events since the backup are re-sent to the service${events === undefined ? '' : ` (${events})`}`
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
      ? 'duration unknown: the backup was never restore-tested'
      : `about ${duration(downtimeMs)} or more, as measured when the backup was made`
  return [
    {
      title: 'What happens',
      ordered: true,
      lines: [
        `in place, because databases can't be swapped (${why}): ${backup.file} is verified once more`,
        `${stops(plan)}: the downtime begins (${long})`,
        `the current data of ${database.live} is dumped, for a rollback`,
        `it is emptied, filled from the backup and compared with its snapshot in one transaction: all or nothing`,
        comesBack(plan),
        eventsLine(plan),
      ],
    },
    {
      title: 'Rolling back would',
      lines: [`stop the service again and restore the dump of ${database.live}`],
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
        `${database.restored} is created and filled beside ${database.live}, and compared with the backup's snapshot: no downtime yet`,
        stops(plan),
        `${database.live} becomes ${database.kept} and ${database.restored} becomes ${database.live}, in one transaction`,
        comesBack(plan),
        eventsLine(plan),
      ],
    },
    {
      title: 'Rolling back would',
      lines: [`stop the service again and put ${database.kept} back as ${database.live}`],
    },
  ]
}

/** Shows while people decide what is lost, how long the service is down, and the way back. */
export function restoreSummary(plan: RestorePlan): readonly (KnownBlock | Block)[] {
  const { backup, database, inPlace } = plan
  const down =
    inPlace === undefined
      ? 'short, while two names are swapped and the pods restart'
      : `${inPlace.downtimeMs === undefined ? 'long, duration unknown' : `about ${duration(inPlace.downtimeMs)} or more`}, in place (${words(inPlace.why, 200)})`
  const back =
    inPlace === undefined
      ? `the current data is kept as ${code(database.kept)}`
      : 'the current data is dumped first, and restored the same way'
  return [
    ...list(counted(plan.risks.length, 'risk'), plan.risks, {
      line: 250,
      cap: { lines: 10, chars: 2000, rest: 'in the thread' },
    }),
    paragraph(
      [
        `*Downtime:* ${down}`,
        `*Rollback:* possible: ${back}`,
        `*Backup:* ${code(backup.file)} of run *#${backup.run}*. ${proofOf(tried(backup), inPlace === undefined ? 'swap' : 'in-place')}`,
      ].join('\n'),
    ),
  ]
}
