import type { RawLine } from '../../../outside-text/lines.ts'

/** Takes a line apart into the stamp that the kubelet put before it, and what the container wrote. */
export function stamped({ text, left }: RawLine): { readonly timestamp: string; readonly rest: RawLine } {
  const space = text.indexOf(' ')
  if (space < 0) return { timestamp: text, rest: { text: '', left } }
  return { timestamp: text.slice(0, space), rest: { text: text.slice(space + 1), left } }
}
