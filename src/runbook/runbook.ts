import type { PhaseName, PhaseOf, RunKind } from '../model/kinds.ts'
import { cronjobs } from './cronjobs/cronjobs.ts'
import { diagnose } from './diagnose/diagnose.ts'
import { fix } from './diagnose/fix.ts'
import { e2e } from './e2e/e2e.ts'
import { migrate } from './migrate/migrate.ts'
import { monitor } from './monitor/monitor.ts'
import type { Phase } from './phase.ts'
import { confirmed, type ConfirmedPhase } from './confirm/confirm-plan.ts'
import { plan } from './plan/plan.ts'
import { type SettingsBoundPhase, underSameSettings } from './confirm/same-settings.ts'
import { preflight } from './preflight/preflight.ts'
import { checkAfterRestore, prepare, swap } from './restore/restore.ts'
import { planRestore } from './restore/restore-plan.ts'
import { checkAfterRollback, undo } from './rollback/rollback.ts'
import { rollout } from './rollout/rollout.ts'
import { stripe } from './stripe/stripe.ts'
import { verify } from './verify/verify.ts'

/**
 * Every phase of a deploy but the one that plans confirms the plan first. What puts back and what fixes compares the settings
 * that people decided under; a restore does so in `confirmRestorePlan`.
 */
type Executed<K extends RunKind, N> = K extends 'deploy'
  ? N extends 'plan'
    ? Phase
    : ConfirmedPhase
  : N extends 'undo' | 'fix'
    ? SettingsBoundPhase
    : Phase

/**
 * The table of contents: the function of every phase of every kind of run. A phase without one does not compile, nor does a
 * phase of a deploy that is not `confirmed`.
 */
const runbook: { readonly [K in RunKind]: { readonly [N in PhaseOf<K>]: Executed<K, N> } } = {
  deploy: {
    plan,
    preflight: confirmed(preflight),
    migrate: confirmed(migrate),
    rollout: confirmed(rollout),
    stripe: confirmed(stripe),
    cronjobs: confirmed(cronjobs),
    e2e: confirmed(e2e),
    monitor: confirmed(monitor),
  },
  rollback: { undo: underSameSettings(undo), check: checkAfterRollback },
  restore: { plan: planRestore, prepare, swap, check: checkAfterRestore },
  verify: { verify },
  diagnose: { diagnose },
  fix: { fix: underSameSettings(fix), diagnose },
}

/** Finds the function of a phase. Undefined when a run of this kind has none: another version of Purser stored it. */
export function phaseOf(kind: RunKind, name: PhaseName): Phase | undefined {
  const phases: Readonly<Partial<Record<PhaseName, Phase>>> = runbook[kind]
  return phases[name]
}
