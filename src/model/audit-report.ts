import type { ChainBreak } from './audit-chain.ts'
import type { Difference } from './audit-records.ts'

/** Where an anchor was kept: named by whoever verifies, or in a thread post of a run. */
export type AnchorPlace = { readonly kind: 'given' } | { readonly kind: 'thread'; readonly run: number }

interface AnchorBreak {
  readonly kind: 'anchor'
  readonly place: AnchorPlace
  readonly sequence: number
  /** `behind`: the chain ends before it. `other_hash`: another event is there. `gone`: none is there. */
  readonly how: 'behind' | 'other_hash' | 'gone'
  readonly head: number
}

/** Neither the tables nor the audit know it. */
interface UnknownRunBreak {
  readonly kind: 'unknown_run'
  readonly run: number
}

export type AuditBreak = ChainBreak | AnchorBreak | Difference | UnknownRunBreak

/** What a verification looked at, and what it found. */
export interface AuditReport {
  readonly from: number | undefined
  readonly to: number | undefined
  /** Of the former format, without a key, with one. */
  readonly former: number
  readonly unkeyed: number
  readonly keyed: number
  /** Of those with a key: so many could not be checked, because the key was not given. */
  readonly unchecked: number
  readonly runs: number
  readonly approvals: number
  readonly effects: number
  readonly anchors: number
  /** The newest place that an anchor told. */
  readonly lastAnchor: number | undefined
  readonly head: { readonly sequence: number; readonly hash: string } | undefined
  readonly hasKey: boolean
  /** In the order in which they were met. */
  readonly breaks: readonly AuditBreak[]
}
