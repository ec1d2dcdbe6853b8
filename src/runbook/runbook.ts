import type { PhaseName } from '../model/run.ts'
import type { Phase } from './phase.ts'
import { diagnose } from './diagnose/diagnose.ts'
import { fix } from './diagnose/fix.ts'
import { cronjobs } from './cronjobs/cronjobs.ts'
import { e2e } from './e2e/e2e.ts'
import { migrate } from './migrate/migrate.ts'
import { monitor } from './monitor/monitor.ts'
import { plan } from './plan/plan.ts'
import { preflight } from './preflight/preflight.ts'
import { checkAfterRollback, undo } from './rollback/rollback.ts'
import { look, prepare, swap } from './restore/restore.ts'
import { planRestore } from './restore/restore-plan.ts'
import { rollout } from './rollout/rollout.ts'
import { stripe } from './stripe/stripe.ts'
import { verify } from './verify/verify.ts'

/** The table of contents: every chapter by the name that runs know it by. */
export const runbook: Readonly<Record<PhaseName, Phase>> = {
  plan: (context) => (context.run.kind === 'restore' ? planRestore(context) : plan(context)),
  preflight,
  migrate,
  rollout,
  stripe,
  cronjobs,
  e2e,
  monitor,
  prepare,
  swap,
  look,
  undo,
  check: checkAfterRollback,
  verify,
  diagnose,
  fix,
}
