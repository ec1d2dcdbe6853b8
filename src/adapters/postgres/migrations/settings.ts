import { type Statement, withoutComments } from './statements.ts'

/** A setting that a statement makes. */
interface Setting {
  readonly name: string
  /** As it is written, without quotes; `default` also for `reset`. */
  readonly value: string
  /** Whether it ends with the transaction. */
  readonly local: boolean
}

const set = /^set\s+(?:(local|session)\s+)?([\w.]+)\s*(?:=|\s+to\s)\s*(?:'((?:[^']|'')*)'|([^\s']+))\s*$/i
const names = /^set\s+(?:(local|session)\s+)?names\s+(?:'((?:[^']|'')*)'|(\w+))\s*$/i
const reset = /^reset\s+([\w.]+)\s*$/i
const configure =
  /^select\s+(?:pg_catalog\s*\.\s*)?set_config\s*\(\s*'((?:[^']|'')*)'\s*,\s*'((?:[^']|'')*)'\s*,\s*'?(\w+)'?\s*\)\s*$/i

/** Reads the setting of a statement that makes one, `set … to …` or `select set_config(…)`; undefined for others and for lists. */
export function settingOf({ text, words }: Pick<Statement, 'text' | 'words'>): Setting | undefined {
  if (!/^(?:set|reset|select)\b/.test(words) || words.length > 500) return undefined
  const plain = withoutComments(text).trim()
  const named = names.exec(plain)
  if (named !== null) return setting('client_encoding', named[2] ?? named[3], /local/i.test(named[1] ?? ''))
  const made = set.exec(plain)
  if (made !== null) return setting(made[2], made[3] ?? made[4], /local/i.test(made[1] ?? ''))
  const back = reset.exec(plain)
  if (back !== null) return setting(back[1], 'default', false)
  const called = configure.exec(plain)
  return called === null ? undefined : setting(called[1], called[2], /^(?:t|y|on|1)/i.test(called[3] ?? ''))
}

function setting(name = '', value = '', local: boolean): Setting {
  return { name: name.toLowerCase(), value: value.replaceAll("''", "'").trim().toLowerCase(), local }
}

const units: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Reads a time limit in milliseconds; undefined for what is no plain time. */
export function millisecondsOf({ value }: Setting): number | undefined {
  const [, digits, unit = 'ms'] = /^(\d+)\s*(us|ms|s|min|h|d)?$/.exec(value) ?? []
  const factor = units[unit]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}
