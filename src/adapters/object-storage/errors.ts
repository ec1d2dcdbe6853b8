import { type BackupCode, BackupError } from '../postgres/errors.ts'

interface Thrown {
  readonly name: string
  readonly message: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const rights =
  's3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload'

/** Tells in our terms what the SDK threw. Its messages name keys and buckets, never a secret. */
export function explainS3(doing: string, thrown: unknown): BackupError {
  if (thrown instanceof BackupError) return thrown
  if (!(thrown instanceof Error)) return new BackupError('storage_failed', `${doing}: ${String(thrown)}`)
  const { name, message, $metadata }: Thrown = thrown
  const status = $metadata?.httpStatusCode
  const make = (code: BackupCode, hint: string, transient = false): BackupError =>
    // The thrown error itself is no cause: it carries the whole request, and with it a session token.
    new BackupError(code, `${doing}: ${message || name}`, {
      hint,
      transient,
      evidence: status === undefined ? [name] : [`${name}, HTTP ${status}`],
    })
  if (name === 'NoSuchBucket') return make('storage_missing', 'Create the bucket, or correct backups.location.')
  if (name === 'NoSuchKey' || name === 'NotFound')
    return make('backup_damaged', 'A file of the backup was removed. Make a new backup.')
  if (name === 'CredentialsProviderError')
    return make(
      'storage_denied',
      'Give Purser AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine or pod.',
    )
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed')
    return make('storage_region', 'The bucket is in a different region: set backups.s3.region.')
  if (status === 401 || status === 403)
    return make('storage_denied', `Check the credentials, and that they carry the rights ${rights}.`)
  // No answer is the network's trouble; 5xx and 429 are the storage's own.
  if (status === undefined || status >= 500 || status === 429)
    return make('storage_unreachable', 'Check that Purser can reach the storage, then try again.', true)
  return make('storage_failed', 'See what the storage says.')
}
