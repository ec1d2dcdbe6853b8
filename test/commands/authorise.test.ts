import { describe, expect, it } from 'vitest'
import { permit, type Permit, permitApproval, type Person, type Right } from '../../src/commands/authorise.ts'
import type { PolicyConfig } from '../../src/config/environment-schema.ts'
import { notAllowed } from '../../src/messages/answers/not-allowed.ts'

const policy: PolicyConfig = {
  deployers: ['UDANA'],
  approvers: ['UALEX', 'UDANA'],
  approvals: 1,
  selfApproval: false,
  rollbackApprovals: 0,
  fixApprovals: 1,
  unlock: 'approvers',
  restoreApprovals: 2,
  channels: ['CDEPLOYS'],
  approvalExpiryMinutes: 60,
  autoRollback: false,
  rollbackButtonHours: 24,
}

function person(user: string, mayDeploy: boolean, mayApprove: boolean, channel = 'CDEPLOYS'): Person {
  return { user, channel, mayDeploy, mayApprove }
}
const dana = person('UDANA', true, true)
const alex = person('UALEX', false, true)
const sam = person('USAM', false, false)

describe('who may do what', () => {
  it.each<[string, Person, Right, string]>([
    ['Dana may deploy', dana, 'deploy', 'ok'],
    ['Alex may approve', alex, 'approve', 'ok'],
    ['Alex may not deploy', alex, 'deploy', 'right'],
    ['Sam may not deploy', sam, 'deploy', 'right'],
    ['Sam may not approve', sam, 'approve', 'right'],
    ['Sam may look', sam, 'view', 'ok'],
    ['Dana may not deploy from another channel', { ...dana, channel: 'CRANDOM' }, 'deploy', 'channel'],
    ['nobody may look from another channel', { ...dana, channel: 'CRANDOM' }, 'view', 'channel'],
    ['nobody may do anything from no channel', { ...alex, channel: '' }, 'approve', 'channel'],
  ])('%s', (_, who, right, outcome) => {
    const verdict = permit(who, right, 'production', policy)
    expect(verdict.ok ? 'ok' : verdict.denial.reason).toBe(outcome)
  })

  it('is told with whom to ask instead', () => {
    const refused = (verdict: Permit) => (verdict.ok ? 'nothing' : notAllowed(verdict.denial).text)
    expect(refused(permit(sam, 'deploy', 'production', policy))).toBe(
      'You may not start or change runs in production. Ask <@UDANA>. Nothing was changed.',
    )
    expect(refused(permit(sam, 'approve', 'production', policy))).toBe(
      'You may not approve runs in production. Ask <@UALEX> or <@UDANA>. Nothing was changed.',
    )
    expect(refused(permit({ ...dana, channel: 'C1' }, 'view', 'production', policy))).toBe(
      'Commands for production are not taken in this channel. Type it in <#CDEPLOYS>. Nothing was changed.',
    )
  })
})

describe('an approval', () => {
  const run = { requestedBy: 'UDANA', environment: 'production' }
  it.each<[string, Person, Partial<PolicyConfig>, string]>([
    ['by another person', alex, {}, 'ok'],
    ['by the person who asked', dana, {}, 'own_run'],
    ['by the person who asked, where the policy allows it', dana, { selfApproval: true }, 'ok'],
    ['by someone without the right', sam, {}, 'right'],
    [
      'by someone without the right, even where self-approval is allowed',
      person('UDANA', true, false),
      { selfApproval: true },
      'right',
    ],
    ['from another channel', { ...alex, channel: 'CRANDOM' }, {}, 'channel'],
  ])('%s', (_, who, more, outcome) => {
    const verdict = permitApproval(who, run, { ...policy, ...more })
    expect(verdict.ok ? 'ok' : verdict.denial.reason).toBe(outcome)
  })

  it('of an own run is refused with the others who could give it', () => {
    const verdict = permitApproval(dana, run, policy)
    expect(!verdict.ok && notAllowed(verdict.denial).text).toBe(
      'Someone else has to approve a run that you asked for. Ask <@UALEX>. Nothing was changed.',
    )
  })
})
