import type { PhaseName } from '../runs/model.ts'
import type { Phase } from './context.ts'
import { diagnose } from './diagnose/diagnose.ts'
import { fix } from './diagnose/fix.ts'
import { cronjobs } from './cronjobs.ts'
import { e2e } from './e2e.ts'
import { migrate } from './migrate.ts'
import { monitor } from './monitor.ts'
import { plan } from './plan.ts'
import { preflight } from './preflight.ts'
import { checkAfterRollback, undo } from './rollback.ts'
import { look, prepare, swap } from './restore.ts'
import { planRestore } from './restore-plan.ts'
import { rollout } from './rollout.ts'
import { stripe } from './stripe.ts'
import { verify } from './verify.ts'

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
