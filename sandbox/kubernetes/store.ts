import { randomUUID } from 'node:crypto'

import { type KubeObject, same, timestamp } from './objects.ts'
import { apiVersionOf, type Resource } from './resources.ts'

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly resource: Resource
  readonly object: KubeObject
  /** What stood there before: a selector that an object enters or leaves needs both. */
  readonly previous: KubeObject | undefined
  readonly revision: number
}

const HISTORY = 5_000

/**
 * etcd and the watch cache in one: objects are never changed in place, one counter numbers every write of every kind,
 * and a write that changes nothing is none.
 */
export class Store {
  /** Why no controller may create pods, as an exceeded quota or a policy says it; undefined: they may. */
  podRefusal: string | undefined
  #revision = 1_000
  readonly #objects = new Map<string, KubeObject>()
  readonly #listeners = new Set<(change: Change) => void>()
  #history: Change[] = []
  /** Watches from before this revision have missed something. */
  #compacted = 1_000

  get revision(): number {
    return this.#revision
  }

  get oldestRevision(): number {
    return this.#compacted
  }

  get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(key(resource, namespace, name)) as T | undefined
  }

  list<T extends KubeObject>(resource: Resource, namespace?: string): T[] {
    const prefix = `${resource.group}/${resource.plural}/`
    const found: [string, KubeObject][] = []
    for (const [path, object] of this.#objects) {
      if (path.startsWith(prefix) && (namespace === undefined || object.metadata.namespace === namespace))
        found.push([path, object])
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object as T)
  }

  /** `complete` fills in what needs the object's uid. */
  create<T extends KubeObject>(resource: Resource, object: T, complete: (created: T) => T = (created) => created): T {
    return this.#write('ADDED', resource, complete(this.preview(resource, object)), undefined) as T
  }

  /** As it would be stored, for a dry run: a uid, but no resourceVersion. */
  preview<T extends KubeObject>(resource: Resource, object: T): T {
    return {
      ...object,
      kind: resource.kind,
      apiVersion: apiVersionOf(resource),
      metadata: stamped(object, resource),
    }
  }

  /**
   * `generation` follows spec, and for Deployments annotations too unless the controller writes them. `ownersMoved` makes
   * a write of one that changes managedFields only.
   */
  update<T extends KubeObject>(
    resource: Resource,
    next: T,
    by: 'client' | 'controller' = 'controller',
    ownersMoved = false,
  ): T {
    const before = this.#objects.get(key(resource, next.metadata.namespace, next.metadata.name))
    if (before === undefined) return next
    const merged = withGeneration(resource, before, next, by)
    if (same(before, merged) && !ownersMoved) return before as T
    return this.#write('MODIFIED', resource, merged, before) as T
  }

  /** What `update` would give, without storing. */
  previewUpdate<T extends KubeObject>(resource: Resource, next: T): T {
    const before = this.#objects.get(key(resource, next.metadata.namespace, next.metadata.name))
    return before === undefined ? next : (withGeneration(resource, before, next, 'client') as T)
  }

  remove(resource: Resource, namespace: string | undefined, name: string): void {
    const before = this.#objects.get(key(resource, namespace, name))
    if (before !== undefined) this.#write('DELETED', resource, before, before)
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  since(revision: number): readonly Change[] {
    return this.#history.filter((change) => change.revision > revision)
  }

  /** Forgets the history, as the API server does every five minutes. */
  compact(): void {
    this.#history = []
    this.#compacted = this.#revision
  }

  #write(type: Change['type'], resource: Resource, object: KubeObject, previous: KubeObject | undefined): KubeObject {
    this.#revision += 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } }
    const path = key(resource, stored.metadata.namespace, stored.metadata.name)
    if (type === 'DELETED') this.#objects.delete(path)
    else this.#objects.set(path, stored)
    const change: Change = { type, resource, object: stored, previous, revision: this.#revision }
    this.#history.push(change)
    if (this.#history.length > HISTORY) {
      this.#history = this.#history.slice(-HISTORY / 2)
      this.#compacted = (this.#history[0]?.revision ?? this.#revision) - 1
    }
    for (const listener of Array.from(this.#listeners)) listener(change)
    return stored
  }
}

function key(resource: Resource, namespace: string | undefined, name: string): string {
  return `${resource.group}/${resource.plural}/${resource.namespaced ? namespace : ''}/${name}`
}

function stamped(object: KubeObject, resource: Resource): KubeObject['metadata'] {
  return {
    ...object.metadata,
    uid: randomUUID(),
    creationTimestamp: timestamp(),
    ...(resource.generation ? { generation: 1 } : {}),
  }
}

function withGeneration(
  resource: Resource,
  before: KubeObject,
  next: KubeObject,
  by: 'client' | 'controller',
): KubeObject {
  const { uid, creationTimestamp, resourceVersion, generation = 1 } = before.metadata
  const annotated = resource.kind === 'Deployment' && by === 'client'
  const moved =
    !same(before.spec, next.spec) ||
    before.metadata.deletionTimestamp !== next.metadata.deletionTimestamp ||
    (annotated && !same(before.metadata.annotations, next.metadata.annotations))
  const metadata = { ...next.metadata, uid, creationTimestamp, resourceVersion } as KubeObject['metadata']
  if (resource.generation) metadata.generation = moved ? generation + 1 : generation
  return { ...next, metadata }
}
