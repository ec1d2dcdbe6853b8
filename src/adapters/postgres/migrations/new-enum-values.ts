import { type Statement, withoutComments } from './statements.ts'

const added = /^alter\s+type\s+\S[\s\S]*?\s+add\s+value\s+(?:if\s+not\s+exists\s+)?('(?:[^']|'')*')/i

/**
 * Finds the statements that write a value which the text has added to an enum before. The server refuses that within one transaction;
 * from 17 on not where the text has made the enum too. What only a later call of a function would write is no matter. Pure.
 */
export function newEnumValuesUsed(statements: readonly Statement[]): readonly Statement[] {
  const values = new Set<string>()
  const used: Statement[] = []
  for (const statement of statements) {
    const { words } = statement
    const adds = /^alter type\b.* add value\b/.test(words)
    if (!adds && (values.size === 0 || !words.includes("''") || isMerelyKept(words))) continue
    const text = withoutComments(statement.text)
    const value = adds ? added.exec(text)?.[1] : undefined
    if (value !== undefined) values.add(value)
    else if ([...values].some((one) => text.includes(one))) used.push(statement)
  }
  return used
}

function isMerelyKept(words: string): boolean {
  return (
    /^(?:comment on|alter type)\b/.test(words) ||
    /^create (?:or replace )?(?:function|procedure)\b.*\blanguage plpgsql\b/.test(words)
  )
}
