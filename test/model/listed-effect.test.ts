import { expect, it } from 'vitest'
import { isListed } from '../../src/model/listed-effect.ts'
import type { PlannedEffect } from '../../src/model/deploy-plan.ts'
import type { Run } from '../../src/model/run.ts'
import { plan, restorePlan, undo } from '../messages/example-runs.ts'

const deploy = { ...plan, effects: [{ kind: 'image', target: 'api' }] } as const
const undoOfRestore = {
  ...undo,
  steps: [{ effect: 1, covers: [1], kind: 'database', target: 'valuecanvas', line: '' }],
} as const
type FixPlan = Extract<Run['plan'], { readonly kind: 'fix' }>
const fix = (remedy: FixPlan['remedy']): FixPlan => ({
  kind: 'fix',
  remedy,
  diagnose: { kind: 'diagnose', subject: 'webhook' },
})

it.each<[boolean, Run['plan'], PlannedEffect]>([
  [true, deploy, { kind: 'image', target: 'api' }],
  [false, deploy, { kind: 'image', target: 'other' }],
  [false, deploy, { kind: 'stripe-endpoint', target: 'api' }],
  [false, plan, { kind: 'image', target: 'api' }],
  [true, restorePlan, { kind: 'database', target: restorePlan.database.live }],
  [false, restorePlan, { kind: 'database', target: 'another' }],
  [false, restorePlan, { kind: 'image', target: restorePlan.deployment.name }],
  [true, fix({ kind: 'resume_cronjob', target: 'retry' }), { kind: 'schedule', target: 'retry' }],
  [false, fix({ kind: 'resume_cronjob', target: 'retry' }), { kind: 'schedule', target: 'other' }],
  [true, fix({ kind: 'run_cronjob', target: 'retry' }), { kind: 'job', target: 'retry-run-7' }],
  [false, fix({ kind: 'run_cronjob', target: 'retry' }), { kind: 'job', target: 'other-run-7' }],
  [false, fix({ kind: 'deploy', target: '' }), { kind: 'image', target: 'api' }],
  [false, undo, { kind: 'image', target: 'api' }],
  [false, undo, { kind: 'replicas', target: 'api' }],
  [true, undoOfRestore, { kind: 'replicas', target: 'api' }],
  [false, undoOfRestore, { kind: 'image', target: 'api' }],
  [false, undefined, { kind: 'image', target: 'api' }],
])('says %s, as the plan does', (listed, of, effect) => {
  expect(isListed(of, effect)).toBe(listed)
})
