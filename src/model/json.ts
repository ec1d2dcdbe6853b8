import { createHash } from 'node:crypto'

/** A value that can be stored in Postgres as jsonb and read back equal. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Writes JSON with sorted keys: equal values give equal text, so that hashes can be compared. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
