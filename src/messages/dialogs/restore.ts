import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { KeptBackup } from '../../model/backup.ts'
import type { RestoredTable } from '../../model/restore-plan.ts'
import { ago, counted, sizeOf } from '../../text.ts'
import { differences, proofOf, uncounted } from '../blocks/backup-words.ts'
import { list } from '../blocks/list.ts'
import { context, paragraph, plainContext, plainText, words } from '../blocks/message.ts'
import { viewIds } from '../board/actions.ts'
import { inputs, keepOption, typedEnvironment } from './ask-dialogs.ts'

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
    ...(backup.by === 'command' ? [paragraph(uncounted)] : writtenSince(tables)),
    paragraph(
      [
        downtimeLine(price.strategy),
        wayBackLine(price.strategy),
        'Stripe events since then are re-sent, if the version takes them.',
        proofOf(backup, price.strategy?.kind),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    ),
    typedEnvironment(environment),
    {
      type: 'input',
      block_id: inputs.afterwards,
      label: plainText('Which version runs afterwards?'),
      element: {
        type: 'radio_buttons',
        action_id: inputs.afterwards,
        options: [fittingVersion, runningVersion],
        initial_option: fittingVersion,
      },
    },
    {
      type: 'input',
      block_id: inputs.reason,
      optional: true,
      label: plainText('Why?'),
      hint: plainText('It stays in the record. Needed to keep what runs now.'),
      element: { type: 'plain_text_input', action_id: inputs.reason, multiline: true, max_length: 500 },
    },
    context(`Nothing happens yet. ${counted(approvals, 'other person', 'other people')} must approve the plan.`),
    plainContext(
      `Backup ${backup.file} of run #${backup.run}, ${sizeOf(backup.bytes)}, ${backup.by === 'command' ? 'made by command' : counted(backup.tables, 'table')}`,
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

const fittingVersion = {
  text: plainText('The one that fits the backup'),
  description: plainText('What runs now, if it does. Else what ran then.'),
  value: 'fitting',
}

const runningVersion = {
  text: plainText('What runs now, in any case'),
  description: plainText('Say why. It might not run on the restored schema.'),
  value: keepOption,
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
