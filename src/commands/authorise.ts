import type { PolicyConfig } from '../config/environment-schema.ts'
import type { Denial } from '../model/denial.ts'
import type { Run } from '../model/run.ts'

/** What someone wants to do, by the right that it needs. */
export type Right = 'deploy' | 'approve' | 'view'

export interface Person {
  readonly user: string
  readonly channel: string
  readonly mayDeploy: boolean
  readonly mayApprove: boolean
}

export type Permit = { readonly ok: true } | { readonly ok: false; readonly denial: Denial }

/** Tells whether this person may do this here. `view` is for everybody in the channel. Pure. */
export function permit(person: Person, right: Right, environment: string, policy: PolicyConfig): Permit {
  const { channels, deployers, approvers } = policy
  if (!channels.includes(person.channel)) return denied({ reason: 'channel', environment, channels })
  if (right === 'view' || (right === 'deploy' ? person.mayDeploy : person.mayApprove)) return { ok: true }
  return denied({ reason: 'right', right, environment, ask: right === 'deploy' ? deployers : approvers })
}

/**
 * Tells whether this person may approve: nobody approves alone what they asked for, unless the policy says so. Pure.
 */
export function permitApproval(
  person: Person,
  run: Pick<Run, 'requestedBy' | 'environment'>,
  policy: PolicyConfig,
): Permit {
  const here = permit(person, 'approve', run.environment, policy)
  if (!here.ok || policy.selfApproval || run.requestedBy !== person.user) return here
  return denied({ reason: 'own_run', ask: policy.approvers.filter((approver) => approver !== person.user) })
}

function denied(denial: Denial): Permit {
  return { ok: false, denial }
}
