import type { Json } from './json.ts'

export type EffectKind =
  | 'migration'
  | 'image-push'
  | 'image'
  | 'stripe-endpoint'
  | 'secret-key'
  | 'cronjob'
  | 'database'
  | 'replicas'
  | 'schedule'
  /** Events of Stripe that were sent to the service again. */
  | 'events'
  /** A Deployment beside the service's, whose pods read the Secret and were replaced. */
  | 'restart'
  /** A Job that was made from a CronJob by hand. */
  | 'job'

/**
 * - `started`: what stood there is recorded, the change may or may not have happened
 * - `applied`: the change is known to stand
 * - `undone`: a rollback put back what was there
 */
type EffectStatus = 'started' | 'applied' | 'undone'

/** A change outside Purser, with a record of what stood there before. */
export interface Effect {
  readonly id: number
  readonly run: number
  readonly phase: string
  readonly kind: EffectKind
  readonly target: string
  readonly before: Json
  readonly after: Json | undefined
  readonly status: EffectStatus
  readonly at: Date
}

// Type aliases, not interfaces: these are stored as Json.
export type ImageBefore = {
  readonly image: string
  readonly replicaSet: { readonly name: string; readonly uid: string } | null
  readonly templateHash: string
  readonly version: string | null
  /** Whether it was seen to serve before it was replaced. Older records do not say. */
  readonly proven?: boolean
}

export type ImageAfter = {
  readonly image: string
  /** Of the template that the run made. Older records do not have it. */
  readonly templateHash?: string
  /** True once its rollout was seen completed. */
  readonly served?: boolean
}

/** What the tag named before Purser built and pushed; null: there was no such tag. */
export type PushBefore = { readonly digest: string | null }

/** What it names since: the image that the run rolls out. */
export type PushedImage = {
  readonly reference: string
  readonly digest: string
  readonly platforms: readonly string[]
  readonly commit: string
}

export type EndpointBefore = {
  /** Null when the run created the endpoint. */
  readonly id: string | null
  readonly enabledEvents: readonly string[]
  readonly status: 'enabled' | 'disabled'
  /**
   * Nobody holds the secret of the endpoint that this one took the place of: a rollback keeps this one, with these
   * events.
   */
  readonly insteadOf?: readonly string[]
  /** No pod believes both endpoints: a rollback disables this one only when the former pods are back. */
  readonly bridges?: true
  /** Nobody holds its secret: a rollback leaves it disabled. */
  readonly unusable?: true
}

export type SecretBefore = {
  readonly secretExists: boolean
  readonly keyExists: boolean
  readonly fingerprint: string | null
  /** Key of the same Secret under which the former value is kept: it never leaves the cluster. */
  readonly keptUnder: string | null
  /** The key for the former secret, where the service reads one, and under which name its own former value is kept. */
  readonly previous?: { readonly key: string; readonly keptUnder: string | null }
  /** The former value belonged to no endpoint: a rollback does not put it back. */
  readonly unusable?: true
}

export type CronJobBefore = {
  /** The manifest that stood there; null when the run created the CronJob. */
  readonly manifest: Json
}

/** The restore that put another database in the place of the live one. */
export type DatabaseBefore = {
  /** The content was exchanged inside the database: there is no other one. */
  readonly inPlace?: boolean
  readonly live: string
  readonly restored: string
  readonly kept: string
  readonly backup: string
}

export type RestartBefore = { readonly secret: string }

export type ReplicasBefore = {
  readonly replicas: number
  /** It decides how many pods there are, except that it never starts from 0. */
  readonly autoscaler?: { readonly name: string; readonly minimum: number; readonly maximum: number }
}

export type ScheduleBefore = {
  /** Null: there was no such CronJob. */
  readonly suspended: boolean | null
}
