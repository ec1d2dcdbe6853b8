export interface Statement {
  /** The line on which it begins, from 1. */
  readonly line: number
  /** Where `text` begins in the whole. */
  readonly start: number
  readonly text: string
  /** The text for matching only: lower case, without comments, quoted parts as `''`, single spaces. */
  readonly words: string
}

/**
 * Splits SQL by PostgreSQL's lexical rules: quotes, E'' escapes, dollar quotes, nested comments, `begin atomic` bodies.
 */
export function splitStatements(sql: string): readonly Statement[] {
  const statements: Statement[] = []
  const lines = lineCounter(sql)
  let from = 0
  // What stands between two semicolons of the statement; joined at its end, as a long text that grows is copied again and again.
  let parts: string[] = []
  let part = ''
  let body = new AtomicBody()
  const flush = (end: number): void => {
    const raw = sql.slice(from, end)
    const start = from + lead(raw)
    const words = [...parts, part].join('')
    if (words.trim() !== '') {
      statements.push({ line: lines(start), start, text: sql.slice(start, end).trim(), words: tidy(words) })
    }
    parts = []
    part = ''
    body = new AtomicBody()
  }
  for (let at = 0; at < sql.length;) {
    const token = tokenAt(sql, at)
    const separates = token.kind === 'separator'
    if (separates && !body.goesOn(part)) {
      flush(at)
      from = at + 1
    } else if (separates) {
      parts.push(part, token.shown)
      part = ''
    } else {
      part += token.shown
    }
    at = token.end
  }
  flush(sql.length)
  return statements
}

interface Token {
  readonly kind: 'separator' | 'other'
  readonly end: number
  readonly shown: string
}

function tokenAt(sql: string, at: number): Token {
  const other = (end: number, shown: string): Token => ({ kind: 'other', end, shown })
  const two = sql.slice(at, at + 2)
  if (two === '--') return other(orEnd(sql, sql.indexOf('\n', at), 0), ' ')
  if (two === '/*') return other(endOfComment(sql, at), ' ')
  const char = sql[at] ?? ''
  if (char === ';') return { kind: 'separator', end: at + 1, shown: ';' }
  if (char === "'") return other(endOfString(sql, at), " '' ")
  if (char === '"') return other(orEnd(sql, sql.indexOf('"', at + 1), 1), ' "" ')
  if (char === '$') {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 70))?.[0]
    if (tag !== undefined) return other(orEnd(sql, sql.indexOf(tag, at + tag.length), tag.length), " '' ")
  }
  // A whole word is taken at once: the `$` of `a$b$` opens no quote.
  const word = /^[\w$\u0080-\uffff]+/.exec(sql.slice(at, at + 200))?.[0]
  return word === undefined ? other(at + 1, char) : other(at + word.length, word)
}

function endOfComment(sql: string, at: number): number {
  let depth = 0
  for (let index = at; index < sql.length;) {
    const two = sql.slice(index, index + 2)
    if (two === '/*') depth += 1
    if (two === '*/') depth -= 1
    if (two === '*/' && depth === 0) return index + 2
    index += two === '/*' || two === '*/' ? 2 : 1
  }
  return sql.length
}

function endOfString(sql: string, at: number): number {
  const escapes = /[eE]/.test(sql[at - 1] ?? '') && !/[\w$]/.test(sql[at - 2] ?? '')
  for (let index = at + 1; index < sql.length; index += 1) {
    if (escapes && sql[index] === '\\') index += 1
    else if (sql[index] === "'") return index + 1
  }
  return sql.length
}

/**
 * A function body in standard SQL (`begin atomic … end`), whose semicolons separate nothing of ours. It is asked at each semicolon,
 * with what came since the one before.
 */
class AtomicBody {
  #begun = false
  #open = 0

  goesOn(fresh: string): boolean {
    const body = this.#begun ? fresh : /\bbegin\s+atomic\b([\s\S]*)$/i.exec(fresh)?.[1]
    if (body === undefined) return false
    if (!this.#begun) this.#open = 1
    this.#begun = true
    this.#open += (body.match(/\bcase\b/gi)?.length ?? 0) - (body.match(/\bend\b/gi)?.length ?? 0)
    return this.#open > 0
  }
}

function orEnd(sql: string, index: number, length: number): number {
  return index < 0 ? sql.length : index + length
}

function lead(raw: string): number {
  return /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(raw)?.[0].length ?? 0
}

/** Tells the line of an index; asked in ascending order, it reads the text once. */
function lineCounter(sql: string): (index: number) => number {
  let line = 1
  let next = sql.indexOf('\n')
  return (index) => {
    for (; next >= 0 && next < index; next = sql.indexOf('\n', next + 1)) line += 1
    return line
  }
}

function tidy(words: string): string {
  return words.toLowerCase().replaceAll(/\s+/g, ' ').trim()
}
