import type { IncomingMessage, ServerResponse } from 'node:http'

import { serveReview, serveRulesReview } from './access-review.ts'
import type { AccessRules } from './access.ts'
import { askOf, type Call, sendObject, writeOf } from './call.ts'
import type { Kubelet } from './controllers/kubelet.ts'
import { serveDelete, serveDeleteCollection } from './deletes.ts'
import { serveLog } from './log-endpoint.ts'
import type { Deployment, JsonMap, KubeObject, Pod } from './objects.ts'
import { Reads } from './reads.ts'
import {
  bodyOf,
  contentType,
  credentialsOf,
  documentOf,
  send,
  sendText,
  type Target,
  targetOf,
  verbOf,
} from './requests.ts'
import { discovery, namespaces, openapi, OPENAPI_V2, type Resource } from './resources.ts'
import { serveScale } from './scale-endpoint.ts'
import { methodNotAllowed, noSuchResource, notFound, StatusError, unauthorized } from './status.ts'
import type { Store } from './store.ts'
import { Writes } from './writes.ts'

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

/** The HTTP face of the store. */
export class Api {
  readonly #store: Store
  readonly #kubelet: Kubelet
  readonly #access: AccessRules
  readonly #writes: Writes
  readonly #reads: Reads

  constructor(store: Store, kubelet: Kubelet, access: AccessRules) {
    this.#store = store
    this.#kubelet = kubelet
    this.#access = access
    this.#writes = new Writes(store)
    this.#reads = new Reads(store, (object) => this.#writes.shown(object))
  }

  age(ms: number): void {
    this.#kubelet.age(ms)
    this.#writes.age(ms)
  }

  create(resource: Resource, namespace: string | undefined, object: JsonMap): KubeObject {
    return this.#writes.create(
      {
        resource,
        namespace,
        name: undefined,
        // What was there before was applied by somebody, as the runbook's own way is.
        manager: 'kubectl-client-side-apply',
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
    this.#reads.endWatches()
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
    if (path === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') return serveReview(this.#access, call)
    if (path === '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews') return serveRulesReview(this.#access, call)
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
    // A namespace is asked for in itself: a Role of its own can grant it.
    const namespace = target.resource === namespaces ? target.name : target.namespace
    this.#access.require(call.user, { ...target, namespace, name, verb })
    if (target.subresource !== undefined) return this.#serveSubresource(call, target, verb)
    switch (verb) {
      case 'get':
        return sendObject(call, 200, target.resource, this.#writes.shown(this.#find(target)))
      case 'list':
        return this.#reads.list(call, target)
      case 'watch':
        return this.#reads.watch(call, target)
      case 'delete':
        if (target.name === undefined) throw methodNotAllowed()
        return serveDelete(this.#store, call, target, this.#find(target))
      case 'deletecollection':
        return serveDeleteCollection(this.#store, call, target, (object) => this.#writes.shown(object))
      case 'create': {
        const body = await documentOf(request, target.resource.kind)
        return sendObject(call, 201, target.resource, this.#writes.create(writeOf(call, target), body))
      }
      case 'update': {
        const body = await documentOf(request, target.resource.kind)
        return sendObject(call, 200, target.resource, this.#writes.replace(writeOf(call, target), body))
      }
      case 'patch': {
        const text = (await bodyOf(request)).toString()
        const mayCreate = () => this.#access.decide(call.user, askOf(target, 'create')).allowed
        const { object, created } = this.#writes.patch(writeOf(call, target), contentType(request), text, mayCreate)
        return sendObject(call, created ? 201 : 200, target.resource, object)
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
    if (subresource === 'scale') return serveScale(this.#writes, call, target, object as Deployment, verb)
    if (verb === 'get') return sendObject(call, 200, resource, object)
    const text = (await bodyOf(call.request)).toString()
    const type = verb === 'update' ? 'application/merge-patch+json' : contentType(call.request)
    return sendObject(call, 200, resource, this.#writes.patchStatus(writeOf(call, target), type, text))
  }

  #find({ resource, namespace, name }: Target): KubeObject {
    const object = this.#store.get(resource, namespace, name ?? '')
    if (object === undefined) throw notFound(resource, name ?? '')
    return object
  }
}

/** `metadata.name=x`: to RBAC this list or watch is of one named object. */
const namedBySelector = (query: URLSearchParams) =>
  /(?:^|,)metadata\.name==?([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1]
