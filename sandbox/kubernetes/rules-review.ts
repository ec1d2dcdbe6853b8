import type { IncomingMessage } from 'node:http'

import type { AccessRules } from './access.ts'
import { isMap } from './objects.ts'
import { documentOf } from './requests.ts'

/** Bound to everybody who is authenticated, on every cluster. */
const forEverybody = {
  resource: [
    {
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    },
  ],
  other: [
    ['/healthz', '/livez', '/readyz', '/version', '/version/'],
    [
      '/api',
      '/api/*',
      '/apis',
      '/apis/*',
      '/healthz',
      '/livez',
      '/openapi',
      '/openapi/*',
      '/readyz',
      '/version',
      '/version/',
    ],
    ['/.well-known', '/.well-known/*'],
  ],
}
/** To the group of all ServiceAccounts, which whoever impersonates another group is not in. */
const forServiceAccounts = ['/.well-known/openid-configuration', '/openid/v1/jwks']

/** `kubectl auth can-i --list` */
export async function rulesReview(request: IncomingMessage, user: string, access: AccessRules): Promise<object> {
  const body = await documentOf(request, 'SelfSubjectRulesReview')
  const namespace = isMap(body.spec) && typeof body.spec.namespace === 'string' ? body.spec.namespace : ''
  const urls = [
    ...forEverybody.other,
    ...(request.headers['impersonate-group'] === undefined ? [forServiceAccounts] : []),
  ]
  return {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: {},
    status: {
      resourceRules: [...forEverybody.resource, ...access.rulesOf(user, namespace)],
      nonResourceRules: urls.map((nonResourceURLs) => ({ verbs: ['get'], nonResourceURLs })),
      incomplete: false,
    },
  }
}
