import { parse as parseYaml } from 'yaml'

import { checkDecodes, validate, withDefaults, withJobSelector } from './admission.ts'
import { managedFields, type Owner, ownersAfterUpdate, ownersFrom, serverSideApply } from './field-ownership.ts'
import { earlier, isMap, type Job, type JsonMap, type KubeObject, randomSuffix, same } from './objects.ts'
import { jsonPatch, mergePatch, strategicMerge } from './patch.ts'
import { apiVersionOf, namespaces, type Resource } from './resources.ts'
import { type Schema, schemas, unknownFields } from './schema.ts'
import {
  alreadyExists,
  badRequest,
  invalid,
  modified,
  notFound,
  pluralDetails,
  qualified,
  required,
  StatusError,
} from './status.ts'
import type { Store } from './store.ts'

export interface WriteRequest {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly manager: string | undefined
  readonly force: boolean
  readonly dryRun: boolean
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  readonly warn: (text: string) => void
}

const CONTROLLER_STATUS = { Deployment: {}, Job: {}, CronJob: {}, ReplicaSet: { replicas: 0 } } as const

/** Create, replace and patch with everything that happens between the request and the store. */
export class Writes {
  readonly #store: Store
  /** By uid; `metadata.managedFields` is written from it when an object is shown. */
  readonly #owners = new Map<string, readonly Owner[]>()

  constructor(store: Store) {
    this.#store = store
    store.onChange(({ type, object }) => {
      if (type === 'DELETED') this.#owners.delete(object.metadata.uid ?? '')
    })
  }

  shown(object: KubeObject): KubeObject {
    const owners = this.#owners.get(object.metadata.uid ?? '')
    if (owners === undefined || owners.length === 0) return object
    return { ...object, metadata: { ...object.metadata, managedFields: managedFields(owners) } }
  }

  /** Whoever wrote fields wrote them so much earlier. */
  age(ms: number): void {
    for (const [uid, owners] of this.#owners)
      this.#owners.set(
        uid,
        owners.map((owner) => ({ ...owner, time: earlier(owner.time, ms) })),
      )
  }

