/** What is longer is no word that people read, so it may be cut through. */
const longestWord = 256

/** Cuts text between words. Where one word is all that there is, its beginning is shown: the first look at a line must not be empty. */
export function cutBetweenWords(text: string, most: number): string {
  if (text.length <= most) return text
  const at = lastBoundary(text, most)
  if (at >= Math.max(0, most - longestWord)) return `${text.slice(0, at).trimEnd()}…`
  return most > longestWord ? `${whole(text.slice(0, most))}…` : '…'
}

/** Keeps the end of a text, from the beginning of a word. */
export function endFromWord(text: string, most: number): string {
  if (text.length <= most) return text
  const end = text.slice(-most)
  const at = end.search(/[\s"]/)
  if (at >= 0 && at <= longestWord) return `…${end.slice(at)}`
  return most > longestWord ? `…${end.replace(/^[\udc00-\udfff]/, '')}` : '…'
}

/** Shortens a text to so many characters, and through none of them. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text
  let kept = ''
  for (const character of text) {
    if (kept.length + character.length > max - 1) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

/** Keeps the first characters, as people count them, of one line. */
export function firstCharacters(text: string, most: number): string {
  if (text.length <= most) return text
  return Array.from(text.slice(0, 2 * most))
    .slice(0, most)
    .join('')
}

/** Returns the place behind the last white space or quotation mark before `most`; -1 where there is none. */
function lastBoundary(text: string, most: number): number {
  for (let at = most; at > 0 && at >= most - longestWord; at -= 1) if (/[\s"]/.test(text.charAt(at - 1))) return at
  return -1
}

/** A pair of UTF-16 units is one character. */
function whole(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '')
}
