/*
 * Words that deny an error, or only name something after one: `error: null`, `errors=0`, `no errors found`, the path of
 * a request for `/billing/error-page`. What is configured as a sign of an error is not looked for in them.
 */

const nothing = String.raw`(?:"?(?:null|nil|<nil>|none|undefined|false|no|n/a|0(?:\.0{1,6})?%?)"?(?![\w.])|""|''|\[\s{0,4}\]|\{\s{0,4}\}|-(?=\s|$))`
const kind = '(?:errors?|err|exceptions?|failures?|fatals?|panics?)'
const about = '(?:[ _-](?:rate|count|ratio|total|budget used))?'

const denials: readonly RegExp[] = [
  new RegExp(String.raw`\b(?:last[ _-]?)?${kind}${about}["']?\s{0,4}[:=]\s{0,4}${nothing}`, 'gi'),
  // A field may have its word inside of its name: `lastError`, `billing_error`.
  new RegExp(String.raw`(?:error|err|exception)s?["']?\s{0,4}[:=]\s{0,4}${nothing}`, 'gi'),
  new RegExp(String.raw`\b${kind}${about} (?:is |was |of |at )?0(?:\.0{1,6})?%?(?![\w.])`, 'gi'),
  new RegExp(
    String.raw`\b(?:no|0|zero|without(?: any)?) (?:new |further )?${kind}(?=\s{0,4}(?:$|[.,;:)!\]"'|]|and\b|found\b|occurred\b|reported\b|detected\b|seen\b|thrown\b|happened\b|were\b|was\b|so far\b|yet\b|in\b|during\b|while\b|after\b))`,
    'gim',
  ),
]

/** A request, as access logs write it: its method, then where it went. */
const requests = /\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE)\s{1,4}(?:\/|https?:\/\/)[^\s"]*/g
const addresses = /\bhttps?:\/\/[^\s"'<>]*/g
const pathFields =
  /["']?\b(?:url|uri|path|route|request_uri|originalUrl|referr?er)["']?\s{0,4}[:=]\s{0,4}["']?(?:\/|https?:\/\/)[^\s"',;}]*/gi

/** Blanks what denies an error, so that the words left are those that tell of one. Every pattern is linear. */
export function withoutDenials(text: string): string {
  const denied = denials.reduce((rest, pattern) => rest.replace(pattern, ' '), text).replace(pathFields, ' ')
  const asked = denied.replace(requests, ' ')
  // An access log has the address of the page before, too.
  return asked === denied ? denied : asked.replace(addresses, ' ')
}
