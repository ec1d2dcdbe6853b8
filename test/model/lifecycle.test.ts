import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  can,
  countApprovals,
  initialState,
  type RunEvent,
  type RunEventType,
  type RunState,
  type Transition,
  transition,
} from '../../src/model/lifecycle.ts'
import { type PhaseName, phasesOf } from '../../src/model/kinds.ts'
import { type PhaseStatus, type RunStatus, settledStatuses } from '../../src/model/run.ts'

const statuses: readonly RunStatus[] = [
  'planning',
  'awaiting_approval',
  'executing',
  'cancelling',
  'failed',
  ...settledStatuses,
]

/** A deploy that has come to `phase`, which is in `status`; what comes before it has succeeded. */
function deployAt(
  status: RunStatus,
  phase: PhaseName,
  phaseStatus: PhaseStatus,
  more: Partial<RunState> = {},
): RunState {
  const names = phasesOf('deploy')
  const here = names.indexOf(phase)
  return {
    status,
    kind: 'deploy',
    dryRun: false,
    planHash: 'plan-1',
    approvalsNeeded: 1,
    rolledBackBy: undefined,
    approvals: [{ user: 'alex', decision: 'approved', planHash: 'plan-1' }],
    phases: names.map((name, at) => ({
      name,
      attempt: 1,
      status: at < here ? 'succeeded' : at === here ? phaseStatus : 'pending',
    })),
    ...more,
  }
}

const waiting = deployAt('awaiting_approval', 'preflight', 'pending', { approvals: [] })

function went(outcome: Transition): Extract<Transition, { ok: true }> {
  if (!outcome.ok) throw new Error(`refused: ${outcome.refusal.reason}`)
  return outcome
}

describe('which event may happen in which status', () => {
  const allowed: Record<RunEventType, readonly RunStatus[]> = {
    planned: ['planning'],
    approved: ['awaiting_approval'],
    rejected: ['awaiting_approval'],
    expired: ['awaiting_approval'],
    phase_succeeded: ['executing', 'cancelling'],
    phase_failed: ['planning', 'executing', 'cancelling'],
    plan_outdated: ['executing', 'cancelling'],
    retry: ['failed'],
    cancel: ['planning', 'awaiting_approval', 'executing'],
    stopped: ['cancelling'],
    leave: ['failed'],
  }
  it.each(Object.entries(allowed) as [RunEventType, readonly RunStatus[]][])('%s: only in %j', (type, where) => {
    for (const status of statuses) {
      expect([status, can(type, { status })]).toEqual([status, where.includes(status)])
      if (where.includes(status)) continue
      const event = { type, by: 'alex', planHash: 'plan-1', phase: 'migrate' } as RunEvent
      expect(transition(deployAt(status, 'migrate', 'running'), event)).toMatchObject({
        ok: false,
        refusal: { reason: 'wrong_status', status },
      })
    }
  })
})

