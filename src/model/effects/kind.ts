import { z } from 'zod'

export interface UndoOptions {
  /**
   * Whether the runbook's literal steps are forced: disabling the endpoint and deleting the CronJobs even when they
   * were there before.
   */
  readonly strict: boolean
  /** Migrations of the run that a later restore took out of the database again, each with that restore's run. */
  readonly takenBack?: ReadonlyMap<string, number>
}

/**
 * Where a rollback puts an effect back. Pods read the Secret when they start, so what they read is put back before
 * them, and what only the new pods believe goes after them. The service's own pods come before those of others, as in
 * the deploy. Effects of a kind without a place are put back newest first.
 */
export type UndoPlace = 'before pods' | 'own pods' | 'other pods' | 'after pods'

interface Described<B> {
  readonly target: string
  readonly before: B
}

/** How the state database holds an effect. */
interface Stored<K extends string, B extends z.ZodType, A extends z.ZodType> {
  readonly kind: K
  /**
   * The schema of what was there before the change. Records of older versions are read too, so a new field is optional.
   */
  readonly before: B
  /** The schema of what is known of it after the change. */
  readonly after: A
}

export interface Telling<B> {
  /** Says to whoever confirms what stays as it is. `effects` are all of this kind, the newest first. */
  stays?(effects: readonly Described<B>[], options: UndoOptions): readonly string[]
}

/**
 * The name of a field that may be true. It is named, not asked by a function, because the state database asks for it as
 * well.
 */
type Flag<T> = { [F in keyof T]-?: true extends T[F] ? F : never }[keyof T] & string

export interface Undoing<B, A> extends Telling<B> {
  /** Words what is undone in one line, for the dialog and the board. */
  undoLine(effect: Described<B>, options: UndoOptions): string
  /** The field that is true when the run itself has put it back: nothing is left for a rollback. */
  readonly backWhen?: Flag<A>
  /**
   * The field that is true when what stood there before was of no use any more: only a strict rollback puts it back.
   */
  readonly unusableWhen?: Flag<B>
  place?(before: B): UndoPlace | undefined
}

/** An effect of this kind as the state database holds it, read; or why it cannot be read. */
type Reading<K extends string, B, A> =
  | { readonly ok: true; readonly content: { readonly kind: K; readonly before: B; readonly after: A | undefined } }
  | { readonly ok: false; readonly why: string }

interface Readable<K extends string, B extends z.ZodType, A extends z.ZodType> extends Stored<K, B, A> {
  read(row: { readonly before: unknown; readonly after: unknown }): Reading<K, z.output<B>, z.output<A>>
}

/** A kind that a rollback puts back, by a function in `src/runbook/rollback/undo/`. */
interface UndoableKind<K extends string, B extends z.ZodType, A extends z.ZodType>
  extends Readable<K, B, A>, Undoing<z.output<B>, z.output<A>> {
  readonly undoable: true
}

/** A kind that a rollback never puts back. */
interface LastingKind<K extends string, B extends z.ZodType, A extends z.ZodType>
  extends Readable<K, B, A>, Telling<z.output<B>> {
  readonly undoable: false
}

/** Makes a kind of effect that a rollback puts back. */
export function undoable<const K extends string, B extends z.ZodType, A extends z.ZodType>(
  kind: Stored<K, B, A> & Undoing<z.output<B>, z.output<A>>,
): UndoableKind<K, B, A> {
  return { ...kind, undoable: true, read: readerOf(kind) }
}

/** Makes a kind of effect that no rollback puts back. */
export function lasting<const K extends string, B extends z.ZodType, A extends z.ZodType>(
  kind: Stored<K, B, A> & Telling<z.output<B>>,
): LastingKind<K, B, A> {
  return { ...kind, undoable: false, read: readerOf(kind) }
}

function readerOf<K extends string, B extends z.ZodType, A extends z.ZodType>({
  kind,
  before,
  after,
}: Stored<K, B, A>): Readable<K, B, A>['read'] {
  return (row) => {
    const stood = before.safeParse(row.before)
    if (!stood.success) return { ok: false, why: `before: ${z.prettifyError(stood.error)}` }
    // Nothing is known of it while the change is under way, and some changes have nothing to tell.
    if (row.after === null || row.after === undefined)
      return { ok: true, content: { kind, before: stood.data, after: undefined } }
    const stands = after.safeParse(row.after)
    if (!stands.success) return { ok: false, why: `after: ${z.prettifyError(stands.error)}` }
    return { ok: true, content: { kind, before: stood.data, after: stands.data } }
  }
}
