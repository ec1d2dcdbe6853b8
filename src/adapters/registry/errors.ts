import { type ErrorFacts, PurserError } from '../../errors.ts'
import { excerpt } from '../../outside-text/excerpt.ts'

const imageCodes = [
  'image_not_found',
  'image_access_denied',
  'image_digest_mismatch',
  'image_host_refused',
  'image_not_runnable',
  'image_registry_limited',
  'image_registry_trouble',
  'image_name_malformed',
  'docker_config_unreadable',
  'credential_helper_failed',
] as const
type ImageCode = (typeof imageCodes)[number]

export class ImageError extends PurserError {
  readonly code: ImageCode
  readonly retryAfterMs: number | undefined

  constructor(
    code: ImageCode,
    message: string,
    facts: ErrorFacts & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, facts)
    this.code = code
    this.retryAfterMs = facts.retryAfterMs
  }
}

interface RegistryErrorBody {
  readonly errors?: readonly { readonly code?: unknown; readonly message?: unknown }[]
}

/** Reads `MANIFEST_UNKNOWN: manifest unknown` from `{"errors":[…]}`, or the plain text of anything else. */
export function registryWords(body: string): readonly string[] {
  try {
    const { errors } = JSON.parse(body) as RegistryErrorBody
    if (Array.isArray(errors)) return errors.map(({ code, message }) => `${String(code)}: ${String(message)}`)
  } catch {
    // The body may be a proxy's HTML page, for instance.
  }
  return body.trim() === '' ? [] : [excerpt(body.trim(), 200)]
}
