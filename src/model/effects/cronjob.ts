import { z } from 'zod'
import { undoable } from './kind.ts'

/** The manifest as it can be applied again. */
const manifest = z
  .looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.looseObject({ name: z.string(), namespace: z.string().exactOptional() }),
  })
  .readonly()

export const cronJob = undoable({
  kind: 'cronjob',
  /** The manifest that was there; null when the run created the CronJob. */
  before: z.object({ manifest: manifest.nullable() }).readonly(),
  after: z.object({ outcome: z.string() }).readonly(),
  undoLine({ target, before }, { strict }) {
    if (before.manifest === null || strict) return `CronJob ${target}: delete`
    return `CronJob ${target}: restore the previous manifest`
  },
})
