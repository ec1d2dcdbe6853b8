import type { Block, KnownBlock, RichTextBlock } from '@slack/types'
import { list } from './list.ts'
import type { Message } from './message.ts'
import { clip } from '../../outside-text/cut.ts'

/** How much of a message is left, the whole of it first. */
export const rungs = ['whole', 'without_charts', 'plain_blocks', 'text_and_buttons', 'text_alone'] as const
type Rung = (typeof rungs)[number]

interface Step {
  readonly rung: Rung
  readonly message: { readonly text: string; readonly blocks?: readonly (KnownBlock | Block)[] }
}

/** Blocks that every workspace has taken for years; the others came later, and not to everybody at once. */
const plainTypes: ReadonlySet<string> = new Set(['header', 'section', 'context', 'actions', 'divider', 'rich_text'])

/** Whatever the reason of a refusal is, a short line gets through. */
const shortText = 1_000

/**
 * The forms of a message in which it is offered to Slack, one after the other until it takes one: a single block that it refuses
 * refuses the whole message. Each form says what happened; those with buttons let people act.
 */
export function ladder({ text, blocks = [], withoutCharts }: Message): readonly Step[] {
  const words = withoutCharts ?? blocks
  const plain = words.flatMap(plainBlocks)
  const buttons = words.filter(({ type }) => type === 'actions')
  return [
    { rung: 'whole', message: { text, blocks } },
    ...(withoutCharts === undefined ? [] : [{ rung: 'without_charts' as const, message: { text, blocks: words } }]),
    ...(plain.length === 0 ? [] : [{ rung: 'plain_blocks' as const, message: { text, blocks: plain } }]),
    ...(buttons.length === 0
      ? []
      : [{ rung: 'text_and_buttons' as const, message: { text, blocks: [sectionOf(text), ...buttons] } }]),
    { rung: 'text_alone', message: { text: clip(text, shortText) } },
  ]
}

function plainBlocks(block: KnownBlock | Block): readonly (KnownBlock | Block)[] {
  if (plainTypes.has(block.type)) return [block]
  return block.type === 'table' && 'rows' in block ? tableAsList(block.rows) : []
}

/** `text` is mrkdwn already, and within the limit of a section. */
function sectionOf(text: string): KnownBlock {
  return { type: 'section', text: { type: 'mrkdwn', text: text === '' ? '–' : text } }
}

/** Reads the rows of a table as lines; the first row names the columns. */
function tableAsList(rows: readonly (readonly object[])[]): readonly RichTextBlock[] {
  const [head = [], ...rest] = rows.map((row) => row.map(cellText))
  const style = { line: 400, cap: { lines: 60, chars: 5_500, rest: 'in the report' } }
  return list(
    head.join(', '),
    rest.map((cells) => cells.filter((cell) => cell !== '' && cell !== '–').join(', ')),
    style,
  )
}

function cellText(cell: object): string {
  return 'text' in cell && typeof cell.text === 'string' ? cell.text : ''
}
