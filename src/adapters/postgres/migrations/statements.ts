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
  // What stands between two semicolons of the statement; joined at its end, as a long text that grows is copied again and again.
  let parts: string[] = []
  let part = ''
  let body = new AtomicBody()
  // Where the first token stands that is neither space nor comment.
  let start: number | undefined
  const flush = (end: number): void => {
    if (start !== undefined) {
      const words = tidy([...parts, part].join(''))
      statements.push({ line: lines(start), start, text: sql.slice(start, end).trim(), words })
    }
    start = undefined
    parts = []
    part = ''
    body = new AtomicBody()
  }
  for (let at = 0; at < sql.length;) {
    const next = nextSpecial(sql, at)
    // Most of a text is plain words, which are taken at once up to what could hide or end something.
    const plain = sql.slice(at, next)
    const first = start === undefined ? plain.search(/\S/) : -1
    if (first >= 0) start = at + first
    part += plain
    if (next >= sql.length) break
    const token = tokenAt(sql, next, at)
    const separates = token.kind === 'separator'
    if (!separates && start === undefined && token.shown.trim() !== '') start = next
    if (separates && !body.goesOn(part)) {
      flush(next)
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

const special = /[;'"$]|--|\/\*/g

/** Finds what could hide or end something; the end of the text when there is nothing more. */
function nextSpecial(sql: string, from: number): number {
  special.lastIndex = from
  return special.exec(sql)?.index ?? sql.length
}

/** `from`: where the plain text before it began. */
function tokenAt(sql: string, at: number, from: number): Token {
  const other = (end: number, shown: string): Token => ({ kind: 'other', end, shown })
  const char = sql[at] ?? ''
  if (char === ';') return { kind: 'separator', end: at + 1, shown: ';' }
  if (char === "'") return other(endOfString(sql, at), " '' ")
  if (char === '"') return other(orEnd(sql, sql.indexOf('"', at + 1), 1), ' "" ')
  if (char === '-') return other(matchAt(lineComment, sql, at), ' ')
  if (char === '/') return other(endOfComment(sql, at), ' ')
  // The `$` of `a$b$` opens no quote.
  const inWord = at > from && /[\w\u0080-\uffff]/.test(sql[at - 1] ?? '')
  const tag = inWord ? '' : sql.slice(at, matchAt(dollarTag, sql, at))
  if (tag !== '') return other(orEnd(sql, sql.indexOf(tag, at + tag.length), tag.length), " '' ")
  const end = Math.max(at + 1, matchAt(word, sql, at))
  return other(end, sql.slice(at, end))
}

const lineComment = /--[^\n\r]*/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const word = /[\w$\u0080-\uffff]+/y

/** Returns the end of what a sticky pattern matches at this place; the place itself when it does not match. */
function matchAt(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(sql) ? pattern.lastIndex : at
}

/** Leaves comments out, each for a space, and keeps everything else as it is. */
export function withoutComments(sql: string): string {
  const parts: string[] = []
  for (let at = 0; at < sql.length;) {
    const next = nextSpecial(sql, at)
    parts.push(sql.slice(at, next))
    if (next >= sql.length) break
    const { end, shown } = tokenAt(sql, next, at)
    parts.push(shown === ' ' ? ' ' : sql.slice(next, end))
    at = end
  }
  return parts.join('')
}

const commentMark = /\/\*|\*\//g

function endOfComment(sql: string, at: number): number {
  let depth = 0
  commentMark.lastIndex = at
  for (let mark = commentMark.exec(sql); mark !== null; mark = commentMark.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return commentMark.lastIndex
  }
  return sql.length
}

function endOfString(sql: string, at: number): number {
  const escapes = /[eE]/.test(sql[at - 1] ?? '') && !/[\w$]/.test(sql[at - 2] ?? '')
  if (!escapes) return orEnd(sql, sql.indexOf("'", at + 1), 1)
  for (let index = at + 1; index < sql.length; index += 1) {
    if (sql[index] === '\\') index += 1
    else if (sql[index] === "'") {
      // A string goes on behind a line break, with the escapes of its beginning.
      const next = matchAt(continued, sql, index + 1)
      if (next === index + 1) return next
      index = next - 1
    }
  }
  return sql.length
}

const continued = /[ \t\f\v]*[\n\r]\s*'/y

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
    // `select 1 as end` and `x.end` are names.
    this.#open += (body.match(/\bcase\b/gi)?.length ?? 0) - (body.match(/(?<!\bas\s+|\.\s*)\bend\b/gi)?.length ?? 0)
    return this.#open > 0
  }
}

function orEnd(sql: string, index: number, length: number): number {
  return index < 0 ? sql.length : index + length
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
