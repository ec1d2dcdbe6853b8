import { randomBytes } from 'node:crypto'

import type { KubeObject } from './objects.ts'
import { type Resource, roleBindings, roles } from './resources.ts'
import { forbidden } from './status.ts'
import type { Store } from './store.ts'

/** One right that is taken away; what is left out matches everything. */
export interface Denial {
  readonly verb?: string
  readonly group?: string
  /** Plural; `pods/log` for a subresource. */
  readonly resource?: string
  readonly namespace?: string
  readonly name?: string
}

interface Ask {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
}

interface Decision {
  readonly allowed: boolean
  /** RBAC says why it allows, never why it does not. */
  readonly reason?: string
}

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs?: readonly string[]
}

interface Binding extends KubeObject {
  readonly roleRef: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[]
}

const USER = 'system:serviceaccount:sandbox:purser'
export const ANONYMOUS = 'system:anonymous'
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/

/**
 * The first token may do everything but what `deny` takes away; a ServiceAccount's token may do what the Roles bound to it
 * say. Requests and access reviews are decided alike.
 */
export class AccessRules {
  readonly #token: string
  readonly #store: Store
  readonly #accounts = new Map<string, string>()
  #denials: readonly Denial[] = []

  constructor(token: string, store: Store) {
    this.#token = token
    this.#store = store
  }

  deny(denials: readonly Denial[]): void {
    this.#denials = denials
  }

  /** As the TokenRequest API would; the account need not exist. */
  tokenFor(namespace: string, serviceAccount: string): string {
    const token = randomBytes(24).toString('base64url')
    this.#accounts.set(token, `system:serviceaccount:${namespace}:${serviceAccount}`)
    return token
  }

  /** Undefined for a token that is not valid: no token at all is someone, who may do nothing. */
  authenticate(authorization: string | undefined, impersonated: string | undefined): string | undefined {
    if (authorization === undefined) return ANONYMOUS
    if (authorization === `Bearer ${this.#token}`) return impersonated ?? USER
    return this.#accounts.get(authorization.replace(/^Bearer /, ''))
  }

  decide(user: string, ask: Ask): Decision {
    const resource = ask.subresource === undefined ? ask.resource : `${ask.resource}/${ask.subresource}`
    if (user === USER) return { allowed: !this.#denials.some((denial) => denies(denial, { ...ask, resource })) }
    if (ask.namespace === undefined) return { allowed: false }
    for (const { binding, rules, subject } of this.#bound(user, ask.namespace)) {
      if (!rules.some((rule) => grants(rule, { ...ask, resource }))) continue
      const where = `RoleBinding "${binding.metadata.name}/${ask.namespace}" of Role "${binding.roleRef.name}"`
      return { allowed: true, reason: `RBAC: allowed by ${where} to ServiceAccount "${subject}"` }
    }
    return { allowed: false }
  }

  /** What `decide` grants in a namespace, as RBAC writes it. Denials are not told apart. */
  rulesOf(user: string, namespace: string): readonly object[] {
    if (user === USER) return [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    return this.#bound(user, namespace).flatMap(({ rules }) =>
      rules.map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
    )
  }

  #bound(user: string, namespace: string) {
    const [, home = '', account = ''] = SERVICE_ACCOUNT.exec(user) ?? []
    if (account === '') return []
    return this.#store
      .list<Binding>(roleBindings, namespace)
      .filter(({ subjects = [] }) =>
        subjects.some((one) => one.kind === 'ServiceAccount' && one.name === account && one.namespace === home),
      )
      .map((binding) => {
        const role = this.#store.get(roles, namespace, binding.roleRef.name)
        return { binding, rules: (role?.rules ?? []) as readonly Rule[], subject: `${account}/${home}` }
      })
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
    if (this.decide(user, ask).allowed) return
    throw forbidden(resource, {
      user,
      verb,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(subresource === undefined ? {} : { subresource }),
    })
  }
}

function denies(denial: Denial, { verb, group, resource, namespace, name }: Ask): boolean {
  return (
    (denial.verb === undefined || denial.verb === verb) &&
    (denial.group === undefined || denial.group === group) &&
    (denial.resource === undefined || denial.resource === resource) &&
    (denial.namespace === undefined || denial.namespace === namespace) &&
    (denial.name === undefined || denial.name === name)
  )
}

function grants(rule: Rule, { verb, group, resource, name }: Ask): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list !== undefined && (list.includes('*') || list.includes(value))
  const named = rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name))
  return has(rule.verbs, verb) && has(rule.apiGroups, group) && has(rule.resources, resource) && named
}
