import { type KubeObject, type Pod, timestamp } from '../objects.ts'
import { pods, type Resource, resourceOfKind, resources } from '../resources.ts'
import type { Store } from '../store.ts'
import type { Controller } from './work-queue.ts'

export type Propagation = 'Background' | 'Foreground' | 'Orphan'

/** Deletes as the API server and the garbage collector do together. Pods go through their grace period first. */
export function deleteObject(
  store: Store,
  resource: Resource,
  object: KubeObject,
  propagation: Propagation,
  graceSeconds?: number,
): KubeObject {
  if (propagation === 'Orphan' && resource !== pods) return deleteOrphaning(store, resource, object)
  if (resource === pods) return terminatePod(store, object as Pod, graceSeconds)
  if (propagation === 'Foreground') {
    const metadata = {
      ...object.metadata,
      deletionTimestamp: timestamp(),
      deletionGracePeriodSeconds: 0,
      finalizers: [...(object.metadata.finalizers ?? []), 'foregroundDeletion'],
    }
    const marked = store.update(resource, { ...object, metadata })
    for (const [kind, dependent] of dependentsOf(store, object)) deleteObject(store, kind, dependent, 'Foreground')
    finishForeground(store, resource, marked)
    return marked
  }
  if ((object.metadata.finalizers ?? []).length > 0) {
    const metadata = { ...object.metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 0 }
    return store.update(resource, { ...object, metadata })
  }
  store.remove(resource, object.metadata.namespace, object.metadata.name)
  return object
}

function terminatePod(store: Store, pod: Pod, graceSeconds: number | undefined): KubeObject {
  if (pod.metadata.deletionTimestamp !== undefined && graceSeconds !== 0) return pod
  if (pod.spec.nodeName === undefined || graceSeconds === 0) {
    store.remove(pods, pod.metadata.namespace, pod.metadata.name)
    return pod
  }
  const seconds = graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30
  const deletionTimestamp = timestamp(new Date(Date.now() + seconds * 1_000))
  const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: seconds }
  return store.update(pods, { ...pod, metadata })
}

function* dependentsOf(store: Store, owner: KubeObject): Generator<[Resource, KubeObject]> {
  for (const resource of resources)
    for (const object of store.list(resource, owner.metadata.namespace))
      if (object.metadata.ownerReferences?.some((reference) => reference.uid === owner.metadata.uid))
        yield [resource, object]
}

/** Only marks it: the garbage collector releases the dependents and then removes it. */
function deleteOrphaning(store: Store, resource: Resource, object: KubeObject): KubeObject {
  const finalizers = [...(object.metadata.finalizers ?? []), 'orphan']
  const metadata = {
    ...object.metadata,
    deletionTimestamp: timestamp(),
    deletionGracePeriodSeconds: 0,
    finalizers,
  }
  return store.update(resource, { ...object, metadata })
}

function orphan(store: Store, owner: KubeObject): void {
  for (const [resource, object] of dependentsOf(store, owner)) {
    const { ownerReferences = [], ...metadata } = object.metadata
    const left = ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid)
    const references = left.length === 0 ? {} : { ownerReferences: left }
    store.update(resource, { ...object, metadata: { ...metadata, ...references } })
  }
}

function finishForeground(store: Store, resource: Resource, object: KubeObject): void {
  const waiting = object.metadata.finalizers?.includes('foregroundDeletion') === true
  if (!waiting || !dependentsOf(store, object).next().done) return
  store.remove(resource, object.metadata.namespace, object.metadata.name)
}

/** How long a marked object can be seen before its dependents are released. */
const ORPHANING_MS = 20

/** Background deletion, orphaning, and the end of a foreground deletion once the last dependent is gone. */
export class GarbageCollector implements Controller {
  readonly #unsubscribe: () => void
  readonly #timers = new Set<NodeJS.Immediate>()
  readonly #orphaning = new Map<string, NodeJS.Timeout>()

  constructor(store: Store) {
    this.#unsubscribe = store.onChange(({ type, resource, object }) => {
      const key = object.metadata.uid ?? ''
      if (type === 'MODIFIED' && object.metadata.finalizers?.includes('orphan') && !this.#orphaning.has(key)) {
        const timer = setTimeout(() => {
          this.#orphaning.delete(key)
          orphan(store, object)
          store.remove(resource, object.metadata.namespace, object.metadata.name)
        }, ORPHANING_MS)
        this.#orphaning.set(key, timer)
      }
      if (type !== 'DELETED') return
      const timer = setImmediate(() => {
        this.#timers.delete(timer)
        for (const [kind, dependent] of dependentsOf(store, object)) deleteObject(store, kind, dependent, 'Background')
        for (const reference of object.metadata.ownerReferences ?? []) {
          const resource = resourceOfKind(reference.apiVersion, reference.kind)
          const owner = resource && store.get(resource, object.metadata.namespace, reference.name)
          if (resource && owner) finishForeground(store, resource, owner)
        }
      })
      this.#timers.add(timer)
    })
  }

  close(): void {
    this.#unsubscribe()
    for (const timer of this.#timers) clearImmediate(timer)
    for (const timer of this.#orphaning.values()) clearTimeout(timer)
  }
}
