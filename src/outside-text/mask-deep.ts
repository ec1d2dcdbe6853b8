import { Sensitive } from '../sensitive.ts'
import type { Mask } from './mask.ts'

/**
 * Masks every string in a value: plain data and errors at any depth. Other objects (dates, buffers) are handed through;
 * a cycle ends in the text `[circular]`. What stands below a key of `structure` is words of Purser's own, or of Slack's, and stays as
 * it is, and so does a text that is nothing but one of `words`: a password that happens to be the name of an environment must not
 * rename it.
 */
export function maskDeep<Value>(
  value: Value,
  mask: Mask,
  structure: ReadonlySet<string> = none,
  words: ReadonlySet<string> = none,
): Value {
  return new DeepMask(mask, structure, words).of(value, []) as Value
}

const none: ReadonlySet<string> = new Set()

/** What the state database decides by: it comes from Purser's own tables and from purser.yaml. */
export const storedStructure: ReadonlySet<string> = new Set([
  'kind',
  'status',
  'environment',
  'service',
  'phase',
  'phases',
  'decision',
  'action',
  'outcome',
  'verdict',
  'source',
  'actor',
  'requestedBy',
  'channel',
  'user',
  'by',
  'planHash',
  'templateHash',
  'id',
  'sha',
  'sha256',
  'digest',
])

/** What Slack reads and nobody else does. */
export const slackStructure: ReadonlySet<string> = new Set([
  'type',
  'action_id',
  'block_id',
  'callback_id',
  'private_metadata',
  'style',
  'user_id',
  'usergroup_id',
  'channel_id',
])

class DeepMask {
  readonly #mask: Mask
  readonly #structure: ReadonlySet<string>
  readonly #words: ReadonlySet<string>

  constructor(mask: Mask, structure: ReadonlySet<string>, words: ReadonlySet<string>) {
    this.#mask = mask
    this.#structure = structure
    this.#words = words
  }

  of(value: unknown, above: readonly object[]): unknown {
    if (typeof value === 'string') return this.#words.has(value) ? value : this.#mask(value)
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Sensitive) return value.toString()
    if (above.includes(value)) return '[circular]'
    const inside = [...above, value]
    if (Array.isArray(value)) return value.map((item) => this.of(item, inside))
    if (value instanceof Map)
      return new Map([...value].map(([key, item]) => [this.of(key, inside), this.of(item, inside)]))
    if (value instanceof Set) return new Set([...value].map((item) => this.of(item, inside)))

    const prototype: unknown = Object.getPrototypeOf(value)
    const plain = prototype === Object.prototype || prototype === null
    if (!plain && !(value instanceof Error)) return value
    // An error keeps its class, so that `instanceof` and `code` still tell what it is.
    const copy: object = plain ? {} : (Object.create(prototype as object) as object)
    for (const key of Object.getOwnPropertyNames(value)) {
      const inner = (value as Record<string, unknown>)[key]
      const kept = plain && typeof inner === 'string' && this.#structure.has(key)
      Object.defineProperty(copy, plain && !kept ? this.#mask(key) : key, {
        value: kept ? inner : this.of(inner, inside),
        enumerable: Object.prototype.propertyIsEnumerable.call(value, key),
        configurable: true,
        writable: true,
      })
    }
    return copy
  }
}
