import { createHmac } from 'node:crypto'
import type { Sensitive } from '../sensitive.ts'
import { canonicalJson, sha256 } from './json.ts'

/*
 * The chain of audit events. Each event has the place after the one before it and a hash that binds its content, its
 * place and the hash of the one before. With a key the hash is an HMAC, which nobody makes who has only the database.
 */

/** What an audit event says, before it has its place in the chain. */
export interface NewAuditEvent {
  readonly run: number | undefined
  /** Slack user id, or the name of the process that acted. */
  readonly actor: string
  /** Channel or worker it came from. */
  readonly source: string
  readonly kind: string
  readonly text: string
  /** What a verification compares with the tables; masked already. */
  readonly facts?: object
}

/** A place in the chain and the hash of the event there: with it, everything up to there can be compared. */
export interface AuditHead {
  readonly sequence: number
  readonly hash: string
}

export interface ChainedEvent extends AuditHead, Omit<NewAuditEvent, 'facts'> {
  /** 1: as events were hashed before there was a key, without place and facts. */
  readonly format: number
  /** Which key made the hash; undefined: none, so that anybody can make it. */
  readonly keyId: string | undefined
  readonly at: Date
  readonly facts: unknown
  readonly previousHash: string
}

interface AuditKey {
  /** Tells keys apart and nothing of the key. */
  readonly id: string
  mac(text: string): string
}

/** The newest first: it makes the hashes, the others are for what was written before it came. None: hashes without a key. */
export type AuditKeys = readonly AuditKey[]

export function auditKey(secret: Sensitive): AuditKey {
  const mac = (text: string) => createHmac('sha256', secret.reveal()).update(text).digest('hex')
  return { id: mac('the name of this key').slice(0, 12), mac }
}

/** The kind of the first event of the present format: it binds what the former one left. */
export const chainBegun = 'chain_begun'

/** The event with its place after `head`, and its hash. */
export function chained(
  head: AuditHead | undefined,
  event: NewAuditEvent,
  { keys, at }: { readonly keys: AuditKeys; readonly at: Date },
): ChainedEvent {
  const placed = {
    ...event,
    sequence: (head?.sequence ?? 0) + 1,
    format: 2,
    keyId: keys[0]?.id,
    at,
    facts: event.facts,
    previousHash: head?.hash ?? '',
  }
  return { ...placed, hash: hashOf(placed, keys) ?? '' }
}

/** Undefined: it was made with a key that is not among these. */
function hashOf(event: Omit<ChainedEvent, 'hash'>, keys: AuditKeys): string | undefined {
  const { sequence, format, keyId, run = null, actor, source, kind, text, facts = null, previousHash } = event
  const content = { run, at: event.at.toISOString(), actor, source, kind, text }
  if (format === 1) return sha256(previousHash + canonicalJson(content))
  const whole = canonicalJson({ ...content, sequence, format, keyId: keyId ?? null, facts, previousHash })
  return keyId === undefined ? sha256(whole) : keys.find(({ id }) => id === keyId)?.mac(whole)
}

export function isGenuine(event: ChainedEvent, keys: AuditKeys): boolean {
  return hashOf(event, keys) === event.hash
}

export type ChainBreak =
  /** Its content is not the one of which the hash was made; the event after it still names that hash. */
  | { readonly kind: 'edited'; readonly sequence: number }
  | { readonly kind: 'missing'; readonly from: number; readonly to: number }
  /** A genuine event that does not follow the one before it: `previousHash` tells which one it followed. */
  | { readonly kind: 'misplaced'; readonly sequence: number; readonly previousHash: string }
  | { readonly kind: 'reordered'; readonly sequence: number }
  /** It follows an event that is nowhere. */
  | { readonly kind: 'gap_closed'; readonly sequence: number }
  | {
      readonly kind: 'forged'
      readonly sequence: number
      readonly why: 'hash' | 'weaker' | 'unknown_key' | 'place' | 'not_begun'
    }
  | { readonly kind: 'empty' }
  /** The newest event is of the former format, or has no or not the newest key. */
  | { readonly kind: 'head_cut'; readonly sequence: number; readonly why: 'former_format' | 'not_newest_key' }

/** How far around a place an event is looked for that was moved. */
const farthestMove = 1_000
/** So many breaks are named; whoever has rewritten everything is not followed through a million events. */
export const mostBreaks = 10

