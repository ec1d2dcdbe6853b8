/** A name as the catalog has it: the schema first. */
export type Name = readonly [schema: string, name: string]

/**
 * Names of objects as the record of changes has them: `table customers`, `column billing.customers.note`. Without `public`; a part that
 * is no plain name stands in quotes, so that no two objects have the same: `a."b.c"`.
 */
export function shown([schema, ...parts]: readonly [string, ...string[]]): string {
  return [...(schema === 'public' && parts.length > 0 ? [] : [schema]), ...parts].map(part).join('.')
}

function part(name: string): string {
  return /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*$/.test(name) ? name : JSON.stringify(name)
}

interface ParsedKey {
  readonly kind: 'table' | 'column' | 'policy'
  readonly schema: string
  readonly table: string
  /** The column or policy; empty for a table. */
  readonly part: string
}

/** Reads the name of a table, column or policy back; undefined for anything else. */
export function parseKey(key: string): ParsedKey | undefined {
  const [, kind, rest = ''] = /^(table|column|policy) (.+)$/.exec(key) ?? []
  if (kind !== 'table' && kind !== 'column' && kind !== 'policy') return undefined
  const parts = [...rest.matchAll(/"(?:[^"\\]|\\.)*"|[^".]+/g)].map(([text]) =>
    text.startsWith('"') ? String(JSON.parse(text)) : text,
  )
  const last = kind === 'table' ? '' : (parts.pop() ?? '')
  const table = parts.pop()
  return table === undefined || parts.length > 1 ? undefined : { kind, schema: parts[0] ?? 'public', table, part: last }
}
