import { z } from 'zod'
import { undoable, type UndoOptions } from './kind.ts'

const before = z
  .object({
    secretExists: z.boolean(),
    keyExists: z.boolean(),
    fingerprint: z.string().nullable(),
    /** The key of the same Secret under which the former value is kept: it never leaves the cluster. */
    keptUnder: z.string().nullable(),
    /**
     * The key for the former secret, where the service reads one, and the key under which its own former value is kept.
     */
    previous: z.object({ key: z.string(), keptUnder: z.string().nullable() }).readonly().exactOptional(),
    /** The former value belonged to no endpoint, so a rollback does not put it back. */
    unusable: z.literal(true).exactOptional(),
  })
  .readonly()

export type SecretBefore = z.output<typeof before>

/** The key of a Secret that holds the signing secret of the Stripe endpoint. */
export const secretKey = undoable({
  kind: 'secret-key',
  before,
  after: z.object({ fingerprint: z.string() }).readonly().nullable(),
  undoLine({ target, before: { secretExists, keyExists } }) {
    if (keyExists) return `Secret ${target}: restore the previous value`
    return secretExists ? `Secret ${target}: remove the key` : `Secret ${target}: delete`
  },
  unusableWhen: 'unusable',
  stays: formerSecretLost,
  place: ({ keyExists }) => (keyExists ? 'before pods' : undefined),
})

/**
 * Words what a rollback leaves because its former secret is lost: an endpoint whose secret nobody held, or a secret of
 * no endpoint. The two come together and are told once.
 */
export function formerSecretLost(
  effects: readonly { readonly before: { readonly unusable?: true } }[],
  { strict }: UndoOptions,
): readonly string[] {
  const lost = effects.some(({ before: stood }) => stood.unusable === true) && !strict
  return lost ? ['The signing secret stays: the one before belonged to no endpoint.'] : []
}
