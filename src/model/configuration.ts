import { canonicalJson, sha256 } from './json.ts'
import type { PlanDifference } from './plan-difference.ts'

/** Settings by their path in purser.yaml, each as JSON text. Long values are cut and carry a hash of the whole. */
export type Configuration = Readonly<Record<string, string>>

interface ChangedSetting {
  readonly key: string
  /** Undefined: the setting is new. */
  readonly planned: string | undefined
  /** Undefined: the setting is gone. */
  readonly now: string | undefined
}

/** Pure: every setting below `path`, one entry each. Entries of a list are told apart by their names where they have one. */
export function flattened(value: unknown, path: string): Configuration {
  return Object.fromEntries(entriesOf(value, path))
}

/** Pure: what differs, in the order of the keys. */
export function changedSettings(planned: Configuration, now: Configuration): readonly ChangedSetting[] {
  const keys = [...new Set([...Object.keys(planned), ...Object.keys(now)])].sort()
  return keys.filter((key) => planned[key] !== now[key]).map((key) => ({ key, planned: planned[key], now: now[key] }))
}

/** Pure: what differs, worded; `named` says where a setting stands. */
export function settingsDrift(
  planned: Configuration,
  now: Configuration,
  named: (key: string) => string,
): readonly PlanDifference[] {
  return changedSettings(planned, now).map((one) => ({
    now: one.now === undefined ? `${named(one.key)} is gone` : `${named(one.key)} is ${one.now}`,
    planned: one.planned ?? 'not set',
  }))
}

function entriesOf(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (Array.isArray(value)) {
    const names = value.map(nameOf)
    // A list of words, such as a command, is read as a whole.
    if (value.length === 0 || names.includes(undefined)) return [[path, textOf(value)]]
    return value.flatMap((one: unknown, index) => entriesOf(one, `${path}[${names[index]}]`))
  }
  if (value !== null && typeof value === 'object')
    return Object.entries(value).flatMap(([key, inner]) => entriesOf(inner, path === '' ? key : `${path}.${key}`))
  return value === undefined ? [] : [[path, textOf(value)]]
}

function nameOf(one: unknown): string | undefined {
  return typeof one === 'object' && one !== null && 'name' in one && typeof one.name === 'string' ? one.name : undefined
}

const longest = 200

function textOf(value: unknown): string {
  const text = canonicalJson(value)
  return text.length <= longest ? text : `${text.slice(0, longest)}… (sha256 ${sha256(text).slice(0, 12)})`
}
