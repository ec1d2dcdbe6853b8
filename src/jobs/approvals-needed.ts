import type { PolicyConfig } from '../config/environment-schema.ts'
import type { RunKind } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'

/**
 * Tells how many people must approve a run by the policy as it is now. Approvals follow the effect, not the command: the
 * rollback of a restore takes back data as the restore did, so it needs as many. The approver who presses a button of a
 * diagnosis is the first approver of that fix, because the diagnosis proposed it, not a person.
 */
export function approvalsNeeded(
  { kind, freezeOverride }: Pick<Run, 'kind' | 'freezeOverride'>,
  policy: PolicyConfig,
  undone?: RunKind,
): number {
  switch (kind) {
    case 'deploy':
      return policy.approvals + (freezeOverride === undefined ? 0 : 1)
    case 'restore':
      return policy.restoreApprovals
    case 'rollback':
      return undone === 'restore'
        ? Math.max(policy.rollbackApprovals, policy.restoreApprovals)
        : policy.rollbackApprovals
    case 'fix':
      return policy.fixApprovals - 1
    case 'verify':
    case 'diagnose':
      return 0
  }
}
