import { z } from 'zod'
import { undoable } from './kind.ts'

const fields = {
  replicas: z.number(),
  /** The autoscaler, which decides how many pods there are, except that it never starts from 0. */
  autoscaler: z.object({ name: z.string(), minimum: z.number(), maximum: z.number() }).readonly().exactOptional(),
}

const before = z.object(fields).readonly()

export type ReplicasBefore = z.output<typeof before>

/** The pods of the service's Deployment, which a restore stops and starts again. */
export const replicas = undoable({
  kind: 'replicas',
  before,
  /** At first a record has only what was there, and this is empty. */
  after: z
    .object({
      ...fields,
      replicas: fields.replicas.exactOptional(),
      /** Whether the pods run again. */
      back: z.boolean().exactOptional(),
      /** How often the run has started the pods again. */
      starts: z.number().exactOptional(),
    })
    .readonly(),
  undoLine: ({ target, before: stood }) => `Deployment ${target}: back to ${stood.replicas} replicas`,
  backWhen: 'back',
})
