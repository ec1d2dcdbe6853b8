import { type MigrationReading, riskWeights, type StatementRisk } from '../../adapters/postgres/port.ts'
import type { IgnoreComment } from '../../adapters/squawk/port.ts'
import type { LintFinding, SqlRead } from '../../model/deploy-plan.ts'
import { counted } from '../../text.ts'

/** What was seen of one pending file. `lint` and `reading` say why when they could not look. */
export interface SqlSeen {
  readonly file: string
  readonly reading: MigrationReading | { readonly failed: string }
  readonly lint:
    | { readonly findings: readonly LintFinding[]; readonly ignored: readonly IgnoreComment[] }
    | { readonly failed: string }
}

/** The most risks of SQL that a plan names; the rest, less dangerous, is counted. */
const mostRisks = 200

/** Words the risks of the SQL, the most dangerous of all files first, then what could not be looked at, then the linter's. Pure. */
export function sqlRisks(seen: readonly SqlSeen[]): readonly string[] {
  const unread = seen.flatMap(({ file, reading }) =>
    'failed' in reading ? [`${file} could not be read, so nobody knows what it does: ${reading.failed}`] : [],
  )
  const statements = seen
    .flatMap(({ file, reading }) => ('failed' in reading ? [] : reading.risks.map((risk) => ({ file, risk }))))
    .toSorted((a, b) => riskWeights.indexOf(a.risk.weight) - riskWeights.indexOf(b.risk.weight))
    .map(({ file, risk }) => statementRisk(file, risk))
  const all = [...unread, ...statements, ...seen.flatMap(lintRisks)]
  const left = seen.reduce((sum, { reading }) => sum + ('failed' in reading ? 0 : reading.left), 0)
  const kept = all.slice(0, mostRisks)
  const rest = left + all.length - kept.length
  return [
    ...kept,
    ...(rest === 0 ? [] : [`… and ${counted(rest, 'more risk')} of the migrations, less dangerous than these.`]),
  ]
}

/** How much was read; undefined when something could not be. */
export function sqlRead(seen: readonly SqlSeen[]): SqlRead | undefined {
  let statements = 0
  for (const { reading, lint } of seen) {
    if ('failed' in reading || 'failed' in lint) return undefined
    statements += reading.statements
  }
  return { files: seen.length, statements }
}

function statementRisk(file: string, { line, more, what, rows }: StatementRisk): string {
  const again = more === 0 ? '' : ` (and ${counted(more, 'more statement')})`
  return `${file}:${line} ${what}${rowWords(rows)}${again}.`
}

/** Rounded, so that a plan made again a minute later reads the same. */
function rowWords(rows: number | null | undefined): string {
  if (rows === undefined) return ''
  if (rows === null) return ' – the server has no estimate of its rows'
  return rows < 1_000 ? ' – under 1,000 rows' : ` – about ${Number(rows.toPrecision(1)).toLocaleString('en')} rows`
}

function lintRisks({ file, lint }: SqlSeen): readonly string[] {
  if ('failed' in lint) return [`${file} was not linted, so its locks are not known in full: ${lint.failed}`]
  const { findings, ignored } = lint
  return [
    ...findings
      .filter(({ severity }) => severity === 'block')
      .map(
        ({ line, more = 0, rule, message }) =>
          `${file}:${line}${more === 0 ? '' : ` (and ${more} more)`} ${rule}: ${message}`,
      ),
    ...ignoredRisk(file, ignored),
  ]
}

const shownComments = 3

function ignoredRisk(file: string, ignored: readonly IgnoreComment[]): readonly string[] {
  if (ignored.length === 0) return []
  const shown = ignored.slice(0, shownComments).map(({ line, text }) => `line ${line} “${text}”`)
  const rest = ignored.length > shownComments ? ', …' : ''
  const were = ignored.length === 1 ? 'was' : 'were'
  return [`${file}: ${counted(ignored.length, 'ignore comment')} ${were} not honoured: ${shown.join(', ')}${rest}.`]
}
