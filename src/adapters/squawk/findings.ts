import { z } from 'zod'
import type { MigrationFinding } from './port.ts'

const reported = z.array(
  z.object({ line: z.int(), rule_name: z.string(), message: z.string(), help: z.string().nullish() }),
)

/**
 * Reads squawk's report (JSON), the whole of it. Findings with the same words are one, with the first of their lines and the number of the
 * others; lines of the report count from 0. Raises when it is no report.
 */
export function findingsOf(report: string): readonly MigrationFinding[] {
  const found = new Map<string, MigrationFinding>()
  for (const { line, rule_name: rule, message } of reported.parse(JSON.parse(report))) {
    const key = `${rule} ${message}`
    const known = found.get(key)
    if (known === undefined) found.set(key, { rule, message, line: line + 1, more: 0 })
    else found.set(key, { ...known, line: Math.min(known.line, line + 1), more: known.more + 1 })
  }
  return [...found.values()]
}
