import { createHash } from 'node:crypto'

/** The first characters of a line tell errors apart; what follows them does not. */
const longest = 2_000

/**
 * What is put in place of the parts that differ between occurrences. The order matters: the longest kinds come first.
 */
const differing: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>'],
  // This is an identifier with a prefix, as Stripe's: evt_1NG8Du2eZvKYlo2C.
  [/\b([a-z]{2,8})_(?=\w*\d)\w{4,}\b/gi, '$1_<id>'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b/gi, '<hex>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/\b\d+(?:\.\d+)*/g, '<n>'],
]

/**
 * Hashes a line without its times, ids, numbers and quoted values: repeats of one error share it, and it tells no
 * content.
 */
export function fingerprintOf(text: string): string {
  const line = text.slice(0, longest)
  const words = line.startsWith('{') ? line : line.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, '<value>')
  const alike = differing.reduce((rest, [pattern, place]) => rest.replace(pattern, place), words)
  return createHash('sha256').update(alike).digest('hex').slice(0, 32)
}
