import { z } from 'zod'
import { undoable } from './kind.ts'

const fields = {
  replicas: z.number(),
  /** It decides how many pods there are, except that it never starts from 0. */
  autoscaler: z.object({ name: z.string(), minimum: z.number(), maximum: z.number() }).readonly().exactOptional(),
}

const before = z.object(fields).readonly()

export type ReplicasBefore = z.output<typeof before>

/** The pods of the service's Deployment, which a restore stops and starts again. */
export const replicas = undoable({
  kind: 'replicas',
  before,
  /** At first only what stood there. */
  after: z
    .object({
      ...fields,
      replicas: fields.replicas.exactOptional(),
      /** Whether they run again. */
      back: z.boolean().exactOptional(),
      /** How often the run has started them again. */
      starts: z.number().exactOptional(),
    })
    .readonly(),
  undoLine: ({ target, before: stood }) => `Deployment ${target}: back to ${stood.replicas} replicas`,
  backWhen: 'back',
})
