/**
 * Somebody else who has set fields of an object, by the API's record of field managers, and what is known of such a
 * manager.
 */
export interface FieldOwner {
  /** The name in the API's record: `kubectl-patch`, `argocd-controller`. */
  readonly manager: string
  /** The fields, as in `spec.suspend` or `spec.template.spec.containers[api].image`. */
  readonly fields: readonly string[]
  /** Whether a person set them once with a tool or a script, which does not watch them to put its own value there again. */
  readonly byHand: boolean
  /** A program that nobody here knows, taken for a script: it writes its own value again when it is run again. */
  readonly script?: true
  /** What such a manager usually does when its fields get another value, as a clause: "puts … back". */
  readonly habit: string
  /** What to do so that it leaves an object alone, as an imperative without its end: "set … in its Application". */
  readonly advice: string
  /** The command that takes its name from the record, so that its fields are nobody's. Missing where none is known. */
  readonly giveUp?: string
}

/** A mark on an object by which another tool or controller says that the object as a whole is its own. */
export interface Claim {
  /** Who says so, by name: "Argo CD (application billing)", "ExternalSecret stripe". */
  readonly by: string
  readonly habit: string
}
