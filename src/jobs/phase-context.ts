import type { EnvironmentConfig } from '../config/environment-schema.ts'
import type { ServiceConfig } from '../config/service-schema.ts'
import type { AfterOf, EffectKind } from '../model/effects/effects.ts'
import type { Change, PhaseContext, PhaseRecords } from '../runbook/phase.ts'
import type { World } from '../runbook/world.ts'
import type { Json } from '../model/json.ts'
import type { Run } from '../model/run.ts'
import type { Claim, PhaseStore } from '../store/phases.ts'
import { watchRecords } from './watch-records.ts'

interface ContextInput {
  readonly claim: Claim
  readonly run: Run
  readonly service: ServiceConfig
  readonly environment: EnvironmentConfig
  readonly world: World
  readonly phases: PhaseStore
  readonly publish: (run: number) => Promise<void>
  readonly signal: AbortSignal
}

/** The phase's view of the state database: every write goes through the claim, so a late worker can write nothing. */
export function contextFor(input: ContextInput): PhaseContext {
  const { claim, phases, signal } = input
  const context: PhaseContext = {
    run: input.run,
    service: input.service,
    environment: input.environment,
    world: input.world,
    signal,
    records: recordsFor(claim, input.run.environment, phases),

    async step<T extends Json | void>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
      signal.throwIfAborted()
      const past = await phases.beginStep(claim, name)
      if (past.finished) return past.result as T
      const result = await act(signal)
      await phases.finishStep(claim, name, result ?? null)
      return result
    },

    async change<K extends EffectKind, A extends AfterOf<K>>(name: string, change: Change<K, A>): Promise<A> {
      return context.step<A>(name, async () => {
        const effect = await phases.beginEffect(claim, change.kind, change.target, () => change.before(signal))
        signal.throwIfAborted()
        const after = await change.act(effect.before, signal)
        await phases.settleEffect(claim, effect.id, 'applied', after)
        return after
      })
    },

    async report(line) {
      await phases.report(claim, line)
      await input.publish(claim.run)
    },

    async tell(post, key) {
      await phases.post(claim, post, key)
      await input.publish(claim.run)
    },
  }
  return context
}

function recordsFor(claim: Claim, environment: string, phases: PhaseStore): PhaseRecords {
  return {
    backup: () => phases.backup(claim.run),
    recordBackup: (backup) => phases.recordBackup(claim, environment, backup),
    keptBackups: () => phases.keptBackups(environment),
    backupsRemoved: (files) => phases.backupsRemoved(claim, environment, files),
    knownReleases: () => phases.knownReleases(environment),
    recordRelease: (release) => phases.recordRelease(claim, environment, release),
    schemaChanges: () => phases.schemaChanges(environment),
    recordSchemaChange: (change) => phases.recordSchemaChange(claim, environment, change),
    formerVerification: () => phases.formerVerification(claim.run),
    samples: (since) => phases.samples(claim.run, since),
    recordSamples: (samples, stage) => phases.recordSamples(claim, samples, stage),
    watch: watchRecords(claim, phases),
    rollbackClosedUpTo: (hours) => phases.rollbackClosedUpTo(claim.run, hours),
    effectsOf: (run) => phases.effects(run),
    settle: (effect, after) => phases.settleEffect(claim, effect.id, 'applied', after),
    undone: (effect) => phases.settleEffect(claim, effect, 'undone'),
  }
}
