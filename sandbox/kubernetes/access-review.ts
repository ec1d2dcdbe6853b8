import { type AccessRules, ANONYMOUS } from './access.ts'
import type { Call } from './call.ts'
import { isMap } from './objects.ts'
import { documentOf, send } from './requests.ts'
import { resources } from './resources.ts'
import { rulesReview } from './rules-review.ts'
import { forbidden, invalid, methodNotAllowed } from './status.ts'

/** `SelfSubjectAccessReview`: may I? */
export async function serveReview(access: AccessRules, call: Call): Promise<void> {
  if (call.request.method !== 'POST') throw methodNotAllowed()
  if (call.user === ANONYMOUS) throw forbidden(accessReviews, { user: call.user, verb: 'create' })
  const body = await documentOf(call.request, 'SelfSubjectAccessReview')
  const spec = isMap(body.spec) ? body.spec : {}
  const attributes = spec.resourceAttributes ?? spec.nonResourceAttributes
  if (!isMap(attributes))
    throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
        field: 'spec.resourceAttributes',
      },
    ])
  const text = (field: string) => (typeof attributes[field] === 'string' ? String(attributes[field]) : undefined)
  const { group: _, ...named } = attributes
  const ask = {
    verb: text('verb') ?? '',
    group: text('group') ?? '',
    resource: text('resource') ?? '',
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  }
  const known = resources.some(({ group, plural }) => group === ask.group && plural === ask.resource)
  const decision =
    spec.resourceAttributes === undefined
      ? PUBLIC_INFO
      : known || ask.group === 'authorization.k8s.io'
        ? access.decide(call.user, ask)
        : { allowed: false }
  send(call.response, 201, {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: spec.resourceAttributes === undefined ? spec : { resourceAttributes: text('group') ? attributes : named },
    status: decision,
  })
}

/** `SelfSubjectRulesReview`: what may I? */
export async function serveRulesReview(access: AccessRules, { request, response, user }: Call): Promise<void> {
  if (request.method !== 'POST') throw methodNotAllowed()
  if (user === ANONYMOUS) throw forbidden(rulesReviews, { user, verb: 'create' })
  send(response, 201, await rulesReview(request, user, access))
}

/** Open to everybody by the bindings that every cluster is born with. */
const PUBLIC_INFO = {
  allowed: true,
  reason:
    'RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole "system:public-info-viewer" to Group "system:authenticated"',
}

const accessReviews = { group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews' } as const
const rulesReviews = { group: 'authorization.k8s.io', plural: 'selfsubjectrulesreviews' } as const
