import { z } from 'zod'
import { lasting } from './kind.ts'

/** Events of Stripe that were sent to the service again. */
export const events = lasting({
  kind: 'events',
  before: z.object({ events: z.number() }).readonly(),
  after: z
    .object({
      accepted: z.number(),
      refused: z.number(),
      held: z.number(),
      gone: z.number(),
      /** Missing in older records, whose events Purser posted itself. */
      unseen: z.number().exactOptional(),
      /** Of those that were accepted; missing where there were none, or the service's table does not tell. */
      unprocessed: z.number().exactOptional(),
    })
    .readonly(),
  stays: (effects) =>
    effects.length === 0 ? [] : ['Events of Stripe that were sent to the service again stay with it.'],
})