describe('a deploy', () => {
  it('waits for approval once its plan is made', () => {
    expect(went(transition(deployAt('planning', 'plan', 'running'), { type: 'planned' }))).toEqual({
      ok: true,
      status: 'awaiting_approval',
      phases: [{ name: 'plan', status: 'succeeded', attempt: 1 }],
      enqueue: undefined,
    })
  })

  it('ends with its plan when it is a dry run, however many approvals it would need', () => {
    const run = deployAt('planning', 'plan', 'running', { dryRun: true })
    expect(went(transition(run, { type: 'planned' }))).toMatchObject({ status: 'planned', enqueue: undefined })
  })

  it('goes from its plan to its first phase by an approval only, never by a phase that says it is done', () => {
    const run = deployAt('planning', 'plan', 'running', { approvals: [] })
    expect(transition(run, { type: 'phase_succeeded', phase: 'plan' }).ok).toBe(false)
  })

  it('starts with the approval of the plan that was seen', () => {
    expect(went(transition(waiting, { type: 'approved', by: 'alex', planHash: 'plan-1' }))).toEqual({
      ok: true,
      status: 'executing',
      phases: [{ name: 'preflight', status: 'queued', attempt: 1 }],
      enqueue: 'preflight',
    })
  })

  it.each([
    ['another plan', waiting, 'plan-0', 'stale_plan'],
    ['a plan that is not there yet', { ...waiting, planHash: undefined }, '', 'stale_plan'],
    [
      'a second time by the same person',
      { ...waiting, approvalsNeeded: 2, approvals: [approvalOf('alex')] },
      'plan-1',
      'already_approved',
    ],
  ])('is not approved by a ticket for %s', (_, run, planHash, reason) => {
    expect(transition(run, { type: 'approved', by: 'alex', planHash })).toEqual({ ok: false, refusal: { reason } })
  })

  it('waits for as many different people as the policy says', () => {
    const one = { ...waiting, approvalsNeeded: 2 }
    expect(went(transition(one, { type: 'approved', by: 'alex', planHash: 'plan-1' }))).toMatchObject({
      status: 'awaiting_approval',
      enqueue: undefined,
    })
    const two = { ...one, approvals: [approvalOf('alex')] }
    expect(went(transition(two, { type: 'approved', by: 'bo', planHash: 'plan-1' })).status).toBe('executing')
  })

  it('does not count approvals of a former plan, nor a rejection', () => {
    const approvals = [
      approvalOf('alex', 'plan-0'),
      approvalOf('bo'),
      { user: 'cy', decision: 'rejected' as const, planHash: 'plan-1' },
    ]
    expect(countApprovals({ approvals, planHash: 'plan-1' })).toBe(1)
  })

  it('can be let on by someone who approved this very plan before it was made again', () => {
    const again = { ...waiting, approvals: [approvalOf('alex')] }
    expect(went(transition(again, { type: 'approved', by: 'alex', planHash: 'plan-1' })).status).toBe('executing')
  })

  it('goes phase by phase and succeeds with the last', () => {
    expect(
      went(transition(deployAt('executing', 'migrate', 'running'), { type: 'phase_succeeded', phase: 'migrate' })),
    ).toMatchObject({ status: 'executing', enqueue: 'rollout' })
    expect(
      went(transition(deployAt('executing', 'monitor', 'running'), { type: 'phase_succeeded', phase: 'monitor' })),
    ).toMatchObject({ status: 'succeeded', enqueue: undefined })
  })

  it.each(['phase_succeeded', 'phase_failed', 'plan_outdated'] as const)(
    'takes no %s from a phase that is not its turn',
    (type) => {
      for (const phase of ['preflight', 'rollout', 'undo'] as const)
        expect(transition(deployAt('executing', 'migrate', 'running'), { type, phase })).toMatchObject({
          ok: false,
          refusal: { reason: 'phase_not_under_way', phase },
        })
    },
  )

  it('fails with its phase; a retry runs that phase again as another attempt, and nothing before it', () => {
    const failed = went(transition(deployAt('executing', 'e2e', 'running'), { type: 'phase_failed', phase: 'e2e' }))
    expect(failed).toMatchObject({ status: 'failed', phases: [{ name: 'e2e', status: 'failed', attempt: 1 }] })
    expect(went(transition(deployAt('failed', 'e2e', 'failed'), { type: 'retry', by: 'dana' }))).toEqual({
      ok: true,
      status: 'executing',
      phases: [{ name: 'e2e', status: 'queued', attempt: 2 }],
      enqueue: 'e2e',
    })
  })

  it('plans again when the plan was what failed', () => {
    expect(went(transition(deployAt('failed', 'plan', 'failed'), { type: 'retry', by: 'dana' }))).toMatchObject({
      status: 'planning',
      enqueue: 'plan',
    })
  })

  it('is not retried once a rollback has taken its changes back', () => {
    const undone = deployAt('failed', 'e2e', 'failed', { rolledBackBy: 43 })
    expect(transition(undone, { type: 'retry', by: 'dana' })).toMatchObject({
      ok: false,
      refusal: { reason: 'taken_back', by: 43 },
    })
  })

  it('is not retried where no phase has failed', () => {
    const run = deployAt('failed', 'e2e', 'cancelled')
    expect(transition(run, { type: 'retry', by: 'dana' })).toEqual({
      ok: false,
      refusal: { reason: 'no_failed_phase' },
    })
  })

  it('with an outdated plan does everything anew: another commit has other tests and other migrations', () => {
    const outdated = went(
      transition(deployAt('executing', 'rollout', 'running'), { type: 'plan_outdated', phase: 'rollout' }),
    )
    expect(outdated).toMatchObject({ status: 'planning', enqueue: 'plan' })
    const attempts = Object.fromEntries(
      outdated.phases.map((phase) => [phase.name, `${phase.status} ${phase.attempt}`]),
    )
    expect(attempts).toEqual({ plan: 'queued 2', preflight: 'pending 2', migrate: 'pending 2', rollout: 'pending 2' })
  })

  it.each([
    ['planning', 'plan', 'running', 'cancelled'],
    ['awaiting_approval', 'preflight', 'pending', 'cancelled'],
    ['executing', 'migrate', 'running', 'cancelling'],
  ] as const)('cancelled while %s', (status, phase, phaseStatus, then) => {
    expect(went(transition(deployAt(status, phase, phaseStatus), { type: 'cancel', by: 'dana' })).status).toBe(then)
  })

  it.each([
    { type: 'stopped', phase: 'migrate' },
    { type: 'phase_succeeded', phase: 'migrate' },
    { type: 'phase_failed', phase: 'migrate' },
    { type: 'plan_outdated', phase: 'migrate' },
  ] as const)('that is being cancelled ends when its phase ends by $type', (event) => {
    expect(went(transition(deployAt('cancelling', 'migrate', 'running'), event))).toMatchObject({
      status: 'cancelled',
      enqueue: undefined,
    })
  })
})

