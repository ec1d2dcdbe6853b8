import { z } from 'zod'
import { lasting } from './kind.ts'

/** What the tag named before Purser built and pushed; null when there was no such tag. */
const before = z.object({ digest: z.string().nullable() }).readonly()

/** What the tag names since then: the image that the run rolls out. */
const after = z
  .object({ reference: z.string(), digest: z.string(), platforms: z.array(z.string()).readonly(), commit: z.string() })
  .readonly()

export type PushBefore = z.output<typeof before>
export type PushedImage = z.output<typeof after>

export const imagePush = lasting({
  kind: 'image-push',
  before,
  after,
  stays: (effects) =>
    effects.map(({ target, before: { digest } }) => {
      const former = digest === null ? '' : ` The tag named ${digest} before.`
      return `The image ${target} that was built stays in the registry.${former}`
    }),
})
