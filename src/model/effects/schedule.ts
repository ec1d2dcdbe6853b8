import { z } from 'zod'
import { undoable } from './kind.ts'

const before = z
  .object({
    /** Whether it was suspended; null when there was no such CronJob. */
    suspended: z.boolean().nullable(),
  })
  .readonly()

export type ScheduleBefore = z.output<typeof before>

/** Whether a CronJob is suspended: a restore holds it and lets it go on, a fix resumes it. */
export const schedule = undoable({
  kind: 'schedule',
  before,
  /** At first a record has only what was there, or what a fix made of it. */
  after: z
    .object({
      suspended: z.boolean().nullable().exactOptional(),
      /** Whether the CronJob is again what it was before a restore. */
      back: z.boolean().exactOptional(),
      starts: z.number().exactOptional(),
    })
    .readonly(),
  undoLine: ({ target, before: { suspended } }) =>
    `CronJob ${target}: ${suspended === false ? 'resume' : 'stays suspended'}`,
  backWhen: 'back',
})