/** Reads a chain, or the end of it from `from` on, event by event, and remembers what is wrong with it. */
export class ChainCheck {
  readonly breaks: ChainBreak[] = []
  first: number | undefined
  last: AuditHead | undefined
  former = 0
  unkeyed = 0
  keyed = 0
  /** Made with a key while none is given: only their links were looked at. */
  unchecked = 0
  readonly #keys: AuditKeys
  #expected: number
  #previousHash = ''
  /** Whether the event before was sound: after one that is not, a link says nothing. */
  #sound: boolean
  #begun: boolean
  #strength = 0
  #held: ChainedEvent | undefined

  constructor(keys: AuditKeys, from = 1) {
    this.#keys = keys
    this.#expected = from
    this.#sound = from === 1
    this.#begun = from !== 1
  }

  get isFull(): boolean {
    return this.breaks.length >= mostBreaks
  }

  add(event: ChainedEvent): void {
    if (this.#held !== undefined) this.#look(this.#held, event)
    this.#held = event
  }

  /** `isHead`: nothing follows, so the newest event has to be one that this Purser writes. */
  end({ isHead }: { readonly isHead: boolean }): void {
    if (this.#held === undefined) {
      if (isHead) this.breaks.push({ kind: 'empty' })
      return
    }
    const { sequence } = this.#held
    this.#look(this.#held, undefined)
    if (!isHead) return
    if (!this.#begun) this.breaks.push({ kind: 'head_cut', sequence, why: 'former_format' })
    else if (this.#keys.length > 0 && strengthOf(this.#held, this.#keys) !== this.#keys.length + 1)
      this.breaks.push({ kind: 'head_cut', sequence, why: 'not_newest_key' })
  }

  #look(event: ChainedEvent, next: ChainedEvent | undefined): void {
    const { sequence, format, keyId, hash } = event
    this.first ??= sequence
    if (format === 1) this.former += 1
    else if (keyId === undefined) this.unkeyed += 1
    else this.keyed += 1
    const gap = sequence > this.#expected
    if (gap) this.breaks.push({ kind: 'missing', from: this.#expected, to: sequence - 1 })
    const linked = gap || !this.#sound || event.previousHash === this.#previousHash
    const fault = this.#faultOf(event, linked, next)
    if (fault !== undefined) this.breaks.push(fault)
    this.#sound = fault === undefined
    this.#begun ||= format !== 1
    this.#strength = Math.max(this.#strength, strengthOf(event, this.#keys) ?? 0)
    this.#previousHash = hash
    this.#expected = sequence + 1
    this.last = { sequence, hash }
  }

  #faultOf(event: ChainedEvent, linked: boolean, next: ChainedEvent | undefined): ChainBreak | undefined {
    const { sequence, previousHash } = event
    const forged = (why: Extract<ChainBreak, { kind: 'forged' }>['why']) => ({ kind: 'forged' as const, sequence, why })
    const misplaced = { kind: 'misplaced' as const, sequence, previousHash }
    if (sequence < this.#expected) return forged('place')
    const strength = strengthOf(event, this.#keys)
    if (strength === undefined && this.#keys.length > 0) return forged('unknown_key')
    if (strength === undefined) {
      this.unchecked += 1
      return linked ? undefined : misplaced
    }
    if (strength < this.#strength) return forged('weaker')
    if (!this.#begun && event.format !== 1 && event.kind !== chainBegun) return forged('not_begun')
    if (isGenuine(event, this.#keys)) return linked ? undefined : misplaced
    if (!this.isFull && wasMoved(event, this.#keys)) return misplaced
    return next?.previousHash === event.hash && isGenuine(next, this.#keys)
      ? { kind: 'edited', sequence }
      : forged('hash')
  }
}

/** Along the chain it never falls: what is hashed without a key, or with an older one, does not follow what has the newest. */
function strengthOf({ format, keyId }: ChainedEvent, keys: AuditKeys): number | undefined {
  if (format === 1) return 0
  if (keyId === undefined) return 1
  const place = keys.findIndex(({ id }) => id === keyId)
  return place < 0 ? undefined : keys.length + 1 - place
}

function wasMoved(event: ChainedEvent, keys: AuditKeys): boolean {
  if (event.format === 1) return false
  for (let far = 1; far <= farthestMove; far += 1)
    for (const sequence of [event.sequence - far, event.sequence + far])
      if (isGenuine({ ...event, sequence }, keys)) return true
  return false
}
