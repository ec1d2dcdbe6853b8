import { z } from 'zod'
import { undoable } from './kind.ts'

const before = z
  .object({
    /** The content was exchanged inside the database, so there is no other one to go back to. */
    inPlace: z.boolean().exactOptional(),
    live: z.string(),
    restored: z.string(),
    kept: z.string(),
    backup: z.string(),
  })
  .readonly()

type DatabaseBefore = z.output<typeof before>

/** The restore that put another database in the place of the live one. */
export const database = undoable({
  kind: 'database',
  before,
  after: z.object({ milliseconds: z.number() }).readonly(),
  undoLine({ before: { live, kept, inPlace } }) {
    if (inPlace === true) return `Database ${live}: back to the dump of what it held before the restore, in place`
    return `Database ${live}: back to what served before the restore (${kept})`
  },
  stays: (effects) => effects.map((effect) => staysAfterSwap(effect.before)),
})

function staysAfterSwap({ live, restored, inPlace }: DatabaseBefore): string {
  if (inPlace === true)
    return (
      `Data written to ${live} since the restore is dumped first and kept as a backup. It is no longer live. ` +
      'The application is stopped for the whole of it and comes back at its replicas.'
    )
  return (
    `Data written to ${live} since the restore is kept as database ${restored}. It is no longer live. ` +
    'The application is stopped for the swap and comes back at its replicas.'
  )
}
