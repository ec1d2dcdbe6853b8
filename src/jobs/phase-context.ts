import type { EnvironmentConfig } from '../config/environment-schema.ts'
import type { ServiceConfig } from '../config/service-schema.ts'
import type { AfterOf, EffectKind } from '../model/effects/effects.ts'
import type { Change, PhaseContext, PhaseRecords } from '../runbook/phase.ts'
import { CheckFailed } from '../runbook/errors.ts'
import type { World } from '../runbook/world.ts'
import { isListed } from '../model/listed-effect.ts'
import type { Run } from '../model/run.ts'
import type { PhaseStore } from '../store/phases.ts'
import type { Claim } from '../store/fence.ts'
import type { RecordedSteps } from './recorded-steps.ts'
import { phaseBackups } from '../store/backups.ts'
import { phaseReleases } from '../store/releases.ts'
import { phaseSamples } from '../store/samples.ts'
import { phaseEffects } from '../store/effects.ts'
import { phaseWatch } from '../store/phase-watch.ts'

/*
 * What the executor hands a phase function, which knows no queue, no Slack and no clock. `step` and `change` remember
 * what was done, `report` and `tell` speak through the state database, `records` are the stores bound to this claim.
 * After a crash another worker calls the whole function again: a finished step gives back what was stored, one that was
 * under way runs again, and a change keeps its first record of what was there before. All of it is fenced: once another
 * worker has the phase, every write here raises FencedOut and the signal fires.
 */

interface ContextInput {
  readonly claim: Claim
  readonly run: Run
  readonly service: ServiceConfig
  readonly environment: EnvironmentConfig
  readonly world: World
  readonly phases: PhaseStore
  readonly steps: RecordedSteps
  readonly publish: (run: number) => Promise<void>
  readonly signal: AbortSignal
  readonly progressed: () => void
}

/**
 * Makes the phase's view of the state database: every write goes through the claim, so a late worker can write nothing.
 */
export function contextFor(input: ContextInput): PhaseContext {
  const { claim, phases, signal } = input
  let progress = ''
  const context: PhaseContext = {
    run: input.run,
    service: input.service,
    environment: input.environment,
    world: input.world,
    signal,
    records: recordsFor(claim, input.run.environment, phases),

    step: (name, act) => input.steps.run(name, act, signal),

    async change<K extends EffectKind, A extends AfterOf<K>>(name: string, change: Change<K, A>): Promise<A> {
      requireListed(input.run, change)
      const act = async () => {
        const effect = await phases.beginEffect(claim, change.kind, change.target, () => change.before(signal))
        signal.throwIfAborted()
        const after = await change.act(effect.before, signal)
        await phases.settleEffect(claim, effect.id, 'applied', after)
        return after
      }
      return input.steps.run<A>(name, act, signal)
    },

    async report(line) {
      await phases.report(claim, line)
      await input.publish(claim.run)
    },

    async progress(line) {
      if (line !== progress) input.progressed()
      progress = line
      await context.report(line)
    },

    async tell(post, key) {
      await phases.post(claim, post, key)
      await input.publish(claim.run)
    },
  }
  return context
}

/** The approved plan is the deed: what it does not list is not done. Raises CheckFailed (`effect_not_planned`). */
function requireListed(run: Run, { kind, target }: { readonly kind: EffectKind; readonly target: string }): void {
  if (isListed(run.plan, { kind, target })) return
  throw new CheckFailed(
    'effect_not_planned',
    `changing ${kind} ${target}: the plan of run #${run.number} does not list it`,
    {
      hint: 'Nothing was changed by it. Start the run again: the new plan lists what is needed now.',
    },
  )
}

function recordsFor(claim: Claim, environment: string, phases: PhaseStore): PhaseRecords {
  const fence = phases.fence(claim, environment)
  return {
    ...phaseBackups(fence),
    ...phaseReleases(fence),
    ...phaseSamples(fence),
    ...phaseEffects(fence),
    watch: phaseWatch(fence),
    settle: (effect, after) => phases.settleEffect(claim, effect.id, 'applied', after),
    undone: (effect) => phases.settleEffect(claim, effect, 'undone'),
  }
}
