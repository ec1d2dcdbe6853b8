import type { Resource } from './resources.ts'
import { forbidden } from './status.ts'

/** One right that is taken away; what is left out matches everything. */
export interface Denial {
  readonly verb?: string
  readonly group?: string
  /** Plural; `pods/log` for a subresource. */
  readonly resource?: string
  readonly namespace?: string
  readonly name?: string
}

export interface Ask {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
}

const USER = 'system:serviceaccount:sandbox:purser'
const ANONYMOUS = 'system:anonymous'

/** Everything is allowed to the one token but what `deny` takes away, in requests and in access reviews alike. */
export class AccessRules {
  readonly #token: string
  #denials: readonly Denial[] = []

  constructor(token: string) {
    this.#token = token
  }

  deny(denials: readonly Denial[]): void {
    this.#denials = denials
  }

  /** Undefined for a token that is not valid: no token at all is someone, who may do nothing. */
  authenticate(authorization: string | undefined): string | undefined {
    if (authorization === undefined) return ANONYMOUS
    return authorization === `Bearer ${this.#token}` ? USER : undefined
  }

  allows(ask: Ask): boolean {
    const resource = ask.subresource === undefined ? ask.resource : `${ask.resource}/${ask.subresource}`
    return !this.#denials.some(
      (denial) =>
        (denial.verb === undefined || denial.verb === ask.verb) &&
        (denial.group === undefined || denial.group === ask.group) &&
        (denial.resource === undefined || denial.resource === resource) &&
        (denial.namespace === undefined || denial.namespace === ask.namespace) &&
        (denial.name === undefined || denial.name === ask.name),
    )
  }

  require(
    user: string,
    request: {
      resource: Resource
      namespace: string | undefined
      name: string | undefined
      subresource: string | undefined
      verb: string
    },
  ): void {
    const { resource, namespace, name, subresource, verb } = request
    const ask = { verb, group: resource.group, resource: resource.plural, subresource, namespace, name }
    if (user === USER && this.allows(ask)) return
    throw forbidden(resource, {
      user,
      verb,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(subresource === undefined ? {} : { subresource }),
    })
  }
}
