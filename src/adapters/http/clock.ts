/** A `Date` header drops the part of a second; this is what it drops on average, in milliseconds. */
const dropped = 500

/**
 * Tells how far the answerer's clock is ahead of this machine's, to a second or so; undefined without a readable
 * header.
 */
export function clockAheadMs(date: string | null | undefined, now = Date.now()): number | undefined {
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : at + dropped - now
}
