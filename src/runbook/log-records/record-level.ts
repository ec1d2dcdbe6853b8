import { atLeastError } from './levels.ts'
import { levelOfLine } from './line-level.ts'
import { objectFields } from './object-fields.ts'
import { levelOfFields } from './object-level.ts'
import { levelOfPairs } from './pair-level.ts'
import { levelFollows } from './traces.ts'

/**
 * Returns the level that a record names itself: as an object, at the head of its first line, in pairs, or as an object
 * behind a prefix. Undefined when it names none. What says that nothing is wrong has to stand where loggers put it; a
 * line that only mentions `level=info` has no level.
 */
export function levelOf(text: string, own: ReadonlySet<string>): string | undefined {
  const begin = text.search(/\S/)
  if (begin < 0) return undefined
  if (text.charAt(begin) === '{') return levelOfFields(objectFields(text, begin).fields, own)
  const [head = '', second = ''] = text.slice(begin).split('\n', 2)
  const first = levelFollows(head) ? second : head
  const atHead = levelOfLine(first)
  if (atHead !== undefined) return atHead
  const pairs = levelOfPairs(first, own)
  if (pairs !== undefined && (pairs.leads || atLeastError(pairs.level))) return pairs.level
  return levelBehindPrefix(text.slice(begin), own)
}

/** Longer than this, what stands before an object is a message and no prefix. */
const longestPrefix = 200

function levelBehindPrefix(text: string, own: ReadonlySet<string>): string | undefined {
  const brace = text.slice(0, longestPrefix).search(/\{\s{0,8}["'\w@}]/)
  if (brace < 0) return undefined
  const level = levelOfFields(objectFields(text, brace).fields, own)
  const told = /\b(?:error|exception|unhandled|uncaught|fatal|panic|fail(?:ed|ure)?)\b/i.test(text.slice(0, brace))
  return told && !atLeastError(level) ? undefined : level
}
