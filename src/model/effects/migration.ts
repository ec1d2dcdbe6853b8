import { z } from 'zod'
import { lasting } from './kind.ts'

export const migration = lasting({
  kind: 'migration',
  before: z.object({ applied: z.boolean() }).readonly(),
  after: z.object({ outcome: z.string(), milliseconds: z.number() }).readonly(),
  stays(effects) {
    if (effects.length === 0) return []
    const files = effects.map(({ target }) => target).sort()
    return [
      `The schema is not rolled back: ${files.join(', ')} stay${files.length === 1 ? 's' : ''} applied. ` +
        'Going back further means restoring the backup.',
    ]
  },
})
