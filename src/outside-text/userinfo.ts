import { masked } from './forms.ts'

/** Passwords of databases and brokers are often written unescaped, so everything up to the last @ is masked. */
const servers = /^(?:postgres(?:ql)?|rediss?|mysql|mongodb(?:\+srv)?|amqps?)$/i
const mostScheme = 31
const mostUser = 128
const mostPassword = 512
/** A user name that is as long as this is a token. */
const longUser = 20

/** Masks what stands before the @ of a URL: a password, or a token in the place of the user. */
export function maskUserinfo(text: string): string {
  let shown = ''
  let from = 0
  for (let colon = text.indexOf('://'); colon >= 0; colon = text.indexOf('://', Math.max(from, colon + 3))) {
    const span = secretIn(text, colon)
    if (span === undefined) continue
    shown += `${text.slice(from, span.from)}${masked}`
    from = span.to
  }
  return from === 0 ? text : shown + text.slice(from)
}

interface Span {
  readonly from: number
  readonly to: number
}

/** Letters, digits, `+`, `.` and `-` directly before the colon, from a letter on. */
function schemeBefore(text: string, colon: number): string {
  let begin = colon
  while (begin > 0 && colon - begin < mostScheme && /[A-Za-z0-9+.-]/.test(text.charAt(begin - 1))) begin -= 1
  return text.slice(begin, colon).replace(/^[^A-Za-z]{1,31}/, '')
}

function secretIn(text: string, colon: number): Span | undefined {
  const scheme = schemeBefore(text, colon)
  if (scheme === '') return undefined
  const user = colon + 3
  const userEnd = endOf(text, user, /[\s:/@]/)
  if (text.charAt(userEnd) === '@') {
    const isToken = /^https?$/i.test(scheme) && userEnd - user >= longUser
    return isToken ? { from: user, to: userEnd } : undefined
  }
  if (text.charAt(userEnd) !== ':' || userEnd - user > mostUser) return undefined
  const password = userEnd + 1
  const at = servers.test(scheme) ? lastAt(text, password) : endOf(text, password, /[\s/@"'<>]/)
  return at > password && text.charAt(at) === '@' ? { from: password, to: at } : undefined
}

/** The place of the next of these characters, which is not looked for further than a password is long. */
function endOf(text: string, from: number, ends: RegExp): number {
  const part = text.slice(from, from + mostPassword + 1)
  const at = part.search(ends)
  return from + (at < 0 ? part.length : at)
}

/** The last @ of the address that has something behind it, or ends the text: its host may have been cut off. */
function lastAt(text: string, password: number): number {
  const end = endOf(text, password, /[\s"'<>,]/)
  const address = text.slice(password, end)
  const at = address.lastIndexOf('@')
  const hasHost = at < address.length - 1 || end === text.length || !/\s/.test(text.charAt(end))
  return password + (hasHost ? at : address.slice(0, -1).lastIndexOf('@'))
}
