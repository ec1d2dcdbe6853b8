import { z } from 'zod'
import type { ChainedEvent } from './audit-chain.ts'
import { hashOfPlan } from './deploy-plan.ts'
import { canonicalJson } from './json.ts'
import type { Run } from './run.ts'

/*
 * What the audit knows of the tables. Approvals, effects and states of runs are rows that can be changed; the event of each
 * change holds the row as it was written, so that a verification can compare.
 */

export interface ApprovalFacts {
  readonly user: string
  readonly decision: string
  readonly planHash: string
  readonly reason: string | null
  readonly at: string
}

export interface EffectFacts {
  readonly id: number
  readonly phase: string
  readonly kind: string
  readonly target: string
  readonly before: unknown
  readonly after: unknown
  readonly status: string
  readonly at: string
}

/** A run as the tables have it, as far as the audit tells it too. */
export interface RunRecords {
  readonly status: string
  readonly planHash: string | null
  /** Of what the plan holds; its hash is the one that was approved, and the plan beside it may be changed. */
  readonly planContent: string | null
  readonly approvals: readonly ApprovalFacts[]
  readonly effects: readonly EffectFacts[]
}

export interface Difference {
  readonly kind: 'differs'
  readonly run: number
  readonly of:
    | { readonly row: 'run' }
    | { readonly row: 'approval'; readonly user: string }
    | { readonly row: 'effect'; readonly id: number; readonly target: string }
  /** `no_event`: the audit knows nothing of the row. `no_row`: the row is gone. */
  readonly how: 'changed' | 'no_event' | 'no_row'
  readonly fields: readonly string[]
  /** The event that tells otherwise. */
  readonly sequence: number | undefined
}

const approval = z.object({
  user: z.string(),
  decision: z.string(),
  planHash: z.string(),
  reason: z.string().nullable(),
  at: z.string(),
})
const effect = z.object({
  id: z.number(),
  phase: z.string(),
  kind: z.string(),
  target: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  status: z.string(),
  at: z.string(),
})
const factsOfRun = z.object({
  status: z.string().optional(),
  planHash: z.string().nullish(),
  planContent: z.string().nullish(),
  approval: approval.optional(),
  approvals: z.array(approval).optional(),
  effect: effect.optional(),
  effects: z.array(effect).optional(),
})

type RunFacts = Pick<RunRecords, 'status' | 'planHash' | 'planContent'>

/** What an event of a run says of it. */
export function factsOf(run: Pick<Run, 'status' | 'planHash' | 'plan'>): RunFacts {
  const { status, planHash = null, plan } = run
  return { status, planHash, planContent: plan === undefined ? null : hashOfPlan(plan) }
}

interface Told<T> {
  readonly value: T
  readonly sequence: number
}

interface Story {
  run: Told<RunFacts> | undefined
  readonly approvals: Map<string, Told<ApprovalFacts>>
  readonly effects: Map<string, Told<EffectFacts>>
}

/** What of the tables is not as the events of this run, in their order, tell it. */
export function differencesOf(
  run: number,
  events: readonly Pick<ChainedEvent, 'sequence' | 'facts'>[],
  records: RunRecords | undefined,
): readonly Difference[] {
  const story = storyOf(events)
  const of = { row: 'run' } as const
  if (story.run === undefined)
    return records === undefined ? [] : [{ kind: 'differs', run, of, how: 'no_event', fields: [], sequence: undefined }]
  if (records === undefined)
    return [{ kind: 'differs', run, of, how: 'no_row', fields: [], sequence: story.run.sequence }]
  const { approvals, effects, ...facts } = records
  const fields = changedFields(story.run.value, facts)
  const { sequence } = story.run
  return [
    ...(fields.length === 0 ? [] : [{ kind: 'differs' as const, run, of, how: 'changed' as const, fields, sequence }]),
    ...compare(run, story.approvals, byKey(approvals, keyOfApproval), ({ user }) => ({ row: 'approval', user })),
    ...compare(run, story.effects, byKey(effects, keyOfEffect), ({ id, kind, target }) => ({
      row: 'effect',
      id,
      target: `${kind} ${target}`,
    })),
  ]
}

function storyOf(events: readonly Pick<ChainedEvent, 'sequence' | 'facts'>[]): Story {
  const story: Story = { run: undefined, approvals: new Map(), effects: new Map() }
  for (const { sequence, facts } of events) {
    const told = factsOfRun.safeParse(facts).data
    if (told === undefined) continue
    if (told.status !== undefined)
      story.run = {
        value: { status: told.status, planHash: told.planHash ?? null, planContent: told.planContent ?? null },
        sequence,
      }
    for (const value of [...(told.approvals ?? []), ...(told.approval === undefined ? [] : [told.approval])])
      story.approvals.set(keyOfApproval(value), { value, sequence })
    for (const value of [...(told.effects ?? []), ...(told.effect === undefined ? [] : [told.effect])])
      story.effects.set(keyOfEffect(value), { value, sequence })
  }
  return story
}

function keyOfApproval({ user, planHash }: ApprovalFacts): string {
  return `${user} ${planHash}`
}

function keyOfEffect({ id }: EffectFacts): string {
  return String(id)
}

function byKey<T>(rows: readonly T[], keyOf: (row: T) => string): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [keyOf(row), row]))
}

function compare<T extends object>(
  run: number,
  told: ReadonlyMap<string, Told<T>>,
  rows: ReadonlyMap<string, T>,
  nameOf: (row: T) => Difference['of'],
): readonly Difference[] {
  const changed = [...told].flatMap(([key, { value, sequence }]): Difference[] => {
    const row = rows.get(key)
    const of = nameOf(value)
    if (row === undefined) return [{ kind: 'differs', run, of, how: 'no_row', fields: [], sequence }]
    const fields = changedFields(value, row)
    return fields.length === 0 ? [] : [{ kind: 'differs', run, of, how: 'changed', fields, sequence }]
  })
  const unknown = [...rows]
    .filter(([key]) => !told.has(key))
    .map(([, row]): Difference => ({
      kind: 'differs',
      run,
      of: nameOf(row),
      how: 'no_event',
      fields: [],
      sequence: undefined,
    }))
  return [...changed, ...unknown]
}

function changedFields(told: object, row: object): readonly string[] {
  const [a, b] = [new Map<string, unknown>(Object.entries(told)), new Map<string, unknown>(Object.entries(row))]
  return [...new Set([...a.keys(), ...b.keys()])].filter(
    (name) => canonicalJson(a.get(name) ?? null) !== canonicalJson(b.get(name) ?? null),
  )
}
