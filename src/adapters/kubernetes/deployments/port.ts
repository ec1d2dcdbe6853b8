import type { ApplyOutcome } from '../manifests/port.ts'
import type { Claim, FieldOwner } from '../owners/port.ts'

export interface Deployments {
  /** Reads the Deployment; undefined when there is none. */
  deployment(name: string, container: string, signal: AbortSignal): Promise<DeploymentState | undefined>
  /** Tells what runs, who made it so, and what `restoreReplicaSet` could put back. Changes nothing. */
  history(deployment: string, container: string, signal: AbortSignal): Promise<DeploymentHistory>
  /**
   * Finds the autoscaler. `unknown` says that Purser may not list autoscalers, or that the cluster does not serve
   * autoscaling/v2.
   */
  autoscaler(deployment: string, signal: AbortSignal): Promise<Autoscaler | 'none' | 'unknown'>

  /**
   * Sets the image of one container, and of those that go along, by a strategic merge patch, and records the change cause and any template
   * annotations (such as the credentials' hash). Nothing is sent when all of it is set already, so repeating is safe.
   * With `dryRun` the server validates and stores nothing.
   */
  setImage(change: ImageChange, signal: AbortSignal): Promise<ImageSet>
  /**
   * Puts the template of a recorded ReplicaSet, found by its uid, back into the Deployment, as `kubectl rollout undo`
   * does. Safe to repeat.
   */
  restoreReplicaSet(undo: ReplicaSetUndo, signal: AbortSignal): Promise<ApplyOutcome>
  /**
   * Replaces the pods of a Deployment by putting annotations on its template (a hash of what the pods read at their
   * start), and waits until the new pods serve. Equal annotations send nothing. Needs only the rights to get and patch.
   */
  restart(change: RestartChange, signal: AbortSignal): Promise<ApplyOutcome>
  /** Tries the very request of `restart`; the server stores nothing, and no pod is replaced. */
  tryRestart(change: Omit<RestartChange, 'onProgress'>, signal: AbortSignal): Promise<TriedRestart>
  /**
   * Sets the number of pods. Safe to repeat. Returns for 0 replicas when no pod is left; any other number is waited for
   * with `waitForRollout`.
   */
  scale(change: ReplicasChange, signal: AbortSignal): Promise<void>
  /**
   * Watches until `kubectl rollout status` would say that the rollout is done. Raises RolloutFailed (code
   * `rollout_failed`) with evidence when the new pods cannot come up: the image cannot be pulled, a crash loop, an
   * error in the container's configuration, a quota, no node to run on, the progress deadline.
   */
  waitForRollout(wait: RolloutWait, signal: AbortSignal): Promise<RolloutProgress>
}

export interface DeploymentState {
  readonly name: string
  readonly uid: string
  readonly generation: number
  readonly resourceVersion: string
  /** Image of the configured container, exactly as the template has it. */
  readonly image: string
  readonly replicas: number
  readonly availableReplicas: number
  readonly updatedReplicas: number
  readonly paused: boolean
  /** The number of the current ReplicaSet; empty before the controller has given it one. */
  readonly revision: string
  /** The current ReplicaSet: the one whose template is the Deployment's. */
  readonly replicaSet: { readonly name: string; readonly uid: string } | undefined
  /**
   * What a rollback may go back to: the current ReplicaSet if its rollout was completed, otherwise the newest other one
   * that has available pods. A revision that failed is never one.
   */
  readonly lastHealthy: Revision | undefined
  /** SHA-256 of the pod template. It changes exactly when the pods would. */
  readonly templateHash: string
  readonly containers: readonly string[]
  /** Those and the init containers, each with its image. */
  readonly images: readonly ContainerImage[]
  /** How many former ReplicaSets the cluster keeps for a rollback. */
  readonly revisionHistoryLimit: number
  /** The rest of its spec: neither its pods nor their number, but how they are replaced. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Who says that the Deployment as a whole is their own. */
  readonly claims: readonly Claim[]
  /** The others who have set the number of its pods. */
  readonly replicasOwners: readonly FieldOwner[]
}

export interface ContainerImage {
  readonly name: string
  readonly image: string
  /** Whether it is an init container. */
  readonly init: boolean
}

