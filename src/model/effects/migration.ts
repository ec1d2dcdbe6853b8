import { z } from 'zod'
import { lasting } from './kind.ts'

export const migration = lasting({
  kind: 'migration',
  before: z.object({ applied: z.boolean() }).readonly(),
  after: z.object({ outcome: z.string(), milliseconds: z.number() }).readonly(),
  stays(effects, { takenBack = new Map<string, number>() }) {
    const files = effects.map(({ target }) => target).sort()
    const applied = files.filter((file) => !takenBack.has(file))
    const gone = files.filter((file) => takenBack.has(file))
    const restores = [...new Set(gone.map((file) => takenBack.get(file)))].map((run) => `#${run}`).join(', ')
    return [
      ...(applied.length === 0
        ? []
        : [
            `The schema is not rolled back: ${applied.join(', ')} ${stay(applied)} applied. ` +
              'Going back further means restoring the backup.',
          ]),
      ...(gone.length === 0
        ? []
        : [
            `The restore ${restores} took ${gone.join(', ')} back already: the database no longer has ${gone.length === 1 ? 'it' : 'them'}.`,
          ]),
    ]
  },
})

function stay(files: readonly string[]): string {
  return files.length === 1 ? 'stays' : 'stay'
}
