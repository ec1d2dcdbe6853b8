import { commandHints } from '../../sandbox/commands.ts'
import { type SlackOptions, type SlackSimulator, startSlack } from '../../sandbox/slack/simulator.ts'

export const dana = 'U0DANA'
export const alex = 'U0ALEX'
export const sam = 'U0SAM'
export const channel = 'C0BILLING'
export const tokens = { botToken: 'xoxb-sandbox', appToken: 'xapp-sandbox', signingSecret: 'shhh' }
export const approvers = { id: 'S0APPROVERS', handle: 'billing-approvers', users: [dana, alex] }

export function openRoom(more: Partial<SlackOptions> = {}): Promise<SlackSimulator> {
  return startSlack({
    users: [
      { id: dana, name: 'dana', realName: 'Dana' },
      { id: alex, name: 'alex', realName: 'Alex' },
      { id: sam, name: 'sam', realName: 'Sam' },
    ],
    channels: [
      { id: channel, name: 'billing-deploys' },
      { id: 'C0ELSE', name: 'elsewhere', withoutBot: true },
    ],
    userGroups: [approvers],
    commandHints,
    ...tokens,
    ...more,
  })
}
