import { type Call, isDry, sendObject } from './call.ts'
import { deleteObject, type Propagation } from './controllers/garbage.ts'
import { selection } from './lists.ts'
import { isMap, type JsonMap, type KubeObject } from './objects.ts'
import { documentOf, send, type Target } from './requests.ts'
import { apiVersionOf, jobs, pods, type Resource } from './resources.ts'
import { invalid, pluralDetails, StatusError } from './status.ts'
import type { Store } from './store.ts'

/** Preconditions, propagation, grace and dry run as the client asks for them, in the body or in the query. */
export async function serveDelete(store: Store, call: Call, { resource }: Target, object: KubeObject): Promise<void> {
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
  const deleted = deleteObject(store, resource, object, propagation, seconds)
  const lingers = (object.metadata.finalizers ?? []).length > 0
  if (resource === pods || propagation !== 'Background' || lingers) return sendObject(call, 200, resource, deleted)
  return send(call.response, 200, done)
}

export function serveDeleteCollection(
  store: Store,
  call: Call,
  { resource, namespace }: Target,
  show: (object: KubeObject) => KubeObject,
): void {
  const found = store.list(resource, namespace).filter(selection(call.query, resource))
  const items = found.map((object) => show(object))
  for (const object of found) deleteObject(store, resource, object, 'Background')
  const metadata = { resourceVersion: String(store.revision) }
  send(call.response, 200, {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata,
    items: items.map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
  })
}

const qualifiedKind = ({ group, kind }: Resource) => (group === '' ? kind : `${kind}.${group}`)

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
