import type { ReadDocuments } from '../../../config/yaml-text.ts'
import type { Claim, FieldOwner } from '../owners/port.ts'

export interface Manifests {
  /** Reads the documents of a manifest file as kubectl does. A long one is read in another thread, so that nobody waits for it. */
  readManifest(text: string, signal: AbortSignal): Promise<ReadDocuments>
  /**
   * Applies a manifest on the server with Purser's field manager and strict validation. Raises `apply_conflict` naming
   * the other field managers when one has set a field of the manifest to another value, unless its fields may be taken
   * over.
   */
  apply(manifest: KubernetesObject, options: ApplyOptions, signal: AbortSignal): Promise<ApplyOutcome>
  /**
   * Tries the very request of `apply`; the server stores nothing. Conflicts with other field managers are listed and not
   * raised; the rest is as if their fields had been taken over.
   */
  tryApply(manifest: KubernetesObject, signal: AbortSignal): Promise<TriedApply>
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

export interface ApplyOptions {
  /** The field managers whose fields may be taken over, because people have agreed to it. */
  readonly takeOver?: readonly string[]
}

/** What a write has changed, or a dry run would change: one line for each field, never a value of a Secret. */
export interface ApplyOutcome {
  readonly outcome: 'created' | 'changed' | 'unchanged'
  readonly differences: readonly string[]
}

export interface TriedApply extends ApplyOutcome {
  /** Who has set fields of the manifest to another value. Without anybody's consent a real apply would be refused. */
  readonly conflicts: readonly FieldOwner[]
  /** Who says that the object as a whole is their own. */
  readonly claims: readonly Claim[]
  /**
   * The fields that a manifest set which `kubectl apply` applied before, and that the new one lacks. kubectl would remove
   * them; a server-side apply by another manager leaves them.
   */
  readonly leftOver: readonly string[]
  /** The object as it would stand then. */
  readonly object: KubernetesObject
}
