import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { S3Problem } from './problems.ts'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

interface SignedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const form =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
const skewMs = 15 * 60_000

/** Signature version 4, computed anew from what came. The body must be covered by it: its SHA-256 is compared too. */
export function requireSignature({ method, url, headers, body }: SignedRequest, keys: Keys, region: string): void {
  const [, accessKeyId, day, where, names = '', signature] = form.exec(headers.authorization ?? '') ?? []
  if (signature === undefined) throw new S3Problem(403, 'AccessDenied', 'Anonymous access is forbidden.')
  if (accessKeyId !== keys.accessKeyId)
    throw new S3Problem(403, 'InvalidAccessKeyId', 'The key does not exist in our records.')
  if (where !== region)
    throw new S3Problem(400, 'AuthorizationHeaderMalformed', `The region '${where}' is wrong; expecting '${region}'.`)
  const at = String(headers['x-amz-date'])
  const time = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(Date.now() - time) < skewMs) || !at.startsWith(String(day)))
    throw new S3Problem(403, 'RequestTimeTooSkewed', 'The difference between the request time and ours is too large.')
  const signed = names.split(';')
  const unsigned = Object.keys(headers).filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signed.includes(name),
  )
  if (unsigned.length > 0)
    throw new S3Problem(403, 'AccessDenied', `There were headers present which were not signed: ${unsigned.join(', ')}`)
  const digest = String(headers['x-amz-content-sha256'])
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new S3Problem(501, 'NotImplemented', `Bodies signed as ${digest} are not taken here.`)
  if (digest !== sha256(body))
    throw new S3Problem(400, 'XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 does not match what came.')
  const canonical = [
    method,
    url.pathname,
    [...url.searchParams]
      .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${String(headers[name]).trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    digest,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part ?? ''),
    `AWS4${keys.secretAccessKey}`,
  )
  if (hmac(key, text).toString('hex') !== signature)
    throw new S3Problem(403, 'SignatureDoesNotMatch', 'The signature we calculated is not the one you provided.')
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}
