import type { Resource } from './resources.ts'

export interface Cause {
  readonly reason: string
  readonly message: string
  readonly field?: string
}

interface Details {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly Cause[]
  readonly retryAfterSeconds?: number
}

/** An answer that is not a success, in the shape of metav1.Status. Several 500s of a real server have no reason. */
export class StatusError extends Error {
  readonly code: number
  readonly reason: string | undefined
  readonly details: Details | undefined
  readonly continueToken: string | undefined

  constructor(code: number, reason: string | undefined, message: string, details?: Details, continueToken?: string) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
    this.continueToken = continueToken
  }

  body(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    }
  }
}

/** `deployments.apps "x"`: how an object is named in 403, 404 and 409. */
export function qualified(resource: Pick<Resource, 'plural'> & { readonly group: string }): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

export function pluralDetails(resource: Pick<Resource, 'plural'> & { readonly group: string }, name?: string): Details {
  return {
    ...(name === undefined ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  }
}

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message)

export const unauthorized = () => new StatusError(401, 'Unauthorized', 'Unauthorized')

export function forbidden(
  resource: Pick<Resource, 'plural'> & { readonly group: string },
  request: { user: string; verb: string; namespace?: string; name?: string; subresource?: string },
): StatusError {
  const plural = request.subresource === undefined ? resource.plural : `${resource.plural}/${request.subresource}`
  const where = request.namespace === undefined ? 'at the cluster scope' : `in the namespace "${request.namespace}"`
  const object = request.name === undefined ? qualified(resource) : `${qualified(resource)} "${request.name}"`
  return new StatusError(
    403,
    'Forbidden',
    `${object} is forbidden: User "${request.user}" cannot ${request.verb} resource "${plural}" in API group "${resource.group}" ${where}`,
    pluralDetails(resource, request.name),
  )
}

export function notFound(resource: Resource, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, pluralDetails(resource, name))
}

export const noSuchResource = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const methodNotAllowed = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export function alreadyExists(resource: Resource, name: string): StatusError {
  const message = `${qualified(resource)} "${name}" already exists`
  return new StatusError(409, 'AlreadyExists', message, pluralDetails(resource, name))
}

export function modified(resource: Resource, name: string): StatusError {
  return new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    pluralDetails(resource, name),
  )
}

/** 422 names the Kind, not the resource. With several causes the message lists them in brackets. */
export function invalid(kind: { group: string; kind: string }, name: string, causes: readonly Cause[]): StatusError {
  const lines = causes.map((cause) => `${cause.field ?? ''}: ${cause.message}`)
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return new StatusError(
    422,
    'Invalid',
    `${qualifiedKind} "${name}" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`,
    {
      ...(name === '' ? {} : { name }),
      ...(kind.group === '' ? {} : { group: kind.group }),
      ...(kind.kind === '' ? {} : { kind: kind.kind }),
      causes,
    },
  )
}

export const required = (field: string, message = 'Required value'): Cause => ({
  reason: 'FieldValueRequired',
  message,
  field,
})

export const invalidValue = (field: string, value: unknown, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
  field,
})

export const forbiddenValue = (field: string, why: string): Cause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${why}`,
  field,
})
