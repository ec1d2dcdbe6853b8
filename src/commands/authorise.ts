import type { PolicyConfig } from '../config/environment-schema.ts'
import type { Run } from '../model/run.ts'

/** What someone wants to do, by the right that it needs. */
export type Right = 'deploy' | 'approve' | 'view'

export interface Person {
  readonly user: string
  readonly channel: string
  readonly mayDeploy: boolean
  readonly mayApprove: boolean
}

export type Permit =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: 'channel' | 'right' | 'own_run'
      readonly text: string
      readonly ask: readonly string[]
      readonly channels: readonly string[]
    }

/** Pure: may this person do this here? `view` is for everybody in the channel. */
export function permit(person: Person, right: Right, environment: string, policy: PolicyConfig): Permit {
  if (!policy.channels.includes(person.channel))
    return {
      ok: false,
      reason: 'channel',
      text: `Commands for ${environment} are not taken in this channel.`,
      ask: [],
      channels: policy.channels,
    }
  const may = right === 'view' || (right === 'deploy' ? person.mayDeploy : person.mayApprove)
  if (may) return { ok: true }
  const what = right === 'deploy' ? `start or change runs in ${environment}` : `approve runs in ${environment}`
  return {
    ok: false,
    reason: 'right',
    text: `You may not ${what}.`,
    ask: right === 'deploy' ? policy.deployers : policy.approvers,
    channels: [],
  }
}

/** Pure: nobody approves alone what they asked for, unless the policy says so. */
export function permitApproval(
  person: Person,
  run: Pick<Run, 'requestedBy' | 'environment'>,
  policy: PolicyConfig,
): Permit {
  const here = permit(person, 'approve', run.environment, policy)
  if (!here.ok || policy.selfApproval || run.requestedBy !== person.user) return here
  return {
    ok: false,
    reason: 'own_run',
    text: 'Someone else has to approve a run that you asked for.',
    ask: policy.approvers.filter((approver) => approver !== person.user),
    channels: [],
  }
}
