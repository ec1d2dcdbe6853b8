import type { Scene } from './scene.ts'

export const minute = 60_000
export const hour = 60 * minute

/** What is said where nothing is wrong; a scene replaces what differs. */
export function healthy(id: string, name: string): Omit<Scene, 'group' | 'acts' | 'events'> {
  return {
    id,
    name,
    plan: { says: ['endpoint unchanged, with 38 events'], never: ['still owes'] },
    deploy: { says: ['7 of 7 success criteria are met', 'none undelivered since the deploy began'] },
    verify: { says: ['none undelivered in the last hour'], never: ['failed –'] },
    monitor: { says: ['Undelivered events: 0'] },
    diagnose: { says: ['No cause found.'] },
  }
}