export interface Revision {
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string }
  /** Image of the configured container. */
  readonly image: string
}

/** A revision that an undo could go back to. */
export interface KnownRevision extends Revision {
  /** The time of its creation, by RFC 3339. */
  readonly createdAt: string | undefined
  readonly changeCause: string | undefined
  readonly templateHash: string
  /** Whether its template is the Deployment's. */
  readonly current: boolean
  /**
   * Whether its rollout was completed, or it has available pods now. The cluster does not record how a revision did
   * that another one has replaced.
   */
  readonly serves: boolean
  /**
   * What differs between what runs now and this revision, one line for each field of the pod template: image,
   * variables, annotations.
   */
  readonly differences: readonly string[]
  /** What differs between this revision and what runs now. */
  readonly changedSince: readonly string[]
}

/** A client that wrote fields of the pod template, as the API server names it: `kubectl-set`, `argocd-controller`. */
export interface TemplateWriter {
  readonly manager: string
  /** The time of its last write, by RFC 3339. */
  readonly at: string | undefined
}

export interface DeploymentHistory {
  /** Image of the configured container. */
  readonly image: string
  readonly images: readonly ContainerImage[]
  readonly templateHash: string
  readonly paused: boolean
  readonly revisionHistoryLimit: number
  readonly changeCause: string | undefined
  /** The writers beside Purser itself; whoever wrote last comes first. */
  readonly writers: readonly TemplateWriter[]
  /** The revisions, the newest first. */
  readonly revisions: readonly KnownRevision[]
}

/** The bounds between which an autoscaler keeps the number of a Deployment's pods. */
export interface Autoscaler {
  readonly name: string
  readonly minimum: number
  readonly maximum: number
}

export interface ImageChange {
  readonly deployment: string
  readonly container: string
  /** The image as `repository@sha256:…`. */
  readonly image: string
  /** Further containers, init containers among them, that get the same image. */
  readonly along?: readonly string[]
  readonly changeCause: string
  readonly templateAnnotations?: Readonly<Record<string, string>>
  /** Raises `deployment_changed` when the template has another hash, because somebody else has changed it. */
  readonly onlyIfTemplate?: string
  readonly dryRun?: boolean
}

export interface ImageSet extends ApplyOutcome {
  /**
   * The hash of the template after the change. Whoever finds another one later knows that somebody else has changed it.
   */
  readonly templateHash: string
  /** The others who lose fields to the change, by the API's record of field managers. */
  readonly taken: readonly FieldOwner[]
}

export interface ReplicaSetUndo {
  readonly deployment: string
  readonly container: string
  readonly replicaSetUid: string
  /** The image to set when the ReplicaSet is gone. */
  readonly image: string
  /** Further containers that get it then. */
  readonly along?: readonly string[]
  readonly changeCause: string
  /** Raises `deployment_changed` when the template has another hash, because somebody else has changed it. */
  readonly onlyIfTemplate?: string
}

export interface RestartChange {
  readonly deployment: string
  readonly templateAnnotations: Readonly<Record<string, string>>
  readonly changeCause: string
  readonly onProgress: (line: string) => void
}

export interface TriedRestart {
  /** The others who lose fields to it, by the API's record of field managers. */
  readonly taken: readonly FieldOwner[]
  /** Who says that the Deployment as a whole is their own. */
  readonly claims: readonly Claim[]
}

export interface ReplicasChange {
  readonly deployment: string
  readonly replicas: number
  readonly onProgress: (line: string) => void
}

export interface RolloutWait {
  readonly deployment: string
  readonly container: string
  /** The image that must come up. Raises `deployment_changed` when somebody else sets another one meanwhile. */
  readonly image: string
  /** How long a sign of failure may last before it counts as one, in milliseconds (default 20 000). */
  readonly graceMs?: number
  readonly onProgress: (progress: RolloutProgress) => void
}

/** What `kubectl rollout status` would say at this moment, with numbers. */
export interface RolloutProgress {
  readonly replicas: number
  readonly updated: number
  readonly ready: number
  readonly old: number
  /** The progress in words: "2 of 3 new pods ready". */
  readonly line: string
}
