import { masked } from './forms.ts'
import { maskNamed } from './named-values.ts'
import { maskUserinfo } from './userinfo.ts'

/** Masks whatever is shaped like a key, a token or a connection string. Linear: each pattern begins with fixed letters, and what follows cannot fail. */
export function maskShapes(text: string): string {
  const shaped = prefixed.reduce(
    (rest, { pattern, replacement }) => rest.replace(pattern, replacement),
    maskUserinfo(text),
  )
  return maskNamed(maskEncodedKeys(maskTokens(shaped)))
}

const prefixed: readonly { readonly pattern: RegExp; readonly replacement: string }[] = [
  { pattern: /([sr]k_(?:live|test)_)[A-Za-z0-9_]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(whsec_)[A-Za-z0-9+/=_-]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(xox[a-z]-|xapp-)[A-Za-z0-9-]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9/_-]{6,}/g, replacement: `$1${masked}` },
  {
    pattern: /(gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt|cbt|ft|imt|soat|agent)-|npm_|dckr_pat_)[A-Za-z0-9_-]{16,}/g,
    replacement: `$1${masked}`,
  },
  { pattern: /\b(Bearer\s{1,4})[A-Za-z0-9._~+/=-]{16,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(Authorization["']?:\s{0,4}["']?Basic\s{1,4})[A-Za-z0-9+/=_-]{4,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, replacement: `$1${masked}` },
]

/**
 * Masks JSON web tokens: three parts, of which the first begins as every JSON object does in base64. Each run of their characters is
 * looked at once, however long it is.
 */
function maskTokens(text: string): string {
  let shown = ''
  let from = 0
  for (let head = text.indexOf('eyJ'); head >= 0; head = text.indexOf('eyJ', from)) {
    let end = head
    while (isTokenCharacter(text.charCodeAt(end))) end += 1
    const [header = '', payload = '', ...more] = text.slice(head, end).split('.', 3)
    const isWhole = payload.length >= 8 && more.length > 0
    // The second part of one that was cut tells it as well: it is an object, too.
    const isToken = header.length >= 11 && (isWhole || payload.startsWith('eyJ'))
    shown += isToken ? `${text.slice(from, head)}eyJ${masked}` : text.slice(from, end)
    from = end
  }
  return from === 0 ? text : shown + text.slice(from)
}

/** Letters, digits, `-`, `.` and `_`. */
function isTokenCharacter(code: number): boolean {
  const letter = code | 0x20
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  )
}

/** A private key in base64, as a kubeconfig holds one; certificates begin alike. */
const encodedKey = /LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{8,}={0,2}/g

export function isEncodedKey(text: string): boolean {
  return Buffer.from(text.slice(0, 80), 'base64').toString('latin1').includes('PRIVATE KEY')
}

function maskEncodedKeys(text: string): string {
  if (!text.includes('LS0tLS1CRUdJTi')) return text
  return text.replace(encodedKey, (found) => (isEncodedKey(found) ? masked : found))
}
