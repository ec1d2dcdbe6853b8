import type { PolicyConfig } from '../config/environment-schema.ts'
import type { Denial } from '../model/denial.ts'
import type { Run } from '../model/run.ts'
import type { Caller } from './command-context.ts'

/** What someone wants to do, by the right that it needs. */
export type Right = 'deploy' | 'approve' | 'view' | 'break_glass'

/**
 * Whether a list of the policy has somebody in it. `unread`: it names them not by id, and Slack did not tell who is in these
 * groups of it.
 */
export type Listed = boolean | { readonly unread: readonly string[]; readonly why: string }

export type Permit = { readonly ok: true } | { readonly ok: false; readonly denial: Denial }

/** Pure: users and groups who have a right; undefined when everybody in the channel has it. Who may more may look too. */
export function listFor(
  right: Right,
  {
    deployers,
    approvers,
    viewers,
    breakGlass,
  }: Pick<PolicyConfig, 'deployers' | 'approvers' | 'viewers' | 'breakGlass'>,
): readonly string[] | undefined {
  if (right === 'deploy') return deployers
  if (right === 'approve') return approvers
  if (right === 'break_glass') return breakGlass
  return viewers === undefined ? undefined : [...new Set([...viewers, ...deployers, ...approvers])]
}

/** Pure: are commands for this environment taken in this channel? */
export function permitHere(channel: string, environment: string, { channels }: PolicyConfig): Permit {
  return channels.includes(channel) ? { ok: true } : denied({ reason: 'channel', environment, channels })
}

/** Pure: may somebody who is `listed` so do this here? */
export function permit(
  { channel }: Pick<Caller, 'channel'>,
  right: Right,
  environment: string,
  policy: PolicyConfig,
  listed: Listed,
): Permit {
  const here = permitHere(channel, environment, policy)
  return here.ok ? permitListed(right, environment, policy, listed) : here
}

/** Pure: the same without the place. */
export function permitListed(right: Right, environment: string, policy: PolicyConfig, listed: Listed): Permit {
  const list = listFor(right, policy)
  if (list === undefined || listed === true) return { ok: true }
  if (listed === false) return denied({ reason: 'right', right, environment, ask: list })
  return denied({ reason: 'unread_group', right, environment, groups: listed.unread, why: listed.why })
}

/**
 * Tells whether this person may approve: nobody approves alone what they asked for, unless the policy says so. Pure.
 */
export function permitApproval(
  caller: Caller,
  run: Pick<Run, 'requestedBy' | 'environment'>,
  policy: PolicyConfig,
  listed: Listed,
): Permit {
  const here = permit(caller, 'approve', run.environment, policy, listed)
  if (!here.ok || policy.selfApproval || run.requestedBy !== caller.user) return here
  return denied({ reason: 'own_run', ask: policy.approvers.filter((approver) => approver !== caller.user) })
}

function denied(denial: Denial): Permit {
  return { ok: false, denial }
}
