import { canonicalJson, sha256 } from './json.ts'

export interface LintFinding {
  readonly rule: string
  readonly message: string
  readonly line: number
  /** `block` says that it takes a heavy lock or destroys something; `advise` says that it is worth knowing. */
  readonly severity: 'block' | 'advise'
}

export interface PlannedMigration {
  readonly file: string
  readonly version: string
  readonly sha256: string
  readonly findings: readonly LintFinding[]
}

export interface PlannedCronJob {
  readonly name: string
  readonly manifest: string
  readonly schedule: string
  readonly outcome: 'created' | 'changed' | 'unchanged'
  readonly differences: readonly string[]
}

/** What is in the cluster when the plan is made. */
export interface CurrentRelease {
  readonly image: string
  /** The version tag, when the image or its digest can be traced to one. */
  readonly version: string | undefined
  readonly revision: string
  readonly replicas: number
  readonly templateHash: string
}

/** A build that Purser does itself; what people approve are its words and the commit that it builds. */
export interface PlannedBuild {
  readonly commands: readonly (readonly string[])[]
  /** The digest that the tag names until then; null when there is no such tag. */
  readonly replaces: string | null
}

export interface PlannedImage {
  /** What the Deployment gets, `repository@sha256:…`, or `repository:tag` while it is still to be built. */
  readonly reference: string
  /** The digest of the image; undefined while it is still to be built. */
  readonly digest: string | undefined
  readonly platforms: readonly string[]
  readonly revision: string | undefined
  /**
   * `none` says that somebody else has built it, `reused` that it is there, built from the planned commit, so Purser
   * need not.
   */
  readonly build?: 'none' | 'reused' | PlannedBuild
}

/** What a deploy *will* do, computed read-only. Its hash is what people approve. */
export interface DeployPlan {
  readonly kind: 'deploy'
  readonly version: string
  readonly environment: string
  readonly commit: { readonly sha: string; readonly subject: string }
  readonly image: PlannedImage
  readonly current: CurrentRelease
  readonly migrations: readonly PlannedMigration[]
  readonly cluster: readonly string[]
  readonly stripe: {
    readonly action: 'create' | 'replace' | 'update' | 'enable' | 'keep'
    readonly endpoint: string | undefined
    readonly events: readonly string[]
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly secret: 'missing' | 'present' | 'mismatch'
    /** The reason why the endpoint is replaced. */
    readonly why?: 'secret' | 'asked' | 'api version'
    /** The API versions of the endpoint that is there and of the one that is wanted. */
    readonly apiVersion?: { readonly stands: string | null; readonly wanted: string }
    /** Field managers that have set the Secret's key by hand: whoever approves lets Purser take it over. */
    readonly takeOver?: readonly string[]
    /** Deployments beside the service's whose pods are replaced, because they read the Secret at their start. */
    readonly restarts?: readonly string[]
  }
  readonly cronJobs: readonly PlannedCronJob[]
  /** What a rollback would do, in its order. */
  readonly rollback: readonly string[]
  readonly risks: readonly string[]
  readonly estimateMinutes: number
  readonly monitorMinutes: number
}

/** Hashes a plan, to bind an approval to what was seen. Plans hold no times, so the same facts give the same hash. */
export function hashOfPlan(plan: unknown): string {
  return sha256(canonicalJson(plan))
}
