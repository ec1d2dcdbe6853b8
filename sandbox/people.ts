/** Who works in the sandbox. Dana deploys, Alex approves, Sam may do neither. */
export const people = {
  dana: { id: 'U0DANA', name: 'dana', realName: 'Dana' },
  alex: { id: 'U0ALEX', name: 'alex', realName: 'Alex' },
  sam: { id: 'U0SAM', name: 'sam', realName: 'Sam' },
} as const

export type PersonName = keyof typeof people

/** Who is in the channels too, and may not use Purser at all: a guest, a stranger of a shared channel, somebody who was let go. */
export const visitors = {
  gina: { id: 'U0GINA', name: 'gina', realName: 'Gina (guest)', guest: 'single-channel' },
  stan: { id: 'U0STAN', name: 'stan', realName: 'Stan (other organization)', teamId: 'T0PARTNER' },
  dora: { id: 'U0DORA', name: 'dora', realName: 'Dora (deactivated)', deleted: true },
} as const

export const onCallGroup = { id: 'S0ONCALL', handle: 'billing-oncall', users: [people.alex.id] } as const

export const channels = {
  deploys: { id: 'C0DEPLOYS', name: 'billing-deploys' },
  general: { id: 'C0GENERAL', name: 'general' },
} as const
