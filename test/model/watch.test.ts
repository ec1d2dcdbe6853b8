import { describe, expect, it } from 'vitest'
import type { Run, RunWatch, WatchDecision } from '../../src/model/run.ts'
import { watchChoices, type WatchRefusal, whyNotDecide } from '../../src/model/watch.ts'
import { executing } from '../messages/example-runs.ts'

const breach = { at: '2026-01-05T10:00:00Z', text: 'Error lines: 3' }
const decided = (kind: WatchDecision): NonNullable<RunWatch['decision']> => ({
  kind,
  by: 'UALEX',
  at: new Date(),
  reason: undefined,
  undo: undefined,
})

/** A deploy whose release is being watched. */
function watched(more: Partial<RunWatch> = {}): Run {
  const phases = executing.phases.map((phase) => ({
    ...phase,
    status: phase.name === 'monitor' ? ('running' as const) : ('succeeded' as const),
  }))
  const attempt = phases.find(({ name }) => name === 'monitor')?.attempt ?? 1
  const watch = { attempt, beganAt: new Date(), endsAt: new Date(), breach: undefined, decision: undefined, ...more }
  return { ...executing, phases, watch }
}

describe('what may be decided while a release is watched', () => {
  it.each<[string, Run, readonly WatchDecision[]]>([
    ['while all is well, only its end', watched(), ['finish']],
    ['once a rule is broken, what becomes of it', watched({ breach }), ['roll_back', 'keep', 'stop']],
    ['by whoever kept watching, the end', watched({ breach, decision: decided('keep') }), ['roll_back', 'stop']],
    ['after its end was decided, nothing', watched({ breach, decision: decided('stop') }), []],
    ['by nobody once its phase is over', { ...watched({ breach }), status: 'failed' }, []],
    ['of a former attempt, nothing', watched({ breach, attempt: 9 }), []],
  ])('%s', (_, run, choices) => {
    expect(watchChoices(run)).toEqual(choices)
  })

  it.each<[WatchRefusal, Run, WatchDecision]>([
    [{ reason: 'not_watched' }, { ...watched(), status: 'succeeded' }, 'finish'],
    [{ reason: 'same_decision' }, watched({ breach, decision: decided('keep') }), 'keep'],
    [{ reason: 'other_decision', decision: 'stop' }, watched({ breach, decision: decided('stop') }), 'keep'],
    [{ reason: 'nothing_broken' }, watched(), 'stop'],
    [{ reason: 'rule_broken' }, watched({ breach }), 'finish'],
  ])('is refused: %j', (refusal, run, decision) => {
    expect(whyNotDecide(run, decision)).toEqual(refusal)
  })

  it('is not refused what its buttons offer', () => {
    for (const run of [watched(), watched({ breach }), watched({ breach, decision: decided('keep') })])
      for (const choice of watchChoices(run)) expect(whyNotDecide(run, choice)).toBeUndefined()
  })
})
