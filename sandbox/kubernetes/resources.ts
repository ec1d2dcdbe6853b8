/** The kinds that the simulator serves, and the discovery and OpenAPI documents that kubectl needs for them. */

export interface Resource {
  readonly group: '' | 'apps' | 'batch' | 'autoscaling' | 'rbac.authorization.k8s.io'
  readonly version: 'v1' | 'v2'
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  readonly shortNames?: readonly string[]
  readonly subresources?: readonly string[]
  /** False for kinds whose `metadata.generation` a real server leaves out. */
  readonly generation?: boolean
  readonly inAll?: boolean
}

const core = { group: '', version: 'v1', namespaced: true } as const
const apps = { group: 'apps', version: 'v1', namespaced: true, generation: true, inAll: true } as const
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true } as const
const batch = { group: 'batch', version: 'v1', namespaced: true, generation: true, inAll: true } as const

export const namespaces: Resource = {
  ...core,
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
}
export const pods: Resource = {
  ...core,
  plural: 'pods',
  kind: 'Pod',
  shortNames: ['po'],
  subresources: ['log', 'status'],
  inAll: true,
}
export const secrets: Resource = { ...core, plural: 'secrets', kind: 'Secret' }
export const configMaps: Resource = { ...core, plural: 'configmaps', kind: 'ConfigMap', shortNames: ['cm'] }
export const events: Resource = { ...core, plural: 'events', kind: 'Event', shortNames: ['ev'] }
export const deployments: Resource = {
  ...apps,
  plural: 'deployments',
  kind: 'Deployment',
  shortNames: ['deploy'],
  subresources: ['scale', 'status'],
}
export const replicaSets: Resource = {
  ...apps,
  plural: 'replicasets',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  subresources: ['status'],
}
export const jobs: Resource = { ...batch, plural: 'jobs', kind: 'Job', subresources: ['status'] }
export const cronJobs: Resource = {
  ...batch,
  plural: 'cronjobs',
  kind: 'CronJob',
  shortNames: ['cj'],
  subresources: ['status'],
}

export const nodes: Resource = { ...core, plural: 'nodes', kind: 'Node', namespaced: false, shortNames: ['no'] }
const serviceAccounts: Resource = {
  ...core,
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
}
const autoscalers: Resource = {
  group: 'autoscaling',
  version: 'v2',
  namespaced: true,
  plural: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  inAll: true,
}
export const roles: Resource = { ...rbac, plural: 'roles', kind: 'Role' }
export const roleBindings: Resource = { ...rbac, plural: 'rolebindings', kind: 'RoleBinding' }

export const resources: readonly Resource[] = [
  configMaps,
  events,
  namespaces,
  nodes,
  pods,
  secrets,
  serviceAccounts,
  autoscalers,
  roles,
  roleBindings,
  deployments,
  replicaSets,
  cronJobs,
  jobs,
]

export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

export function resourceOf(group: string, version: string, plural: string): Resource | undefined {
  return resources.find((one) => one.group === group && one.version === version && one.plural === plural)
}

export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return resources.find((one) => apiVersionOf(one) === apiVersion && one.kind === kind)
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
/** Each in its one version. */
const GROUPS = {
  apps: 'v1',
  batch: 'v1',
  autoscaling: 'v2',
  'authorization.k8s.io': 'v1',
  'rbac.authorization.k8s.io': 'v1',
} as const
const groupNames = Object.keys(GROUPS) as (keyof typeof GROUPS)[]

export const servesGroup = (group: string) => group === '' || group in GROUPS

function resourceList(group: string): object[] {
  return resources
    .filter((one) => one.group === group)
    .flatMap((one) => [
      {
        name: one.plural,
        singularName: '',
        namespaced: one.namespaced,
        kind: one.kind,
        verbs: VERBS,
        ...(one.shortNames ? { shortNames: one.shortNames } : {}),
        ...(one.inAll ? { categories: ['all'] } : {}),
      },
      ...(one.subresources ?? []).map((name) => subresource(one, name)),
    ])
}

function subresource(of: Resource, name: string): object {
  const shared = { name: `${of.plural}/${name}`, singularName: '', namespaced: of.namespaced }
  if (name === 'log') return { ...shared, kind: of.kind, verbs: ['get'] }
  const verbs = ['get', 'patch', 'update']
  if (name === 'scale') return { ...shared, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs }
  return { ...shared, kind: of.kind, verbs }
}

function group(name: keyof typeof GROUPS): object {
  const version = { groupVersion: `${name}/${GROUPS[name]}`, version: GROUPS[name] }
  return { name, versions: [version], preferredVersion: version }
}

/** kubectl refuses a command when a discovery document is missing, and falls back from nothing. */
export function discovery(path: string, address: string): object | undefined {
  if (path === '/api') {
    const clients = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }]
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: clients }
  }
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames.map(group) }
  if (path === '/api/v1') return { kind: 'APIResourceList', groupVersion: 'v1', resources: resourceList('') }
  const named = groupNames.find((name) => path === `/apis/${name}` || path === `/apis/${name}/${GROUPS[name]}`)
  if (named === undefined) return undefined
  if (path === `/apis/${named}`) return { kind: 'APIGroup', apiVersion: 'v1', ...group(named) }
  const served = named === 'authorization.k8s.io' ? reviews : resourceList(named)
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${named}/${GROUPS[named]}`, resources: served }
}

const reviews = ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'].map((kind) => ({
  name: `${kind.toLowerCase()}s`,
  singularName: '',
  namespaced: false,
  kind,
  verbs: ['create'],
}))

const OPENAPI_GROUPS = {
  'api/v1': '',
  'apis/apps/v1': 'apps',
  'apis/batch/v1': 'batch',
  'apis/autoscaling/v2': 'autoscaling',
  'apis/rbac.authorization.k8s.io/v1': 'rbac.authorization.k8s.io',
} as const

/** `kubectl apply` only wants to know that PATCH takes `fieldValidation`, `dryRun` and `fieldManager`. */
export function openapi(path: string): object | undefined {
  if (path === '/openapi/v3') {
    const paths = Object.keys(OPENAPI_GROUPS).map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=1` }])
    return { paths: Object.fromEntries(paths) }
  }
  const key = Object.keys(OPENAPI_GROUPS).find((name) => path === `/openapi/v3/${name}`)
  if (key === undefined) return undefined
  const served = resources.filter((one) => one.group === OPENAPI_GROUPS[key as keyof typeof OPENAPI_GROUPS])
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.26.4' },
    paths: Object.fromEntries(served.map((one) => [openapiPath(key, one), { patch: openapiPatch(one) }])),
  }
}

/**
 * What kubectl up to 1.28 asks for in place of v3, in protobuf only: a document that says nothing but "swagger: 2.0". For a kind
 * that is not described kubectl skips its own validation, and the server validates anyhow.
 */
export const OPENAPI_V2 = {
  path: '/openapi/v2',
  type: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  body: Buffer.from([0x0a, 0x03, ...Buffer.from('2.0')]),
} as const

function openapiPath(prefix: string, resource: Resource): string {
  return `/${prefix}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.plural}/{name}`
}

function openapiPatch(resource: Resource): object {
  const parameter = (name: string, type: string) => ({ name, in: 'query', schema: { type, uniqueItems: true } })
  return {
    operationId: `patch${resource.kind}`,
    parameters: [
      ...['dryRun', 'fieldManager', 'fieldValidation'].map((name) => parameter(name, 'string')),
      parameter('force', 'boolean'),
    ],
    responses: {},
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: resource.group, version: resource.version, kind: resource.kind },
  }
}
