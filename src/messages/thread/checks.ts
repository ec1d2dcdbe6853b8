import type { RawTextElement, TableBlock } from '@slack/types'
import type { Check, Verdict } from '../../model/run.ts'
import { clip } from '../../outside-text/cut.ts'
import { words } from '../blocks/message.ts'
import { ago, milliseconds, oneLine } from '../../text.ts'

/** Words a verdict: a sign is never alone, a word is beside it. */
export function verdictWords(verdict: Verdict): string {
  switch (verdict) {
    case 'pass':
      return '✓ passed'
    case 'warn':
      return '! warning'
    case 'fail':
      return '✗ failed'
    case 'unknown':
      return '? unknown'
    case 'inconclusive':
      return '~ inconclusive'
  }
}

/** Words a check in mrkdwn: "✓ passed – All database migrations applied: 3 of 3". */
export function checkLine(check: Check, max = 150): string {
  const expected = check.verdict === 'pass' || check.threshold === '' ? '' : ` (expected ${words(check.threshold, 80)})`
  return `${verdictWords(check.verdict)} – ${words(check.title, 80)}: ${words(check.value, max) || 'no value'}${expected}`
}

/** Words, beside what was seen, how it was the last time if it was otherwise: "▲ from 12, 5m ago". */
export function trendWords({ verdict, number, former }: Check, at: Date): string {
  if (former === undefined) return ''
  const when = ago(new Date(former.at), at)
  if (number !== undefined && former.number !== undefined && number !== former.number)
    return `${number > former.number ? '▲' : '▼'} from ${former.number}, ${when}`
  // The words go without their sign, which would mislead beside the present one.
  return verdict === former.verdict ? '' : `(was ${verdictWords(former.verdict).slice(2)}, ${when})`
}

interface CheckTable {
  readonly table: TableBlock
  /** The number of rows that did not fit. */
  readonly left: number
}

/** Shows the checks as a table; what has to be looked at comes first. A message takes one table. */
export function checkTable(
  checks: readonly Check[],
  { at, ...cap }: { readonly at: string; readonly rows: number; readonly chars: number },
): CheckTable {
  const rows: RawTextElement[][] = []
  let length = 0
  for (const check of [...checks].sort((a, b) => weight(b) - weight(a))) {
    const row = [
      cell(verdictWords(check.verdict), 20),
      cell(check.title, 70),
      seenCell(check, new Date(at)),
      cell(check.threshold, 60),
      cell(milliseconds(check.milliseconds), 20),
    ]
    length += row.reduce((sum, { text }) => sum + text.length, 0)
    if (rows.length === cap.rows || length > cap.chars) break
    rows.push(row)
  }
  const head = ['Verdict', 'Check', 'Seen', 'Expected', 'Time'].map((text) => cell(text, 20))
  const wrapped = { is_wrapped: true }
  const table: TableBlock = {
    type: 'table',
    rows: [head, ...rows],
    column_settings: [{ is_wrapped: false }, wrapped, wrapped, wrapped, { align: 'right' }],
  }
  return { table, left: checks.length - rows.length }
}

function seenCell(check: Check, at: Date): RawTextElement {
  const trend = trendWords(check, at)
  return trend === '' ? cell(check.value, 100) : cell(`${clip(oneLine(check.value), 70)} ${trend}`, 110)
}

function weight(check: Check): number {
  return { fail: 4, inconclusive: 3, unknown: 2, warn: 1, pass: 0 }[check.verdict]
}

function cell(text: string, max: number): RawTextElement {
  return { type: 'raw_text', text: clip(oneLine(text), max) || '–' }
}
