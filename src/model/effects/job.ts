import { z } from 'zod'
import { lasting } from './kind.ts'

/** A Job that was made from a CronJob by hand. */
export const job = lasting({
  kind: 'job',
  before: z.object({ lastSuccessfulTime: z.string().nullable() }).readonly(),
  after: z
    .object({ succeeded: z.boolean(), reason: z.string().nullable(), logs: z.array(z.string()).readonly() })
    .readonly(),
})
