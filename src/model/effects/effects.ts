import type { z } from 'zod'
import { PurserError } from '../../errors.ts'
import { cronJob } from './cronjob.ts'
import { database } from './database.ts'
import { events } from './events.ts'
import { image } from './image.ts'
import { imagePush } from './image-push.ts'
import { job } from './job.ts'
import { migration } from './migration.ts'
import { replicas } from './replicas.ts'
import { restart } from './restart.ts'
import { schedule } from './schedule.ts'
import { secretKey } from './secret-key.ts'
import { stripeEndpoint } from './stripe-endpoint.ts'

/** Every kind of change that Purser makes outside. What stays after a rollback is told in this order. */
export const effectKinds = {
  migration,
  'image-push': imagePush,
  image,
  events,
  job,
  'stripe-endpoint': stripeEndpoint,
  'secret-key': secretKey,
  restart,
  cronjob: cronJob,
  database,
  replicas,
  schedule,
} as const

type Kinds = typeof effectKinds
export type EffectKind = keyof Kinds
export const allEffectKinds = Object.keys(effectKinds) as EffectKind[]

/** Kinds that a rollback puts back. */
export type UndoableEffectKind = { [K in EffectKind]: Kinds[K]['undoable'] extends true ? K : never }[EffectKind]

type Befores = { readonly [K in EffectKind]: z.output<Kinds[K]['before']> }
type Afters = { readonly [K in EffectKind]: z.output<Kinds[K]['after']> }
export type BeforeOf<K extends EffectKind> = Befores[K]
export type AfterOf<K extends EffectKind> = Afters[K]

/**
 * How far an effect has come:
 * - `started`: what was there is recorded, the change may or may not have happened
 * - `applied`: the change is known to have happened
 * - `undone`: a rollback put back what was there
 */
type EffectStatus = 'started' | 'applied' | 'undone'

interface EffectFacts {
  readonly id: number
  readonly run: number
  readonly phase: string
  readonly target: string
  readonly status: EffectStatus
  readonly at: Date
  /** When it was last known to stand, or was put back. */
  readonly settledAt?: Date | undefined
}

export interface EffectRecord<K extends EffectKind> extends EffectFacts {
  readonly kind: K
  readonly before: BeforeOf<K>
  readonly after: AfterOf<K> | undefined
}

/** An effect of one kind, or of any of several: its kind tells what its records hold. */
export type EffectOf<K extends EffectKind> = { readonly [P in K]: EffectRecord<P> }[K]

/** A change outside Purser, with a record of what stood there before. */
export type Effect = EffectOf<EffectKind>

export function canBeUndone<E extends { readonly kind: EffectKind }>(
  effect: E,
): effect is Extract<E, { readonly kind: UndoableEffectKind }> {
  return effectKinds[effect.kind].undoable
}

/** The record cannot be read: another version of Purser wrote it, or somebody changed it by hand. */
class UnreadableEffect extends PurserError {
  readonly code = 'unreadable_effect'

  constructor(effect: number, run: number, kind: string, why: string) {
    super(`reading effect ${effect} (${kind}) of run #${run}: ${why}`, {
      hint: 'Start the version of Purser that recorded it, or put the change back by hand.',
    })
  }
}

interface EffectRow extends EffectFacts {
  readonly kind: string
  readonly before: unknown
  readonly after: unknown
}

/** Makes an effect of what the state database holds. Raises UnreadableEffect. */
export function storedEffect(row: EffectRow): Effect {
  const { id, run, phase, kind, target, status, at, settledAt } = row
  if (!isKind(kind)) throw new UnreadableEffect(id, run, kind, 'this version of Purser does not know such a change')
  const reading = effectKinds[kind].read(row)
  if (!reading.ok) throw new UnreadableEffect(id, run, kind, reading.why)
  return { id, run, phase, target, status, at, settledAt, ...reading.content }
}

function isKind(kind: string): kind is EffectKind {
  return Object.hasOwn(effectKinds, kind)
}
