import type { IncomingMessage, ServerResponse } from 'node:http'

import { ANONYMOUS, type AccessRules } from './access.ts'
import { type Propagation, deleteObject } from './controllers/garbage.ts'
import type { Kubelet } from './controllers/kubelet.ts'
import { pageOf, requireNumber, selection } from './lists.ts'
import { serveLog } from './log-endpoint.ts'
import { type Deployment, type JsonMap, type KubeObject, type Pod, isMap } from './objects.ts'
import {
  type Target,
  acceptsTable,
  bodyOf,
  contentType,
  credentialsOf,
  documentOf,
  formOf,
  send,
  sendText,
  targetOf,
  verbOf,
} from './requests.ts'
import { OPENAPI_V2, type Resource, apiVersionOf, discovery, jobs, openapi, pods, resources } from './resources.ts'
import { rulesReview } from './rules-review.ts'
import {
  StatusError,
  forbidden,
  forbiddenValue,
  invalid,
  invalidValue,
  methodNotAllowed,
  modified,
  noSuchResource,
  notFound,
  pluralDetails,
  unauthorized,
} from './status.ts'
import type { Store } from './store.ts'
import { table } from './tables.ts'
import { streamWatch } from './watch.ts'
import { type WriteRequest, Writes } from './writes.ts'
import { stringify as yamlOf } from 'yaml'

const DEFAULT_WATCH_SECONDS = 1_800
const HEALTH = /^\/(readyz|livez|healthz)(\/(ping|log|etcd))?$/
const VERSION = {
  major: '1',
  minor: '26',
  gitVersion: 'v1.26.4',
  gitCommit: 'simulated',
  gitTreeState: 'clean',
  buildDate: '2023-04-12T12:00:00Z',
  goVersion: 'go1.19.8',
  compiler: 'gc',
  platform: 'linux/amd64',
}

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  readonly user: string
}

/** The HTTP face of the store. */
export class Api {
  readonly #store: Store
  readonly #kubelet: Kubelet
  readonly #access: AccessRules
  readonly #writes: Writes
  readonly #watches = new Set<() => void>()

  constructor(store: Store, kubelet: Kubelet, access: AccessRules) {
    this.#store = store
    this.#kubelet = kubelet
    this.#access = access
    this.#writes = new Writes(store)
  }

