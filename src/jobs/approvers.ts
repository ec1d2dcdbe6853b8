import type { PolicyConfig } from '../config/environment-schema.ts'
import type { Run } from '../model/run.ts'

/** Lists who is asked to approve: all who may, without the person who asked for the run unless the policy allows it. */
export function approversOf(run: Pick<Run, 'requestedBy'>, policy: PolicyConfig): readonly string[] {
  if (policy.selfApproval) return policy.approvers
  return policy.approvers.filter((approver) => approver !== run.requestedBy)
}