describe('where a run begins', () => {
  const phases = (...names: PhaseName[]) => names.map((name) => ({ name, status: 'pending' as const, attempt: 1 }))
  it.each([
    ['a deploy by planning', 'deploy', 1, phases('plan', 'preflight'), 'planning', 'plan'],
    ['a rollback at once when nobody must approve it', 'rollback', 0, phases('undo', 'check'), 'executing', 'undo'],
    [
      'a rollback by waiting when somebody must',
      'rollback',
      1,
      phases('undo', 'check'),
      'awaiting_approval',
      undefined,
    ],
    ['a verify at once', 'verify', 0, phases('verify'), 'executing', 'verify'],
  ] as const)('%s', (_, kind, approvalsNeeded, its, status, enqueue) => {
    expect(initialState({ kind, approvalsNeeded, phases: its })).toEqual({ status, enqueue })
  })
})

describe('whatever happens, in whatever order', () => {
  const user = fc.constantFrom('alex', 'bo', 'dana')
  const hash = fc.constantFrom('plan-1', 'plan-2', 'plan-3', '')
  const phase = fc.constantFrom(...phasesOf('deploy'), ...phasesOf('rollback'))
  const event: fc.Arbitrary<RunEvent> = fc.oneof(
    fc.record({ type: fc.constantFrom('approved' as const), by: user, planHash: hash }),
    fc.record({
      type: fc.constantFrom('rejected' as const, 'retry' as const, 'cancel' as const, 'leave' as const),
      by: user,
    }),
    fc.record({ type: fc.constantFrom('planned' as const, 'expired' as const) }),
    fc.record({ type: fc.constantFrom('phase_failed' as const, 'plan_outdated' as const, 'stopped' as const), phase }),
    // Mostly things go well, so that runs come far.
    { weight: 4, arbitrary: fc.record({ type: fc.constant('phase_succeeded' as const), phase }) },
  )
  /** Half of the time an event about a phase is about the one whose turn it is, and an approval about the plan as it stands. */
  const happening = fc.record({ event, apt: fc.boolean(), newHash: hash.filter((it) => it !== '') })
  const start = fc
    .record({
      kind: fc.constantFrom('deploy' as const, 'rollback' as const),
      dryRun: fc.boolean(),
      approvalsNeeded: fc.nat(2),
    })
    .map(({ kind, dryRun, approvalsNeeded }): RunState => {
      const phases = phasesOf(kind).map((name) => ({ name, status: 'pending' as PhaseStatus, attempt: 1 }))
      const { status, enqueue } = initialState({ kind, approvalsNeeded, phases })
      return {
        kind,
        dryRun: kind === 'deploy' && dryRun,
        approvalsNeeded,
        status,
        planHash: kind === 'deploy' ? undefined : 'plan-1',
        approvals: [],
        rolledBackBy: undefined,
        phases: phases.map((it) => (it.name === enqueue ? { ...it, status: 'queued' } : it)),
      }
    })

  it('the run stays in order', () => {
    fc.assert(
      fc.property(start, fc.array(happening, { minLength: 1, maxLength: 60 }), (first, happenings) => {
        let run = first
        holds(run)
        for (const it of happenings) {
          const about = apt(it, run)
          const outcome = transition(run, about)
          if (!outcome.ok) continue
          if (settledStatuses.includes(run.status)) throw new Error(`${run.status} became ${outcome.status}`)
          const queued = outcome.phases.find((change) => change.name === outcome.enqueue)
          if (outcome.enqueue !== undefined && queued?.status !== 'queued')
            throw new Error(`${outcome.enqueue} is not queued`)
          run = after(run, about, outcome, it.newHash)
          holds(run)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('and good fortune brings every run to its end', () => {
    let run = deployAt('planning', 'plan', 'queued', { approvals: [], planHash: undefined })
    run = after(run, { type: 'planned' }, went(transition(run, { type: 'planned' })), 'plan-1')
    const approval = { type: 'approved', by: 'alex', planHash: 'plan-1' } as const
    run = after(run, approval, went(transition(run, approval)), 'plan-1')
    for (const name of phasesOf('deploy').slice(1)) {
      const done = { type: 'phase_succeeded', phase: name } as const
      run = after(run, done, went(transition(run, done)), 'plan-1')
    }
    expect(run.status).toBe('succeeded')
  })
})

function approvalOf(user: string, planHash = 'plan-1') {
  return { user, decision: 'approved' as const, planHash }
}

function apt({ event, apt }: { event: RunEvent; apt: boolean }, run: RunState): RunEvent {
  const turn = run.phases.find((it) => it.status === 'queued' || it.status === 'running')
  if (!apt) return event
  if ('phase' in event && turn !== undefined) return { ...event, phase: turn.name }
  return event.type === 'approved' ? { ...event, planHash: run.planHash ?? '' } : event
}

/** What the store does with a transition. */
function after(run: RunState, event: RunEvent, outcome: Extract<Transition, { ok: true }>, newHash: string): RunState {
  const approved = event.type === 'approved' ? [approvalOf(event.by, event.planHash)] : []
  return {
    ...run,
    status: outcome.status,
    planHash: event.type === 'planned' ? newHash : run.planHash,
    approvals: [...run.approvals, ...approved],
    phases: run.phases.map((it) => ({ ...it, ...outcome.phases.find((change) => change.name === it.name) })),
  }
}

function holds(run: RunState): void {
  const wrong = (what: string) => new Error(`${what}: ${JSON.stringify(run)}`)
  const open = run.phases.filter((it) => it.status === 'queued' || it.status === 'running')
  if (open.length > 1) throw wrong('two phases at a time')
  const working = ['planning', 'executing', 'cancelling'].includes(run.status)
  if (working !== (open.length === 1)) throw wrong('a run works exactly while one of its phases is under way')
  const firstUndone = run.phases.findIndex((it) => it.status !== 'succeeded')
  if (firstUndone >= 0 && run.phases.slice(firstUndone).some((it) => it.status === 'succeeded'))
    throw wrong('a phase succeeded before its turn')
  if (run.status === 'succeeded' && firstUndone >= 0) throw wrong('succeeded with phases left')
  const holdsSlot = run.status === 'executing' || run.status === 'cancelling' || run.status === 'succeeded'
  if (holdsSlot && countApprovals(run) < run.approvalsNeeded) throw wrong('executing without its approvals')
  if (run.dryRun && run.phases.some((it) => it.name !== 'plan' && it.status !== 'pending'))
    throw wrong('a dry run did something')
}
