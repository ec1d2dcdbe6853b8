import { levelOfLetter, levelOfNumber, levelOfWord, type Numbers } from './levels.ts'

/** The fields in which loggers write levels, in lower case and without `_`, `-` and `@`; the first ones count first. */
const levelFields: readonly (readonly [name: string, numbers: Numbers])[] = [
  ['level', 'any'],
  ['lvl', 'any'],
  ['l', 'none'],
  ['loglevel', 'any'],
  ['log.level', 'any'],
  ['log.severity', 'any'],
  ['level.name', 'any'],
  ['level.levelstr', 'any'],
  ['level.level', 'any'],
  ['level.value', 'any'],
  ['severity', 'severity'],
  ['severitytext', 'none'],
  ['sev', 'severity'],
  ['levelname', 'none'],
  ['levelstr', 'none'],
  ['severitynumber', 'open-telemetry'],
  ['levelno', 'python'],
  ['levelnumber', 'python'],
  ['levelvalue', 'any'],
  ['syslog.severity', 'severity'],
]

type Fields = ReadonlyMap<string, string>

/**
 * Returns the level of a record that is an object. Words count before numbers: a logger that writes both counts by a
 * scale of its own. Words that no logger uses (`"level":"gold"`) are none, unless they are among `own`.
 */
export function levelOfFields(raw: Fields, own: ReadonlySet<string>): string | undefined {
  const fields = new Map([...raw].map(([name, value]) => [name.toLowerCase().replaceAll(/[_@-]/g, ''), value]))
  const found = levelFields.flatMap(([name, numbers]) => {
    const value = fields.get(name)
    return value === undefined ? [] : [{ value, numbers }]
  })
  for (const { value } of found) {
    const word = value.trim().toLowerCase()
    if (own.has(word)) return word
    const level = levelOfWord(value) ?? levelOfLetter(value)
    if (level !== undefined) return level
  }
  if (isVerbosity(raw)) return 'info'
  for (const { value, numbers } of found) {
    const level = /^-?\d+(?:\.\d+)?$/.test(value.trim()) ? levelOfNumber(Number(value), numbers) : undefined
    if (level !== undefined) return level
  }
  return levelOfOneLogger(raw)
}

/** Go's funcr begins with `logger` and writes how verbose a message is as `level`; its errors have no `level`. */
function isVerbosity(raw: Fields): boolean {
  return raw.keys().next().value === 'logger' && raw.has('msg') && /^\d$/.test(raw.get('level') ?? '')
}

/** What means a level in the records of one logger only: MongoDB's `s`, journald's and log4j's priority, Serilog's silence. */
function levelOfOneLogger(raw: Fields): string | undefined {
  const mongo = raw.has('c') && raw.has('ctx') ? levelOfLetter(raw.get('s')?.charAt(0) ?? '') : undefined
  if (mongo !== undefined) return mongo
  const priority = raw.get('PRIORITY')
  if (priority !== undefined && /^[0-7]$/.test(priority)) return levelOfNumber(Number(priority), 'any')
  const log4j = raw.get('priority')
  if (log4j !== undefined && /^[A-Z]{4,5}$/.test(log4j)) return levelOfWord(log4j)
  // Serilog's compact format leaves the level out when it is "Information".
  return raw.has('@t') && (raw.has('@mt') || raw.has('@m')) ? 'info' : undefined
}
