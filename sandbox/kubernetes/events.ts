import { type KubeEvent, type KubeObject, timestamp } from './objects.ts'
import { events } from './resources.ts'
import type { Store } from './store.ts'

let lastStamp = 0n

/** Nanoseconds, as a component names its events; later ones sort after earlier ones. */
function nextStamp(): bigint {
  const now = BigInt(Date.now()) * 1_000_000n
  lastStamp = now > lastStamp ? now : lastStamp + 1n
  return lastStamp
}

/** Writes Events as the components do: a repeated one counts up instead of being written again. */
export class Recorder {
  readonly #store: Store
  readonly #component: string
  readonly #host: string | undefined

  constructor(store: Store, component: string, host?: string) {
    this.#store = store
    this.#component = component
    this.#host = host
  }

  record(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void {
    const { namespace, name, uid, resourceVersion } = about.metadata
    const repeated = this.#store
      .list<KubeEvent>(events, namespace)
      .find((event) => event.involvedObject.uid === uid && event.reason === reason && event.message === message)
    if (repeated !== undefined) {
      this.#store.update(events, { ...repeated, count: (repeated.count ?? 1) + 1, lastTimestamp: timestamp() })
      return
    }
    const stamp = nextStamp().toString(16)
    this.#store.create<KubeEvent>(events, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${stamp}`, ...(namespace === undefined ? {} : { namespace }) },
      involvedObject: {
        kind: about.kind,
        name,
        apiVersion: about.apiVersion,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      reason,
      message,
      source: { component: this.#component, ...(this.#host === undefined ? {} : { host: this.#host }) },
      firstTimestamp: timestamp(),
      lastTimestamp: timestamp(),
      count: 1,
      type,
      eventTime: null,
      reportingComponent: this.#host === undefined ? this.#component : '',
      reportingInstance: '',
    })
  }
}
