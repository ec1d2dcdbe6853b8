import type { MonitorConfig } from '../../config/service-schema.ts'
import { cutBetweenWords } from '../../outside-text/cut.ts'
import { oneLine } from '../../text.ts'
import { withoutDenials } from './denials.ts'
import { canonicalLevel } from './levels.ts'
import { levelOf } from './record-level.ts'
import type { LogRecord } from './records.ts'
import { beginsTrace, beginsTraceback, namesError } from './traces.ts'

/** What a record that counts as an error is shown as: one line. Undefined for every other record. */
export type ErrorLine = (record: Pick<LogRecord, 'lines' | 'text'> & { readonly at?: string }) => string | undefined

/**
 * Extends the runbook's `grep -i billing` to records: one that names a level is an error by it, whatever words it has;
 * one that names none is an error when it prints what was thrown, or has one of the configured words.
 */
export function errorLine({ logs }: Pick<MonitorConfig, 'logs'>): ErrorLine {
  const compiled = (sources: readonly string[]) => sources.map((source) => new RegExp(source, 'im'))
  const [include, errors] = [compiled(logs.include), compiled(logs.errors)]
  const levels = new Set(logs.levels.map(canonicalLevel))
  return (record) => {
    const { text } = record
    const matches = (pattern: RegExp) => pattern.test(text)
    if (include.length > 0 && !include.some(matches)) return undefined
    const level = levelOf(text, levels)
    const isError = level === undefined ? tellsOfError(record, errors) : levels.has(level)
    return isError ? shown(record, include) : undefined
  }
}

function tellsOfError({ lines, text }: Pick<LogRecord, 'lines' | 'text'>, errors: readonly RegExp[]): boolean {
  const told = withoutDenials(text)
  if (errors.some((pattern) => pattern.test(told))) return true
  const [first = ''] = lines
  return beginsTrace(withoutDenials(first)) || (lines.length > 1 && lines.some(beginsTrace))
}

const longestShown = 2_000

/** Returns the line that names the error, and the first line that is about the service, if that is another one. */
function shown({ lines, text }: Pick<LogRecord, 'lines' | 'text'>, include: readonly RegExp[]): string {
  const [first = ''] = lines
  if (first.startsWith('{') && lines.length > 1) return cutBetweenWords(oneLine(text), longestShown)
  const named = beginsTraceback(first) ? (lines.findLast(namesError) ?? lines.at(-1) ?? first) : first
  const isAbout = (line: string) => include.some((pattern) => pattern.test(line))
  const about = include.length === 0 || isAbout(named) ? undefined : lines.find(isAbout)
  return cutBetweenWords(about === undefined ? named : `${named} … ${about.trim()}`, longestShown)
}
