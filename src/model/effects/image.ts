import { z } from 'zod'
import { undoable } from './kind.ts'

const before = z
  .object({
    image: z.string(),
    replicaSet: z.object({ name: z.string(), uid: z.string() }).readonly().nullable(),
    templateHash: z.string(),
    version: z.string().nullable(),
    /** Whether it was seen to serve before it was replaced. Older records do not say. */
    proven: z.boolean().exactOptional(),
  })
  .readonly()

const after = z
  .object({
    image: z.string(),
    /** The hash of the template that the run made. Older records do not have it. */
    templateHash: z.string().exactOptional(),
    /** True once its rollout was seen completed. */
    served: z.boolean().exactOptional(),
  })
  .readonly()

export type ImageBefore = z.output<typeof before>
export type ImageAfter = z.output<typeof after>

/** The image of the service's Deployment. */
export const image = undoable({
  kind: 'image',
  before,
  after,
  undoLine: ({ target, before: stood }) => `Deployment ${target}: back to ${stood.version ?? stood.image}`,
  place: () => 'own pods',
})