  create(request: WriteRequest, body: JsonMap): KubeObject {
    const { resource } = request
    this.#requireNamespace(request, isMap(body.metadata) ? String(body.metadata.name ?? '') : '')
    const object = this.#admit(request, body, undefined)
    const { name } = object.metadata
    if (this.#store.get(resource, request.namespace, name) !== undefined) throw alreadyExists(resource, name)
    // Whoever creates an object owns its defaults too: the server compares nothing with the whole of it.
    const owners = ownersAfterUpdate([], undefined, object, this.#writer(request))
    return this.#insert(request, object, owners)
  }

  replace(request: WriteRequest, body: JsonMap): KubeObject {
    const before = this.#existing(request)
    const bodyName = isMap(body.metadata) ? body.metadata.name : undefined
    if (bodyName !== request.name) throw nameMismatch(String(bodyName), String(request.name))
    this.#checkVersion(request, before, body)
    return this.#update(request, before, { ...body, status: before.status })
  }

  /** `mayCreate` is asked when server-side apply finds nothing to patch. */
  patch(
    request: WriteRequest,
    contentType: string,
    text: string,
    mayCreate: () => boolean = () => true,
  ): { object: KubeObject; created: boolean } {
    if (contentType === 'application/apply-patch+yaml') return this.#apply(request, text, mayCreate)
    const before = this.#existing(request)
    const shown = this.shown(before)
    const patched = this.#patched(contentType, shown, text, request.resource)
    if (!isMap(patched)) throw badRequest('the patched document is not an object')
    const patchedName = isMap(patched.metadata) ? patched.metadata.name : undefined
    if (patchedName !== request.name) throw nameMismatch(String(patchedName), String(request.name))
    this.#checkVersion(request, before, patched)
    return { object: this.#update(request, before, patched), created: false }
  }

  /** Writes `status` only, for the status subresource. */
  patchStatus(request: WriteRequest, contentType: string, text: string): KubeObject {
    const before = this.#existing(request)
    const patched = this.#patched(contentType, before, text, request.resource)
    const status = isMap(patched) ? patched.status : before.status
    return request.dryRun ? { ...before, status } : this.#store.update(request.resource, { ...before, status })
  }

  #patched(contentType: string, target: unknown, text: string, resource: Resource): unknown {
    switch (contentType) {
      case 'application/json-patch+json':
        return jsonPatch(target, parsed(text, 'error decoding patch: '))
      case 'application/merge-patch+json':
        return mergePatch(target, parsed(text, 'error decoding patch: '))
      case 'application/strategic-merge-patch+json':
        return strategicMerge(target, parsed(text, ''), schemaOf(resource))
      default:
        throw new StatusError(
          415,
          'UnsupportedMediaType',
          '415: Unsupported Media Type\n\nAvailable representations: ',
          {},
        )
    }
  }

  #apply(request: WriteRequest, text: string, mayCreate: () => boolean): { object: KubeObject; created: boolean } {
    const { resource, manager } = request
    if (manager === undefined || manager === '')
      throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
        required('fieldManager', 'Required value: is required for apply patch'),
      ])
    const applied: unknown = parseYaml(text)
    if (!isMap(applied)) throw badRequest('error decoding YAML: the patch is not an object')
    const document = this.#checkApplied(request, applied)
    const live = this.#store.get(resource, request.namespace, request.name ?? '')
    if (live === undefined) {
      this.#requireNamespace(request, request.name)
      // The reason of a refusal is empty in a real server too: RBAC does not say why not.
      if (!mayCreate()) throw forbiddenCreation(resource, request.name ?? '')
    } else this.#checkVersion(request, live, document)
    const result = serverSideApply(live, document, {
      manager,
      force: request.force,
      apiVersion: apiVersionOf(resource),
      owners: this.#owners.get(live?.metadata.uid ?? '') ?? [],
      schema: schemaOf(resource),
    })
    if (live === undefined)
      return {
        object: this.#insert(request, this.#admit(request, result.object, undefined), result.owners),
        created: true,
      }
    return {
      object: this.#save(request, live, this.#admit(request, result.object, live), result.owners),
      created: false,
    }
  }

  #checkApplied(request: WriteRequest, applied: JsonMap): KubeObject {
    const { resource, name } = request
    const metadata = isMap(applied.metadata) ? applied.metadata : {}
    if (applied.apiVersion !== apiVersionOf(resource))
      throw badRequest(
        `Incorrect version specified in apply patch. Specified patch version: ${String(applied.apiVersion ?? '')}, expected: ${apiVersionOf(resource)}`,
      )
    if (Array.isArray(metadata.managedFields) && metadata.managedFields.length > 0)
      throw badRequest('metadata.managedFields must be nil')
    if (metadata.name !== undefined && metadata.name !== name) throw nameMismatch(String(metadata.name), String(name))
    const [unknown] = unknownFields(applied, schemaOf(resource))
    if (unknown !== undefined)
      throw new StatusError(
        500,
        undefined,
        `failed to create typed patch object (${String(metadata.namespace ?? '')}/${name}; ${resource.group}/${resource.version}, Kind=${resource.kind}): .${unknown}: field not declared in schema`,
      )
    const { creationTimestamp: _, ...kept } = metadata
    const data = isMap(applied.data) ? { data: withEmptyForNull(applied.data) } : {}
    return { ...applied, ...data, metadata: { ...kept, name: name ?? '' } } as unknown as KubeObject
  }

  #update(request: WriteRequest, before: KubeObject, next: JsonMap): KubeObject {
    const moved = isMap(next.metadata) ? next.metadata.managedFields : undefined
    const current = this.#owners.get(before.metadata.uid ?? '') ?? []
    const owners = moved === undefined || same(moved, managedFields(current)) ? current : ownersFrom(moved)
    const admitted = this.#admit(request, next, before)
    return this.#save(request, before, admitted, ownersAfterUpdate(owners, before, admitted, this.#writer(request)))
  }

  #admit(request: WriteRequest, body: JsonMap, before: KubeObject | undefined): KubeObject {
    const { resource } = request
    checkDecodes(resource, body)
    this.#checkUnknown(request, body)
    const { managedFields: _, ...metadata } = isMap(body.metadata) ? body.metadata : {}
    const { namespace: bodyNamespace, generateName, name } = metadata
    if (bodyNamespace !== undefined && bodyNamespace !== request.namespace && resource.namespaced)
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
    const generated =
      name === undefined && typeof generateName === 'string' ? { name: `${generateName}${randomSuffix()}` } : {}
    const placed = request.namespace === undefined ? {} : { namespace: request.namespace }
    const status = before?.status ?? (CONTROLLER_STATUS as Record<string, object>)[resource.kind]
    const object = withDefaults(resource, {
      ...body,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: withoutNulls({ ...metadata, ...generated, ...placed }) as unknown as KubeObject['metadata'],
      ...(status === undefined ? {} : { status }),
    })
    validate(resource, object, before)
    return object
  }

  #checkUnknown({ resource, fieldValidation, warn }: WriteRequest, body: JsonMap): void {
    if (fieldValidation === 'Ignore') return
    const unknown = unknownFields(body, schemaOf(resource))
    if (unknown.length === 0) return
    const texts = unknown.map((field) => `unknown field "${field}"`)
    if (fieldValidation === 'Warn') return texts.forEach(warn)
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: strict decoding error: ${texts.join(', ')}`,
    )
  }

  #insert(request: WriteRequest, object: KubeObject, owners: readonly Owner[]): KubeObject {
    const { resource, dryRun } = request
    const complete = (created: KubeObject) => (resource.kind === 'Job' ? withJobSelector(created as Job) : created)
    if (dryRun) return this.#withOwners(complete(this.#store.preview(resource, object)), owners)
    const stored = this.#store.create(resource, object, complete)
    this.#owners.set(stored.metadata.uid ?? '', owners)
    return this.shown(stored)
  }

  #save(request: WriteRequest, before: KubeObject, next: KubeObject, owners: readonly Owner[]): KubeObject {
    if (request.dryRun) return this.#withOwners(this.#store.previewUpdate(request.resource, next), owners)
    const { uid, deletionTimestamp, finalizers = [] } = before.metadata
    if (deletionTimestamp !== undefined && finalizers.length > 0 && (next.metadata.finalizers ?? []).length === 0) {
      this.#store.remove(request.resource, before.metadata.namespace, before.metadata.name)
      return this.#withOwners(next, owners)
    }
    const present = this.#owners.get(uid ?? '') ?? []
    const moved = !same(timeless(owners), timeless(present))
    const stored = this.#store.update(request.resource, next, 'client', moved)
    // A write that changes nothing but the times of managedFields is none: the server keeps the old ones.
    if (stored !== before || moved) this.#owners.set(uid ?? '', owners)
    return this.shown(stored)
  }

  #withOwners(object: KubeObject, owners: readonly Owner[]): KubeObject {
    return { ...object, metadata: { ...object.metadata, managedFields: managedFields(owners) } }
  }

  #writer(request: WriteRequest): { manager: string; apiVersion: string; schema: Schema } {
    return {
      manager: request.manager ?? 'unknown',
      apiVersion: apiVersionOf(request.resource),
      schema: schemaOf(request.resource),
    }
  }

  #existing({ resource, namespace, name }: WriteRequest): KubeObject {
    const found = this.#store.get(resource, namespace, name ?? '')
    if (found === undefined) throw notFound(resource, name ?? '')
    return found
  }

  #requireNamespace({ resource, namespace }: WriteRequest, name = ''): void {
    if (!resource.namespaced || namespace === undefined) return
    const found = this.#store.get(namespaces, undefined, namespace)
    if (found === undefined) throw notFound(namespaces, namespace)
    if (found.metadata.deletionTimestamp !== undefined) throw terminating(resource, name, namespace)
  }

  /** A resourceVersion in the document says "only if it is still this one". */
  #checkVersion({ resource, name }: WriteRequest, before: KubeObject, body: JsonMap | KubeObject): void {
    const metadata = isMap(body.metadata) ? body.metadata : {}
    const { resourceVersion, uid } = metadata
    const stale = resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion
    if (stale || (uid !== undefined && uid !== before.metadata.uid)) throw modified(resource, name ?? '')
  }
}

const terminating = (resource: Resource, name: string, namespace: string) =>
  new StatusError(
    403,
    'Forbidden',
    `${qualified(resource)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      ...pluralDetails(resource, name),
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  )

const forbiddenCreation = (resource: Resource, name: string) =>
  new StatusError(403, 'Forbidden', `${qualified(resource)} "${name}" is forbidden: `, pluralDetails(resource, name))

/** In a document that is applied, null is a value like another; a map of texts holds it as the empty text. */
const withEmptyForNull = (data: JsonMap): JsonMap =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value === null ? '' : value]))

const schemaOf = (resource: Resource): Schema => schemas[resource.kind] ?? 'any'

const nameMismatch = (given: string, url: string) =>
  badRequest(`the name of the object (${given}) does not match the name on the URL (${url})`)

function parsed(text: string, prefix: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(`${prefix}unexpected end of JSON input`)
  }
}

function withoutNulls(map: JsonMap): JsonMap {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null && value !== undefined))
}

function timeless(owners: readonly Owner[]): readonly string[] {
  return managedFields(owners.map((owner) => ({ ...owner, time: '' })))
    .map((entry) => JSON.stringify(entry))
    .toSorted()
}
