import type { Finding } from '../../model/finding.ts'
import { counted } from '../../text.ts'

const marks = { works: 'ok', note: 'note', missing: 'MISSING', unseen: 'NOT SEEN' } as const

/** What a terminal shows of the findings: a table in their order, each remedy below its line, and the count. */
export function doctorLines(findings: readonly Finding[]): readonly string[] {
  const width = Math.max(0, ...findings.map(({ area }) => area.length))
  const table = findings.flatMap(({ area, verdict, seen, mend }) => [
    `${area.padEnd(width)}  ${marks[verdict].padEnd(8)}  ${seen}`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 12)}→ ${mend}`]),
  ])
  return [...table, '', summary(findings)]
}

function summary(findings: readonly Finding[]): string {
  const count = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict).length
  const [missing, unseen, notes] = [count('missing'), count('unseen'), count('note')]
  const parts = [
    `${count('works')} work`,
    ...(notes === 0 ? [] : [counted(notes, 'note')]),
    `${missing === 0 ? 'nothing' : missing} missing`,
    ...(unseen === 0 ? [] : [`${unseen} not seen`]),
  ]
  return `Looked at ${counted(findings.length, 'thing')}: ${parts.join(', ')}.`
}
