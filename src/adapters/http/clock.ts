/** Reads a `Date` header, which drops the part of a second. */
const dropped = 500

/** How far the answerer's clock is ahead of this machine's, to a second or so; undefined without a readable header. */
export function clockAheadMs(date: string | null | undefined, now = Date.now()): number | undefined {
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : at + dropped - now
}
