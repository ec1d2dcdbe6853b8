import { setTimeout as pause } from 'node:timers/promises'
import type { Effect } from '../../model/effects/effects.ts'
import type { Verification } from '../../model/run.ts'
import type { UndoPlan } from '../../model/undo-plan.ts'
import { type CheckBefore, comparedWith, type Excuse, worseLines } from '../../model/well-again.ts'
import { counted } from '../../text.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'
import { lookAround, summaryOf } from './verify.ts'

/*
 * A restore and a rollback end well when what passed before them passes again. The checks of `/billing verify` are made
 * before the first change of the run, once, whatever attempt it is: afterwards the service may already be stopped.
 */

/** The step whose result is compared; its name is a key of the state database. */
const lookStep = 'look how the service is before'
/** An emergency does not wait long for a look that hangs: what is not seen by then counts as not passed. */
const lookSeconds = 5

/** Makes the checks before anything changes, to compare with. Safe to repeat: the first look of the run stays. */
export async function lookBefore(context: PhaseContext): Promise<void> {
  await context.report('looking how the service is, to compare afterwards')
  await context.step(lookStep, async () => {
    const earlier = await context.records.firstResultOf(lookStep)
    if (earlier !== undefined) return earlier
    const { timeoutSeconds } = context.service.verify
    return checksOf(await lookAround(context, Math.min(timeoutSeconds, lookSeconds))).map(
      ({ name, verdict, value }) => ({ name, verdict, value }),
    )
  })
}

const looks = 3
const pauseMs = 3_000

/**
 * Looks whether what passed before passes again, and says what was seen. Raises CheckFailed of this code with the
 * evidence when it does not; what has only just started gets a second and a third look.
 */
export async function wellAgain(
  context: PhaseContext,
  code: 'restored_not_well' | 'rolled_back_not_well',
  what: string,
  excuse: Excuse,
): Promise<{ readonly line: string; readonly verification: Verification }> {
  await context.report('making the checks again that were made before')
  const before = (await context.records.firstResultOf(lookStep)) as readonly CheckBefore[] | null | undefined
  for (let look = 1; ; look += 1) {
    const verification = await lookAround(context)
    const all = checksOf(verification)
    // A run that was begun by an earlier version of Purser has not looked: what is not good is told, and compared with nothing.
    if (before === undefined || before === null)
      return { line: `${summaryOf(all)}, nobody looked before`, verification }
    const { worse, excused, again } = comparedWith(before, all, excuse)
    if (worse.length === 0) {
      const apart = excused.length === 0 ? '' : `, ${excused.length} left out: ${excused[0]?.because ?? ''}`
      if (excused.length > 0) await context.tell({ kind: 'note', text: excusedText(excused) }, 'excused checks')
      return {
        line: `${counted(again, 'check')} that passed before ${again === 1 ? 'passes' : 'pass'} again${apart}`,
        verification,
      }
    }
    if (look < looks) {
      await pause(pauseMs, undefined, { signal: context.signal })
      continue
    }
    await context.tell({ kind: 'verification', verification })
    throw new CheckFailed(
      code,
      `${what}, but not well: ${worse.map(({ check }) => check.title).join(', ')} passed before, and ${worse.length === 1 ? 'does' : 'do'} not now`,
      { evidence: worseLines(worse), hint: 'Diagnose it first. Then check again or roll back.' },
    )
  }
}

function excusedText(excused: ReturnType<typeof comparedWith>['excused']): string {
  return [
    'These checks passed before and do not apply now:',
    ...excused.map(({ check, because }) => `• ${check.title}: ${because}`),
  ].join('\n')
}

function checksOf({ counts, state }: Verification) {
  return [...counts, ...state]
}

/**
 * Excuses the checks of what was put back to nothing: endpoints of which none is enabled any more, a CronJob that is
 * deleted. Of an endpoint with its events of then only the warning that it needs others is excused. Pure.
 */
export function takenAway(plan: UndoPlan, effects: readonly Effect[], because: string): Excuse {
  const put = plan.steps.flatMap(({ effect: id }) => effects.filter((one) => one.id === id))
  const endpoints = put.filter((effect) => effect.kind === 'stripe-endpoint')
  const serves = endpoints.some(
    ({ before }) => before.insteadOf !== undefined || (before.id !== null && before.status === 'enabled'),
  )
  const gone = new Set(
    put.flatMap((effect) =>
      effect.kind === 'cronjob' && effect.before.manifest === null ? [`cronjob-${effect.target}`] : [],
    ),
  )
  if (endpoints.length > 0 && !serves) for (const name of ['endpoint', 'webhook', 'received']) gone.add(name)
  return ({ name, verdict }) => {
    const otherEvents = name === 'endpoint' && endpoints.length > 0 && verdict === 'warn'
    return gone.has(name) || otherEvents ? because : undefined
  }
}
