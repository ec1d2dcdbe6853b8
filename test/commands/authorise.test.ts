import { describe, expect, it } from 'vitest'
import { listFor, permit, type Permit, permitApproval, type Right } from '../../src/commands/authorise.ts'
import type { Caller } from '../../src/commands/command-context.ts'
import type { PolicyConfig } from '../../src/config/environment-schema.ts'
import { notAllowed } from '../../src/messages/answers/not-allowed.ts'

const policy: PolicyConfig = {
  deployers: ['UDANA'],
  approvers: ['UALEX', 'UDANA'],
  approvals: 1,
  selfApproval: false,
  rollbackApprovals: 0,
  fixApprovals: 1,
  lockAfterRollback: false,
  freezes: [],
  breakGlass: [],
  unlock: 'approvers',
  restoreApprovals: 2,
  channels: ['CDEPLOYS'],
  approvalExpiryMinutes: 60,
  autoRollback: false,
  rollbackButtonHours: 24,
}

const at = (user: string): Caller => ({ user, channel: 'CDEPLOYS' })
const [dana, alex, sam] = [at('UDANA'), at('UALEX'), at('USAM')]

/** What the rule says of somebody whom the lists name by id, or not. */
function may(who: Caller, right: Right, more: Partial<PolicyConfig> = {}): Permit {
  const all = { ...policy, ...more }
  return permit(who, right, 'production', all, listFor(right, all)?.includes(who.user) ?? true)
}
const outcomeOf = (verdict: Permit) => (verdict.ok ? 'ok' : verdict.denial.reason)

describe('who may do what', () => {
  it.each<[string, Caller, Right, string, Partial<PolicyConfig>?]>([
    ['Dana may deploy', dana, 'deploy', 'ok'],
    ['Alex may approve', alex, 'approve', 'ok'],
    ['Alex may not deploy', alex, 'deploy', 'right'],
    ['Sam may not deploy', sam, 'deploy', 'right'],
    ['Sam may not approve', sam, 'approve', 'right'],
    ['Sam may look', sam, 'view', 'ok'],
    ['Sam may look where he is a viewer', sam, 'view', 'ok', { viewers: ['USAM'] }],
    ['Sam may not look where others are the viewers', sam, 'view', 'right', { viewers: ['UOLA'] }],
    ['who may deploy may look, also when others are the viewers', dana, 'view', 'ok', { viewers: ['UOLA'] }],
    ['who may approve may look, also when others are the viewers', alex, 'view', 'ok', { viewers: ['UOLA'] }],
    ['a viewer may not deploy', sam, 'deploy', 'right', { viewers: ['USAM'] }],
    ['a viewer may not look from another channel', { ...sam, channel: 'C1' }, 'view', 'channel', { viewers: ['USAM'] }],
    ['Dana may not deploy from another channel', { ...dana, channel: 'CRANDOM' }, 'deploy', 'channel'],
    ['nobody may look from another channel', { ...dana, channel: 'CRANDOM' }, 'view', 'channel'],
    ['nobody may do anything from no channel', { ...alex, channel: '' }, 'approve', 'channel'],
  ])('%s', (_, who, right, outcome, more) => {
    expect(outcomeOf(may(who, right, more))).toBe(outcome)
  })

  it('is told with whom to ask instead', () => {
    const refused = (verdict: Permit) => (verdict.ok ? 'nothing' : notAllowed(verdict.denial).text)
    expect(refused(may(sam, 'deploy'))).toBe("You can't start or change runs in production. Ask <@UDANA>.")
    expect(refused(may(sam, 'approve'))).toBe("You can't approve runs in production. Ask <@UALEX> or <@UDANA>.")
    expect(refused(may(sam, 'view', { viewers: ['UOLA'] }))).toBe(
      "You can't see what runs in production. Ask <@UOLA>, <@UDANA> or <@UALEX>.",
    )
    expect(refused(may({ ...dana, channel: 'C1' }, 'view'))).toBe(
      "This channel doesn't take commands for production. Use <#CDEPLOYS>.",
    )
  })

  it('is not decided for whom Slack did not tell, and the group and the cause are named', () => {
    const unread = { unread: ['SOPS'], why: 'reading the members of group SOPS: Slack says missing_scope' }
    const verdict = permit(sam, 'deploy', 'production', policy, unread)
    expect(outcomeOf(verdict)).toBe('unread_group')
    expect(!verdict.ok && notAllowed(verdict.denial).text).toBe(
      "Couldn't check whether you can start or change runs in production: reading the members of group SOPS: " +
        "Slack says missing_scope. Purser doesn't know the members of <!subteam^SOPS>. People named by id in purser.yaml " +
        'can continue.',
    )
  })
})

describe('an approval', () => {
  const run = { requestedBy: 'UDANA', environment: 'production' }
  it.each<[string, Caller, Partial<PolicyConfig>, string]>([
    ['by another person', alex, {}, 'ok'],
    ['by the person who asked', dana, {}, 'own_run'],
    ['by the person who asked, where the policy allows it', dana, { selfApproval: true }, 'ok'],
    ['by someone without the right', sam, {}, 'right'],
    [
      'by someone without the right, even where self-approval is allowed',
      dana,
      { selfApproval: true, approvers: ['UALEX'] },
      'right',
    ],
    ['from another channel', { ...alex, channel: 'CRANDOM' }, {}, 'channel'],
  ])('%s', (_, who, more, outcome) => {
    const all = { ...policy, ...more }
    expect(outcomeOf(permitApproval(who, run, all, all.approvers.includes(who.user)))).toBe(outcome)
  })

  it('of an own run is refused with the others who could give it', () => {
    const verdict = permitApproval(dana, run, policy, true)
    expect(!verdict.ok && notAllowed(verdict.denial).text).toBe("You can't approve your own run. Ask <@UALEX>.")
  })
})
