import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { MonitorConfig } from '../../config/service-schema.ts'

/** Whether a log line counts as an error. */
export type ErrorTest = (text: string) => boolean

/**
 * Extends the runbook's `grep -i billing`: a structured line is an error by its level, whatever words it has; only a
 * line without a level is judged by the configured words.
 */
export function errorTest({ logs }: Pick<MonitorConfig, 'logs'>): ErrorTest {
  const compiled = (sources: readonly string[]) => sources.map((source) => new RegExp(source, 'i'))
  const [include, errors] = [compiled(logs.include), compiled(logs.errors)]
  const levels = new Set(logs.levels.map((level) => level.toLowerCase()))
  return (text) => {
    if (include.length > 0 && !include.some((pattern) => pattern.test(text))) return false
    const level = levelOf(text)
    return level === undefined ? errors.some((pattern) => pattern.test(text)) : levels.has(level)
  }
}

const Level = z.union([z.string(), z.number()])
const Structured = z.object({ level: Level.optional(), severity: Level.optional(), lvl: Level.optional() })

/** The numbers by which Bunyan and pino write levels. */
const numbered: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** Reads `level`, `severity` or `lvl` of a line of JSON, or `level=error` of a line of pairs; undefined without one. */
function levelOf(text: string): string | undefined {
  if (text.startsWith('{')) {
    const parsed = Structured.safeParse(parsedJson(text))
    const level = parsed.success ? (parsed.data.level ?? parsed.data.severity ?? parsed.data.lvl) : undefined
    return typeof level === 'number' ? (numbered[level] ?? String(level)) : level?.toLowerCase()
  }
  return /(?:^|\s)(?:level|severity|lvl)="?([A-Za-z]+)/.exec(text)?.[1]?.toLowerCase()
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The first characters of a line tell errors apart; what follows them does not. */
const longest = 2_000

/**
 * What is put in place of the parts that differ between occurrences. The order matters: the longest kinds come first.
 */
const differing: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>'],
  // This is an identifier with a prefix, as Stripe's: evt_1NG8Du2eZvKYlo2C.
  [/\b([a-z]{2,8})_(?=\w*\d)\w{4,}\b/gi, '$1_<id>'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b/gi, '<hex>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/\b\d+(?:\.\d+)*/g, '<n>'],
]

/**
 * Hashes a line without its times, ids, numbers and quoted values: repeats of one error share it, and it tells no
 * content.
 */
export function fingerprintOf(text: string): string {
  const line = text.slice(0, longest)
  const words = line.startsWith('{') ? line : line.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, '<value>')
  const alike = differing.reduce((rest, [pattern, place]) => rest.replace(pattern, place), words)
  return createHash('sha256').update(alike).digest('hex').slice(0, 32)
}