  create(resource: Resource, namespace: string | undefined, object: JsonMap): KubeObject {
    return this.#writes.create(
      {
        resource,
        namespace,
        name: undefined,
        manager: 'seed',
        force: false,
        dryRun: false,
        fieldValidation: 'Strict',
        warn: () => undefined,
      },
      object,
    )
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response)
    } catch (error) {
      if (response.headersSent) return void response.end()
      const status = error instanceof StatusError ? error : new StatusError(500, undefined, String(error))
      send(response, status.code, status.body())
    }
  }

  endWatches(): void {
    for (const stop of [...this.#watches]) stop()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url, authorization } = credentialsOf(request)
    const path = url.pathname
    if (path === '/version') return send(response, 200, VERSION)
    if (HEALTH.test(path)) return sendText(response, 200, 'ok')
    const impersonated = request.headers['impersonate-user']
    const user = this.#access.authenticate(authorization, typeof impersonated === 'string' ? impersonated : undefined)
    if (user === undefined) throw unauthorized()
    const call: Call = { request, response, query: url.searchParams, user }
    if (path === OPENAPI_V2.path) {
      response.writeHead(200, { 'content-type': OPENAPI_V2.type })
      return void response.end(OPENAPI_V2.body)
    }
    const document = discovery(path, request.headers.host ?? '') ?? openapi(path)
    if (document !== undefined) return send(response, 200, document)
    if (path === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') return this.#review(call)
    if (path === '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews')
      return send(response, 201, await this.#rules(call))
    const target = targetOf(path)
    if (target === undefined) return sendText(response, 404, '404 page not found\n')
    if (target === 'unknown') throw noSuchResource()
    return this.#serve(call, target)
  }

  async #serve(call: Call, target: Target): Promise<void> {
    const { request, query } = call
    const watching = query.get('watch') === 'true' || query.get('watch') === '1'
    const verb = verbOf(request.method ?? 'GET', target.name !== undefined, watching)
    if (verb === undefined) throw methodNotAllowed()
    const name = target.name ?? (['list', 'watch'].includes(verb) ? namedBySelector(query) : undefined)
    this.#access.require(call.user, { ...target, name, verb })
    if (target.subresource !== undefined) return this.#serveSubresource(call, target, verb)
    switch (verb) {
      case 'get':
        return this.#sendObject(call, 200, target.resource, this.#writes.shown(this.#find(target)))
      case 'list':
        return this.#list(call, target)
      case 'watch':
        return this.#watch(call, target)
      case 'delete':
        return this.#delete(call, target)
      case 'deletecollection':
        return this.#deleteCollection(call, target)
      case 'create': {
        const body = await documentOf(request, target.resource.kind)
        return this.#sendObject(call, 201, target.resource, this.#writes.create(writeOf(call, target), body))
      }
      case 'update': {
        const body = await documentOf(request, target.resource.kind)
        return this.#sendObject(call, 200, target.resource, this.#writes.replace(writeOf(call, target), body))
      }
      case 'patch': {
        const text = (await bodyOf(request)).toString()
        const mayCreate = () => this.#access.decide(call.user, askOf(target, 'create')).allowed
        const { object, created } = this.#writes.patch(writeOf(call, target), contentType(request), text, mayCreate)
        return this.#sendObject(call, created ? 201 : 200, target.resource, object)
      }
      default:
        throw methodNotAllowed()
    }
  }

  async #serveSubresource(call: Call, target: Target, verb: string): Promise<void> {
    const { resource, subresource } = target
    if (!resource.subresources?.includes(subresource ?? '')) throw noSuchResource()
    const object = this.#find(target)
    if (subresource === 'log') {
      const pod = object as Pod
      return serveLog(
        this.#store,
        pod,
        call.query,
        (name) => this.#kubelet.logs(pod, name),
        call.request,
        call.response,
      )
    }
    if (subresource === 'scale') return this.#scale(call, target, object as Deployment, verb)
    if (verb === 'get') return this.#sendObject(call, 200, resource, object)
    const text = (await bodyOf(call.request)).toString()
    const type = verb === 'update' ? 'application/merge-patch+json' : contentType(call.request)
    return this.#sendObject(call, 200, resource, this.#writes.patchStatus(writeOf(call, target), type, text))
  }

  /** `autoscaling/v1` Scale; kubectl's PUT comes without a Content-Type. */
  async #scale(call: Call, target: Target, deployment: Deployment, verb: string): Promise<void> {
    if (verb === 'get') return send(call.response, 200, scaleOf(deployment))
    const body = await documentOf(call.request, 'Scale')
    const spec = isMap(body.spec) ? body.spec : {}
    if (typeof spec.replicas === 'number' && spec.replicas < 0)
      throw invalid({ group: 'autoscaling', kind: 'Scale' }, deployment.metadata.name, [
        invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'),
      ])
    const metadata = isMap(body.metadata) ? body.metadata : {}
    const { resourceVersion } = metadata
    if (resourceVersion !== undefined && resourceVersion !== deployment.metadata.resourceVersion)
      throw modified(target.resource, deployment.metadata.name)
    const patch = JSON.stringify({ spec: { replicas: spec.replicas ?? deployment.spec.replicas } })
    const write = writeOf(call, target)
    const { object } = this.#writes.patch(write, 'application/merge-patch+json', patch)
    return send(call.response, 200, scaleOf(object as Deployment))
  }

  #find({ resource, namespace, name }: Target): KubeObject {
    const object = this.#store.get(resource, namespace, name ?? '')
    if (object === undefined) throw notFound(resource, name ?? '')
    return object
  }

  async #list(call: Call, target: Target): Promise<void> {
    const { query, response } = call
    const { resource, namespace } = target
    const wanted = query.get('resourceVersion') ?? undefined
    await this.#checkVersion(wanted, query.get('resourceVersionMatch') ?? undefined)
    const found = this.#store.list(resource, namespace).filter(selection(query, resource))
    const page = pageOf(found, query, this.#store)
    if (acceptsTable(call.request)) return send(response, 200, table(resource, page.items, page.metadata))
    const items = page.items.map((object) => {
      const { kind: _kind, apiVersion: _apiVersion, ...item } = this.#writes.shown(object)
      return item
    })
    const apiVersion = apiVersionOf(resource)
    return send(response, 200, { kind: `${resource.kind}List`, apiVersion, metadata: page.metadata, items })
  }

  async #checkVersion(wanted: string | undefined, match: string | undefined): Promise<void> {
    if (wanted === undefined || wanted === '0') {
      if (match === undefined || wanted !== undefined) return
      throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
        forbiddenValue('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      ])
    }
    requireNumber(wanted)
    if (match === 'Exact' && Number(wanted) < this.#store.oldestRevision)
      throw new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.')
    if (Number(wanted) <= this.#store.revision) return
    throw new StatusError(
      504,
      'Timeout',
      `Timeout: Too large resource version: ${wanted}, current: ${this.#store.revision}`,
      {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    )
  }

  #watch(call: Call, target: Target): void {
    const { query, response } = call
    const byName = target.name === undefined ? () => true : (object: KubeObject) => object.metadata.name === target.name
    const matches = selection(query, target.resource)
    if (query.has('resourceVersionMatch')) throw matchForbidden(query)
    requireNumber(query.get('resourceVersion') || '0')
    const seconds = Number(query.get('timeoutSeconds') ?? DEFAULT_WATCH_SECONDS)
    const stop = streamWatch(this.#store, response, {
      resource: target.resource,
      namespace: target.namespace,
      matches: (object) => byName(object) && matches(object),
      resourceVersion: query.get('resourceVersion') || undefined,
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      timeoutMs: seconds * 1_000,
      asTable: acceptsTable(call.request),
      show: (object) => this.#writes.shown(object),
    })
    this.#watches.add(stop)
    response.on('close', () => this.#watches.delete(stop))
  }

  async #delete(call: Call, target: Target): Promise<void> {
    const { resource } = target
    if (target.name === undefined) throw methodNotAllowed()
    const object = this.#find(target)
    const body = await documentOf(call.request, 'DeleteOptions')
    const hasBody = Object.keys(body).length > 0
    const option = (name: string) => (hasBody ? body[name] : (call.query.get(name) ?? undefined))
    checkPreconditions(resource, object, body)
    const wanted = option('propagationPolicy') as Propagation | undefined
    if (resource === jobs && wanted === undefined)
      call.response.appendHeader(
        'warning',
        '299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"',
      )
    if (wanted !== undefined && !['Foreground', 'Background', 'Orphan'].includes(wanted))
      throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
        {
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: "${wanted}": supported values: "Foreground", "Background", "Orphan", "nil"`,
          field: 'propagationPolicy',
        },
      ])
    const propagation = wanted ?? (resource === jobs ? 'Orphan' : 'Background')
    const grace = option('gracePeriodSeconds')
    const done = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { ...pluralDetails(resource, object.metadata.name), uid: object.metadata.uid },
    }
    if (isDry(hasBody ? body.dryRun : call.query.get('dryRun'))) return send(call.response, 200, done)
    const seconds = grace === undefined ? undefined : Number(grace)
    const deleted = deleteObject(this.#store, resource, object, propagation, seconds)
    const lingers = (object.metadata.finalizers ?? []).length > 0
    if (resource === pods || propagation !== 'Background' || lingers)
      return this.#sendObject(call, 200, resource, deleted)
    return send(call.response, 200, done)
  }

  #deleteCollection(call: Call, { resource, namespace }: Target): void {
    const found = this.#store.list(resource, namespace).filter(selection(call.query, resource))
    const items = found.map((object) => this.#writes.shown(object))
    for (const object of found) deleteObject(this.#store, resource, object, 'Background')
    const metadata = { resourceVersion: String(this.#store.revision) }
    send(call.response, 200, {
      kind: `${resource.kind}List`,
      apiVersion: apiVersionOf(resource),
      metadata,
      items: items.map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
    })
  }

  async #review(call: Call): Promise<void> {
    if (call.request.method !== 'POST') throw methodNotAllowed()
    if (call.user === ANONYMOUS) throw forbidden(accessReviews, { user: call.user, verb: 'create' })
    const body = await documentOf(call.request, 'SelfSubjectAccessReview')
    const spec = isMap(body.spec) ? body.spec : {}
    const attributes = spec.resourceAttributes ?? spec.nonResourceAttributes
    if (!isMap(attributes))
      throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', [
        {
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
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
          ? this.#access.decide(call.user, ask)
          : { allowed: false }
    send(call.response, 201, {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: { creationTimestamp: null },
      spec: spec.resourceAttributes === undefined ? spec : { resourceAttributes: text('group') ? attributes : named },
      status: decision,
    })
  }

  async #rules({ request, user }: Call): Promise<object> {
    if (request.method !== 'POST') throw methodNotAllowed()
    if (user === ANONYMOUS) throw forbidden(rulesReviews, { user, verb: 'create' })
    return rulesReview(request, user, this.#access)
  }

  #sendObject(call: Call, code: number, resource: Resource, object: KubeObject): void {
    const form = formOf(call.request)
    const shaped = { ...shape(resource), ...object }
    if (form === 'yaml')
      return sendText(call.response, code, yamlOf(shaped, { sortMapEntries: true }), 'application/yaml')
    if (form === 'metadata') return send(call.response, code, metadataOnly(object))
    if (form === 'json') return send(call.response, code, shaped)
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    return send(call.response, code, table(resource, [object], metadata))
  }
}

const qualifiedKind = ({ group, kind }: Resource) => (group === '' ? kind : `${kind}.${group}`)

const metadataOnly = ({ metadata }: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

/** Open to everybody by the bindings that every cluster is born with. */
const PUBLIC_INFO = {
  allowed: true,
  reason:
    'RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole "system:public-info-viewer" to Group "system:authenticated"',
}

const accessReviews = { group: 'authorization.k8s.io', plural: 'selfsubjectaccessreviews' } as const
const rulesReviews = { group: 'authorization.k8s.io', plural: 'selfsubjectrulesreviews' } as const

const askOf = ({ resource, namespace, name, subresource }: Target, verb: string) => ({
  verb,
  group: resource.group,
  resource: resource.plural,
  subresource,
  namespace,
  name,
})

/** `metadata.name=x`: to RBAC this list or watch is of one named object. */
const namedBySelector = (query: URLSearchParams) =>
  /(?:^|,)metadata\.name==?([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1]

function matchForbidden(query: URLSearchParams): StatusError {
  const field = 'resourceVersionMatch'
  const without = query.has('resourceVersion')
    ? []
    : [forbiddenValue(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')]
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
    forbiddenValue(field, 'resourceVersionMatch is forbidden for watch'),
    ...without,
  ])
}

const shape = (resource: Resource) => ({ kind: resource.kind, apiVersion: apiVersionOf(resource) })

function writeOf(call: Call, target: Target): WriteRequest {
  const { query, request, response } = call
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown'
  const validation = query.get('fieldValidation')
  if (query.has('dryRun') && !isDry(query.get('dryRun')))
    throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: []string{"${query.get('dryRun')}"}: supported values: "All"`,
        field: 'dryRun',
      },
    ])
  const applying = contentType(request) === 'application/apply-patch+yaml'
  return {
    resource: target.resource,
    namespace: target.namespace,
    name: target.name,
    manager: query.get('fieldManager') ?? (applying ? undefined : agent),
    force: query.get('force') === 'true',
    dryRun: isDry(query.get('dryRun')),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    warn: (text) => response.appendHeader('warning', `299 - ${JSON.stringify(text)}`),
  }
}

const isDry = (value: unknown) => value === 'All' || (Array.isArray(value) && value.includes('All'))

function scaleOf({ metadata, spec, status }: Deployment): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const selector = Object.entries(spec.selector.matchLabels).map(([key, value]) => `${key}=${value}`)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, selector: selector.join(',') },
  }
}

function checkPreconditions(resource: Resource, object: KubeObject, body: JsonMap): void {
  const { uid, resourceVersion } = isMap(body.preconditions) ? body.preconditions : {}
  const mismatch = (what: string, wanted: unknown, is: string | undefined, how: string) =>
    new StatusError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${qualifiedKind(resource)} "${object.metadata.name}": the ${what} in the precondition (${String(wanted)}) does not match the ${what} in record (${is}). The object might have been ${how}`,
      { ...pluralDetails(resource, object.metadata.name), kind: resource.kind },
    )
  if (uid !== undefined && uid !== object.metadata.uid)
    throw mismatch('UID', uid, object.metadata.uid, 'deleted and then recreated')
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
    throw mismatch('ResourceVersion', resourceVersion, object.metadata.resourceVersion, 'modified')
}
