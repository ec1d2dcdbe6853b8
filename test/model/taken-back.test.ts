import { describe, expect, it } from 'vitest'
import type { Effect } from '../../src/model/effects/effects.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import { takenBack } from '../../src/model/taken-back.ts'
import { planUndo } from '../../src/model/undo-plan.ts'

const at = new Date('2026-01-05T10:00:00Z')
const common = { at, settledAt: at, status: 'applied' } as const
const migration = (run: number, target: string, status: Effect['status'] = 'applied'): Effect => ({
  ...common,
  id: run * 10,
  run,
  phase: 'migrate',
  kind: 'migration',
  target,
  status,
  before: { applied: false },
  after: { outcome: 'applied', milliseconds: 1 },
})
const swap = (run: number, status: Effect['status'] = 'applied'): Effect => ({
  ...common,
  id: run * 10 + 1,
  run,
  phase: 'swap',
  kind: 'database',
  target: 'valuecanvas',
  status,
  before: { live: 'valuecanvas', restored: 'r', kept: 'k', backup: 'b' },
  after: { milliseconds: 1 },
})
const restore = (number: number, lost: readonly string[], ...effects: readonly Effect[]) => ({
  number,
  plan: { migrationsLost: lost } as unknown as RestorePlan,
  effects,
})
const deploy = (number: number, ...effects: readonly Effect[]) => ({ number, plan: undefined, effects })

describe('which migrations a restore has taken back', () => {
  it.each<[string, Parameters<typeof takenBack>[0], readonly (readonly [string, number])[]]>([
    ['none, when nothing came later', [], []],
    ['those that its backup lacks', [restore(2, ['1_a.sql'], swap(2))], [['1_a.sql', 2]]],
    ['none, when it exchanged nothing', [restore(2, ['1_a.sql'])], []],
    ['none, when it was broken off', [restore(2, ['1_a.sql'], swap(2, 'started'))], []],
    ['none, when it was rolled back', [restore(2, ['1_a.sql'], swap(2, 'undone'))], []],
    [
      'none, when a deploy applied it again',
      [restore(2, ['1_a.sql'], swap(2)), deploy(3, migration(3, '1_a.sql'))],
      [],
    ],
    [
      'whatever order they are read in',
      [deploy(3, migration(3, '1_a.sql')), restore(4, ['1_a.sql'], swap(4)), restore(2, ['1_a.sql'], swap(2))],
      [['1_a.sql', 4]],
    ],
  ])('%s', (_, later, gone) => {
    expect([...takenBack(later)]).toEqual(gone)
  })
})

describe('what a rollback says of migrations', () => {
  const stays = (gone: readonly (readonly [string, number])[]) =>
    planUndo(1, [migration(1, '1_a.sql'), migration(1, '2_b.sql')], { strict: false, takenBack: new Map(gone) }).stays

  it('is that they stay applied, unless a restore took them back', () => {
    expect(stays([])).toEqual([
      'The schema is not rolled back: 1_a.sql, 2_b.sql stay applied. Going back further means restoring the backup.',
    ])
    expect(stays([['2_b.sql', 4]])).toEqual([
      'The schema is not rolled back: 1_a.sql stays applied. Going back further means restoring the backup.',
      'The restore #4 took 2_b.sql back already: the database no longer has it.',
    ])
    expect(
      stays([
        ['1_a.sql', 4],
        ['2_b.sql', 4],
      ]),
    ).toEqual(['The restore #4 took 1_a.sql, 2_b.sql back already: the database no longer has them.'])
  })
})
