/** Who works in the sandbox. Dana deploys, Alex approves, Sam may do neither. */
export const people = {
  dana: { id: 'U0DANA', name: 'dana', realName: 'Dana' },
  alex: { id: 'U0ALEX', name: 'alex', realName: 'Alex' },
  sam: { id: 'U0SAM', name: 'sam', realName: 'Sam' },
} as const

export type PersonName = keyof typeof people

export const onCallGroup = { id: 'S0ONCALL', handle: 'billing-oncall', users: [people.alex.id] } as const

export const channels = {
  deploys: { id: 'C0DEPLOYS', name: 'billing-deploys' },
  general: { id: 'C0GENERAL', name: 'general' },
} as const
