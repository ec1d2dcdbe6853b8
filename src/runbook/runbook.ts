import type { PhaseName, PhaseOf, RunKind } from '../model/kinds.ts'
import { cronjobs } from './cronjobs/cronjobs.ts'
import { diagnose } from './diagnose/diagnose.ts'
import { fix } from './diagnose/fix.ts'
import { e2e } from './e2e/e2e.ts'
import { migrate } from './migrate/migrate.ts'
import { monitor } from './monitor/monitor.ts'
import type { Phase } from './phase.ts'
import { plan } from './plan/plan.ts'
import { preflight } from './preflight/preflight.ts'
import { checkAfterRestore, prepare, swap } from './restore/restore.ts'
import { planRestore } from './restore/restore-plan.ts'
import { checkAfterRollback, undo } from './rollback/rollback.ts'
import { rollout } from './rollout/rollout.ts'
import { stripe } from './stripe/stripe.ts'
import { verify } from './verify/verify.ts'

/** The table of contents: the function of every phase of every kind of run. A phase without one does not compile. */
const runbook: { readonly [K in RunKind]: Readonly<Record<PhaseOf<K>, Phase>> } = {
  deploy: { plan, preflight, migrate, rollout, stripe, cronjobs, e2e, monitor },
  rollback: { undo, check: checkAfterRollback },
  restore: { plan: planRestore, prepare, swap, check: checkAfterRestore },
  verify: { verify },
  diagnose: { diagnose },
  fix: { fix, diagnose },
}

/** Finds the function of a phase. Undefined when a run of this kind has none: another version of Purser stored it. */
export function phaseOf(kind: RunKind, name: PhaseName): Phase | undefined {
  const phases: Readonly<Partial<Record<PhaseName, Phase>>> = runbook[kind]
  return phases[name]
}
