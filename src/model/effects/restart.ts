import { z } from 'zod'
import { undoable } from './kind.ts'

/** A Deployment beside the service's, whose pods read the Secret and were replaced. */
export const restart = undoable({
  kind: 'restart',
  before: z.object({ secret: z.string() }).readonly(),
  after: z.null(),
  undoLine: ({ target }) => `Deployment ${target}: restart, so that it reads the Secret again`,
  place: () => 'other pods',
})
