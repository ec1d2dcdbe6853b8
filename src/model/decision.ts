/** What a person decided about a run after its approval. */
export interface Decision {
  readonly kind: 'cancel' | 'retry' | 'leave'
  readonly by: string
  readonly at: Date
}
