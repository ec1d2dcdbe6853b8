import type { Sensitive } from '../../../sensitive.ts'
import type { ApplyOutcome } from '../manifests/port.ts'
import type { Claim, FieldOwner } from '../owners/port.ts'

export interface Secrets {
  secretKey(secret: string, key: string, signal: AbortSignal): Promise<SecretKeyState>
  /** Reads the value itself, wrapped, and only for signing a probe or for keeping it aside in the cluster. */
  readSecretKey(secret: string, key: string, signal: AbortSignal): Promise<Sensitive | undefined>
  /**
   * Sets and removes keys at once by server-side apply, leaves all others alone, creates the Secret (type Opaque) when
   * there is none. Safe to repeat. Raises `apply_conflict` naming the field manager that has set a key before, and
   * `secret_immutable`.
   */
  writeSecret(secret: string, write: SecretWrite, signal: AbortSignal): Promise<ApplyOutcome>
  /** Removes one key; a missing one is fine. A Secret without any other key is deleted if `deleteWhenEmpty` says so. */
  removeSecretKey(
    secret: string,
    key: string,
    options: { readonly deleteWhenEmpty: boolean },
    signal: AbortSignal,
  ): Promise<void>
  /** Tells who gets values of a Secret. */
  secretConsumers(question: SecretConsumersQuestion, signal: AbortSignal): Promise<SecretConsumers>
}

export interface SecretKeyState {
  readonly secretExists: boolean
  readonly keyExists: boolean
  /** The SHA-256 prefix of the value (see Sensitive.fingerprint); never the value. */
  readonly fingerprint: string | undefined
  /** The fingerprint of each value, where the key holds a comma-separated list; white space around it left out. */
  readonly fingerprints: readonly string[]
  /** What stands in the value and belongs to no secret, in words: whoever compares bytes finds another value. */
  readonly strays: readonly string[]
  readonly immutable: boolean
  /** All keys of the Secret. */
  readonly keys: readonly string[]
  /** The others who have set this key, by the API's record of field managers. */
  readonly managers: readonly FieldOwner[]
  /** Who says that the Secret as a whole is their own. */
  readonly claims: readonly Claim[]
  /**
   * The time, by RFC 3339, at which a field manager that has set this key last wrote to the Secret, be it this key or
   * another one. Undefined when the API does not tell.
   */
  readonly changedAt?: string
}

export interface SecretWrite {
  /** The values by key; undefined removes the key. */
  readonly keys: Readonly<Record<string, Sensitive | undefined>>
  /** The field managers whose keys may be taken over, because people have agreed to it. */
  readonly takeOver?: readonly string[]
  /** The server checks everything and stores nothing. */
  readonly dryRun?: boolean
}

interface SecretConsumersQuestion {
  readonly deployment: string
  readonly secret: string
  readonly cronJobs: readonly string[]
}

export interface SecretConsumers {
  /** The Deployment's containers and volumes, and those of the CronJobs named in the question. */
  readonly own: readonly SecretConsumer[]
  /** Other workloads of the namespace that run at this moment. Jobs are left out. */
  readonly others: readonly SecretConsumer[]
}

/** One way by which a workload gets values of a Secret. */
export interface SecretConsumer {
  /** The kind and name, `Deployment valuecanvas-api`. */
  readonly workload: string
  /** The container or volume, `container api` or `volume keys`. */
  readonly by: string
  /**
   * The way: `env` and `envFrom` are read when a container starts. A `volume` follows the Secret within a minute or so,
   * a `subPath` of a volume never does.
   */
  readonly how: 'env' | 'envFrom' | 'volume' | 'subPath'
}
