import type { Configuration } from './configuration.ts'
import type { RollbackTarget } from './rollback-target.ts'
import {
  type AfterOf,
  allEffectKinds,
  type BeforeOf,
  canBeUndone,
  type Effect,
  type EffectKind,
  effectKinds,
  type EffectRecord,
  type UndoableEffectKind,
} from './effects/effects.ts'
import type { Telling, Undoing, UndoOptions, UndoPlace } from './effects/kind.ts'
/*
 * What a rollback undoes, decided purely from the recorded effects of a run. The dialog shows the list and its
 * confirmation makes it again and compares; the reconciler makes it where the policy decides. The confirmed list is the
 * plan of the rollback, whose phase `undo` puts back exactly its steps, in its order: each names the oldest record of
 * its target, and every record that it covers is marked as undone with it. A rollback that a crash broke off goes on
 * with the same list; what was put back is in no later one.
 */

export interface UndoStep {
  /** The oldest record of this target: it tells what was there before the run. */
  readonly effect: number
  /** All records that are settled with it. */
  readonly covers: readonly number[]
  readonly kind: EffectKind
  readonly target: string
  /** What is undone, in one line for the dialog and the board. */
  readonly line: string
}

/** What a rollback will undo, exactly and newest first, and what it will not. */
export interface UndoPlan {
  readonly kind: 'undo'
  readonly run: number
  readonly steps: readonly UndoStep[]
  /** What stays as it is, said plainly to whoever confirms. */
  readonly stays: readonly string[]
  /** What will run, as far as it was seen; missing when the Deployment is not put back. */
  readonly rollbackTarget?: RollbackTarget
  /** The settings of purser.yaml under which it was confirmed; missing in runs of earlier versions. */
  readonly configuration?: Configuration
}

/** The table of kinds once more, typed so that a function of any kind can ask it with the records of that kind. */
const undoing: { readonly [K in UndoableEffectKind]: Undoing<BeforeOf<K>, AfterOf<K>> } = effectKinds
const telling: { readonly [K in EffectKind]: Telling<BeforeOf<K>> } = effectKinds

/**
 * Makes the list in the dialog from the recorded effects. `strict` forces the runbook's literal steps (disable the
 * endpoint and delete the CronJobs even when they were there before). Pure.
 */
export function planUndo(run: number, effects: readonly Effect[], options: UndoOptions): UndoPlan {
  const open = effects.filter(isOpen).sort((a, b) => b.id - a.id)
  const undoable = open.filter(canBeUndone)
  const steps: PlacedStep[] = []
  for (const newest of undoable) {
    const same = undoable.filter((one) => one.kind === newest.kind && one.target === newest.target)
    const oldest = same.at(-1) ?? newest
    if (newest !== same[0] || (isUnusable(oldest) && !options.strict)) continue
    const { id, kind, target } = oldest
    const covers = same.map((one) => one.id)
    steps.push({ step: { effect: id, covers, kind, target, line: undoLine(oldest, options) }, place: placeOf(oldest) })
  }
  const stays = allEffectKinds.flatMap((kind) => staysOf(kind, open, options))
  const ordered = databaseFirst(aroundPods(steps).map(({ step }) => step))
  return { kind: 'undo', run, steps: ordered, stays: [...new Set(stays)] }
}

/** Tells whether neither a rollback nor the run itself has put it back. */
export function isOpen(effect: Effect): boolean {
  return effect.status !== 'undone' && !(canBeUndone(effect) && isBack(effect))
}

interface PlacedStep {
  readonly step: UndoStep
  readonly place: UndoPlace | undefined
}

/** Sorts the newest first, except for what pods depend on: see `UndoPlace`. */
function aroundPods(steps: readonly PlacedStep[]): readonly PlacedStep[] {
  const first = steps.findIndex(({ place }) => place === 'own pods' || place === 'other pods')
  if (first < 0) return steps
  const [earlier, from] = [steps.slice(0, first), steps.slice(first)]
  const at = (some: readonly PlacedStep[], ...places: readonly PlacedStep['place'][]) =>
    some.filter(({ place }) => places.includes(place))
  return [
    ...at(earlier, 'before pods', undefined),
    ...at(from, 'before pods'),
    ...at(from, 'own pods', undefined),
    ...at(from, 'other pods'),
    ...at(steps, 'after pods'),
  ]
}

/**
 * Puts the database of a restore first: the service is stopped for it, and what else the restore has changed is put back
 * in the same downtime.
 */
function databaseFirst(steps: readonly UndoStep[]): readonly UndoStep[] {
  return [...steps.filter(({ kind }) => kind === 'database'), ...steps.filter(({ kind }) => kind !== 'database')]
}

/** Tells the rollback of a restore: with the database comes the schema on which the version that comes back ran. */
export function putsDatabaseBack({ steps }: Pick<UndoPlan, 'steps'>): boolean {
  return steps.some(({ kind }) => kind === 'database')
}

/** Binds the plan to what whoever confirms it has seen. Pure. */
export function withRollbackTarget(plan: UndoPlan, rollbackTarget: RollbackTarget): UndoPlan {
  if (rollbackTarget.kind === 'unseen' || rollbackTarget.to === null) return { ...plan, rollbackTarget }
  const { version, image, revision } = rollbackTarget.to
  const line = (target: string) => `Deployment ${target}: back to ${version ?? image} (revision ${revision})`
  const steps = plan.steps.map((step) => (step.kind === 'image' ? { ...step, line: line(step.target) } : step))
  return { ...plan, steps, rollbackTarget }
}

function undoLine<K extends UndoableEffectKind>(effect: EffectRecord<K>, options: UndoOptions): string {
  return undoing[effect.kind].undoLine(effect, options)
}

function placeOf<K extends UndoableEffectKind>({ kind, before }: EffectRecord<K>): UndoPlace | undefined {
  return undoing[kind].place?.(before)
}

function isBack<K extends UndoableEffectKind>({ kind, after }: EffectRecord<K>): boolean {
  return holds(after, undoing[kind].backWhen)
}

function isUnusable<K extends UndoableEffectKind>({ kind, before }: EffectRecord<K>): boolean {
  return holds(before, undoing[kind].unusableWhen)
}

function holds(record: object | null | undefined, flag: string | undefined): boolean {
  return Object.entries(record ?? {}).some(([field, value]) => field === flag && value === true)
}

function staysOf<K extends EffectKind>(
  kind: K,
  open: readonly EffectRecord<EffectKind>[],
  options: UndoOptions,
): readonly string[] {
  const same = open.filter((effect): effect is EffectRecord<K> => effect.kind === kind)
  return telling[kind].stays?.(same, options) ?? []
}
