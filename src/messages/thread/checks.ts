import type { RawTextElement, TableBlock } from '@slack/types'
import { type Check, noLimit, type Verdict } from '../../model/run.ts'
import { clip } from '../../outside-text/cut.ts'
import { words } from '../blocks/message.ts'
import { ago, oneLine } from '../../text.ts'

/** Words a verdict. */
export function verdictWords(verdict: Verdict): string {
  switch (verdict) {
    case 'pass':
      return 'passed'
    case 'warn':
      return 'warning'
    case 'fail':
      return 'failed'
    case 'unknown':
      return "couldn't check"
    case 'inconclusive':
      return 'not enough data'
  }
}

const signs: Readonly<Record<Verdict, string>> = { pass: '✓', warn: '!', fail: '✗', unknown: '?', inconclusive: '~' }

/** Puts a sign before the words. Where text is read aloud the words stand alone. */
export function signedVerdict(verdict: Verdict): string {
  return `${signs[verdict]} ${verdictWords(verdict)}`
}

/** Tells a check that has something to be judged by from a number that is only shown: no limit, no pass. */
export function isJudged({ verdict, threshold }: Pick<Check, 'verdict' | 'threshold'>): boolean {
  return verdict !== 'pass' || threshold !== noLimit
}

/** Words a check in mrkdwn: "*failed* – Dead letter queue: 4 (expected 0)". What passed is in need of no verdict. */
export function checkLine(check: Check, max = 150): string {
  const told = `${words(check.title, 80)}: ${words(check.value, max) || 'no value'}`
  if (check.verdict === 'pass') return told
  const expected = check.threshold === '' ? '' : ` (expected ${words(check.threshold, 80)})`
  return `*${words(verdictWords(check.verdict))}* – ${told}${expected}`
}

/** Sorts what has to be looked at first. */
export function worstFirst(checks: readonly Check[]): readonly Check[] {
  return [...checks].sort((a, b) => weight(b) - weight(a))
}

/** Words, beside what was seen, how it was the last time if it was otherwise: "▲ from 12, 5m ago". */
export function trendWords({ verdict, number, former }: Check, at: Date): string {
  if (former === undefined) return ''
  const when = ago(new Date(former.at), at)
  if (number !== undefined && former.number !== undefined && number !== former.number)
    return `${number > former.number ? '▲' : '▼'} from ${former.number}, ${when}`
  return verdict === former.verdict ? '' : `(was ${verdictWords(former.verdict)}, ${when})`
}

/** Words the same without a sign, for lines that are read aloud: "(was 12, 5m ago)". */
export function wasWords(check: Check, at: Date): string {
  const { number, former } = check
  if (former?.number === undefined || number === undefined || number === former.number) return trendWords(check, at)
  return `(was ${former.number}, ${ago(new Date(former.at), at)})`
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
  for (const check of worstFirst(checks)) {
    const row = [
      cell(isJudged(check) ? signedVerdict(check.verdict) : 'count', 20),
      cell(check.title, 70),
      seenCell(check, new Date(at)),
      cell(check.threshold === noLimit ? '' : check.threshold, 60),
    ]
    length += row.reduce((sum, { text }) => sum + text.length, 0)
    if (rows.length === cap.rows || length > cap.chars) break
    rows.push(row)
  }
  const head = ['Verdict', 'Check', 'Seen', 'Expected'].map((text) => cell(text, 20))
  const wrapped = { is_wrapped: true }
  const table: TableBlock = {
    type: 'table',
    rows: [head, ...rows],
    column_settings: [{ is_wrapped: false }, wrapped, wrapped, wrapped],
  }
  return { table, left: checks.length - rows.length }
}

function seenCell(check: Check, at: Date): RawTextElement {
  const trend = trendWords(check, at)
  return trend === '' ? cell(check.value, 100) : cell(`${clip(oneLine(check.value), 70)} ${trend}`, 110)
}

/** A count comes last: nobody has to do anything about it. */
function weight(check: Check): number {
  return isJudged(check) ? { fail: 5, inconclusive: 4, unknown: 3, warn: 2, pass: 1 }[check.verdict] : 0
}

function cell(text: string, max: number): RawTextElement {
  return { type: 'raw_text', text: clip(oneLine(text), max) || '–' }
}
