import type { MigrationLock } from '../port.ts'
import { splitStatements, type Statement } from './statements.ts'

/** A lock counts when its table existed before the migration. */
type TableLock = Pick<MigrationLock, 'line' | 'table' | 'mode' | 'blocks'>

const identifier = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const tableName = String.raw`(${identifier}(?:\s*\.\s*${identifier})?)`
const rule = (pattern: string): RegExp =>
  new RegExp(
    pattern.replaceAll('TABLE', () => tableName),
    'i',
  )

const blocks = {
  'ACCESS EXCLUSIVE': 'reads and writes',
  'SHARE ROW EXCLUSIVE': 'writes',
  SHARE: 'writes',
  'SHARE UPDATE EXCLUSIVE': 'only other schema changes',
} as const satisfies Record<TableLock['mode'], TableLock['blocks']>

/**
 * The lock of each form of statement. The first match counts; the milder forms of `alter table` are before it. See
 * https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES and the pages of each command.
 */
const rules: readonly (readonly [RegExp, TableLock['mode']])[] = [
  [
    rule(
      String.raw`^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?TABLE\s+(?:validate\s+constraint|attach\s+partition|detach\s+partition\b.*\bconcurrently|alter\s+(?:column\s+)?\S+\s+set\s+statistics|cluster\s+on|set\s+\()`,
    ),
    'SHARE UPDATE EXCLUSIVE',
  ],
  [
    rule(
      String.raw`^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?TABLE\s+(?:add\s+(?:constraint\s+\S+\s+)?foreign\s+key|(?:enable|disable)\s+trigger)`,
    ),
    'SHARE ROW EXCLUSIVE',
  ],
  [rule(String.raw`^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^drop\s+table\s+(?:if\s+exists\s+)?TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^truncate\s+(?:table\s+)?(?:only\s+)?TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^(?:create|alter|drop)\s+policy\b.*?\son\s+TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^(?:vacuum\s*\(?\s*full|cluster)\s*\)?\s+TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^drop\s+trigger\b.*?\son\s+TABLE`), 'ACCESS EXCLUSIVE'],
  [rule(String.raw`^create\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\b.*?\son\s+TABLE`), 'SHARE ROW EXCLUSIVE'],
  [
    rule(String.raw`^create\s+(?:unique\s+)?index\s+concurrently\b.*?\bon\s+(?:only\s+)?TABLE`),
    'SHARE UPDATE EXCLUSIVE',
  ],
  [rule(String.raw`^create\s+(?:unique\s+)?index\b.*?\bon\s+(?:only\s+)?TABLE`), 'SHARE'],
  [rule(String.raw`^reindex\s+table\s+TABLE`), 'SHARE'],
]
const references = new RegExp(String.raw`\breferences\s+${tableName}`, 'gi')
const created = rule(String.raw`^create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?TABLE`)

/** Reads the locks off the statements; what a function or a `do` block does stays unseen. */
export function locksOf(sql: string): readonly TableLock[] {
  const fresh = new Set<string>()
  const locks = new Map<string, TableLock>()
  for (const { line, text } of splitStatements(sql).map(onOneLine)) {
    const made = created.exec(text)?.[1]
    if (made !== undefined) fresh.add(key(made))
    for (const lock of locksOfOne(line, text)) {
      const known = `${lock.mode} ${key(lock.table)}`
      if (!fresh.has(key(lock.table)) && !locks.has(known)) locks.set(known, lock)
    }
  }
  return [...locks.values()]
}

function locksOfOne(line: number, text: string): readonly TableLock[] {
  const lock = (table: string, mode: TableLock['mode']): TableLock => ({ line, table, mode, blocks: blocks[mode] })
  const found = rules.flatMap(([pattern, mode]) => {
    const table = pattern.exec(text)?.[1]
    return table === undefined ? [] : [lock(table, mode)]
  })
  const referenced = /^(?:create\s+table|alter\s+table)/i.test(text)
    ? [...text.matchAll(references)].flatMap(([, table]) => (table === undefined ? [] : [table]))
    : []
  return [...found.slice(0, 1), ...referenced.map((table) => lock(table, 'SHARE ROW EXCLUSIVE'))]
}

function onOneLine({ line, text }: Statement): { readonly line: number; readonly text: string } {
  return {
    line,
    text: text
      .replaceAll(/--[^\n]*/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  }
}

function key(table: string): string {
  return table.replace(/^public\./i, '').toLowerCase()
}
