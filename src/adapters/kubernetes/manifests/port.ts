export interface Manifests {
  /**
   * Applies a manifest on the server with Purser's field manager and strict validation; a dry run stores nothing.
   * Raises `apply_conflict` naming the other field manager when that one has set a field of the manifest to another
   * value.
   */
  apply(manifest: KubernetesObject, options: ApplyOptions, signal: AbortSignal): Promise<ApplyOutcome>
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

export interface ApplyOptions {
  readonly dryRun: boolean
}

/** What a write has changed, or a dry run would change: one line for each field, never a value of a Secret. */
export interface ApplyOutcome {
  readonly outcome: 'created' | 'changed' | 'unchanged'
  readonly differences: readonly string[]
}
