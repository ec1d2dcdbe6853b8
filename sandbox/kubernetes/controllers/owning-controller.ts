import { Recorder } from '../events.ts'
import type { KubeObject } from '../objects.ts'
import type { Resource } from '../resources.ts'
import type { Store } from '../store.ts'
import { type Controller, fromKey, keyFor, WorkQueue } from './work-queue.ts'

interface Kinship {
  /** As events name the controller: `job-controller`. */
  readonly component: string
  /** What is kept right. */
  readonly owner: Resource
  /** What it makes for that. */
  readonly owned: Resource
}

/** Keeps objects of one kind right: each is looked at after a change of itself and of everything that it owns. */
export abstract class OwningController<T extends KubeObject> implements Controller {
  protected readonly store: Store
  protected readonly events: Recorder
  protected readonly queue = new WorkQueue((key) => this.#look(key))
  readonly #owner: Resource
  readonly #unsubscribe: () => void

  constructor(store: Store, { component, owner, owned }: Kinship) {
    this.store = store
    this.events = new Recorder(store, component)
    this.#owner = owner
    this.#unsubscribe = store.onChange(({ resource, object }) => {
      if (resource === owner) this.queue.add(keyFor(object))
      if (resource !== owned) return
      const controller = object.metadata.ownerReferences?.find((reference) => reference.controller)
      if (controller?.kind === owner.kind) this.queue.add(`${object.metadata.namespace}/${controller.name}`)
    })
  }

  close(): void {
    this.#unsubscribe()
    this.queue.close()
  }

  /** Brings one object a step nearer to its spec. Never called for one that is going away. */
  protected abstract sync(object: T): void

  #look(key: string): void {
    const [namespace, name] = fromKey(key)
    const object = this.store.get<T>(this.#owner, namespace, name)
    if (object !== undefined && object.metadata.deletionTimestamp === undefined) this.sync(object)
  }
}
