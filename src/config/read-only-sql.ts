/**
 * Tells what is wrong with `sql` as a single reading statement; undefined when nothing is. It looks only at the outline
 * (statements, first word): that nothing is written is enforced by the read-only transaction it runs in.
 */
export function readOnlySqlProblem(sql: string): string | undefined {
  const statements = statementsOf(sql)
  const [only, ...more] = statements
  if (only === undefined) return 'is empty. Write one SELECT'
  if (more.length > 0) return `holds ${statements.length} statements. Write exactly one SELECT`
  const firstWord = /^\(*\s*([a-z]+)/i.exec(only)?.[1]?.toLowerCase()
  if (firstWord !== 'select' && firstWord !== 'with') return 'must begin with SELECT or WITH: it may only read'
  return undefined
}

/** Quoted text, comments and dollar quotes, the only places where a semicolon does not end a statement. */
const opaque = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$/g

function statementsOf(sql: string): string[] {
  const outline = sql.replace(opaque, (text) => (text.startsWith('--') || text.startsWith('/*') ? ' ' : 'x'))
  return outline
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
