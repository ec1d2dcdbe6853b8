/**
 * Tells whether two URLs are one address: scheme and host in any case, a port that is the scheme's own or left out, an empty path
 * or `/`, a path with or without dots. What a server may tell apart stays apart: a slash at the end, the case of the path, the query.
 * The state database keeps no password of a URL, so where one is masked it is the same.
 */
export function sameUrl(one: string, other: string): boolean {
  if (one === other) return true
  if (!URL.canParse(one) || !URL.canParse(other)) return false
  const hidden = isMasked(one) || isMasked(other)
  return address(one, hidden) === address(other, hidden)
}

function isMasked(text: string): boolean {
  const { username, password } = new URL(text)
  return [username, password].includes(maskedPart)
}

/** `[masked]` as the standard parser writes it. */
const maskedPart = '%5Bmasked%5D'

/** What is asked: a fragment is never sent. The standard parser writes host, port and dots in one way. */
function address(text: string, withoutLogin: boolean): string {
  const url = new URL(text)
  if (withoutLogin) Object.assign(url, { username: '', password: '' })
  url.hash = ''
  // A name with a dot at its end is the same name, written to its root.
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1)
  // Escapes have two spellings: `%2f` and `%2F`.
  return url.href.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase())
}
