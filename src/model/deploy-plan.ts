import type { Configuration } from './configuration.ts'
import type { EffectKind } from './effects/effects.ts'
import type { Identities } from './identities.ts'
import { canonicalJson, sha256 } from './json.ts'
import type { PlannedChanges } from './planned-changes.ts'

export interface LintFinding {
  readonly rule: string
  readonly message: string
  readonly line: number
  /** How many more lines have it. */
  readonly more?: number
  /** `block` says that it takes a heavy lock or destroys something; `advise` says that it is worth knowing. */
  readonly severity: 'block' | 'advise'
}

export interface PlannedMigration {
  readonly file: string
  readonly version: string
  readonly sha256: string
  /** Those that lock or destroy come first. */
  readonly findings: readonly LintFinding[]
}

/** How much SQL was read in search of risks. */
export interface SqlRead {
  readonly files: number
  readonly statements: number
}

export interface PlannedCronJob {
  readonly name: string
  readonly manifest: string
  readonly schedule: string
  readonly outcome: 'created' | 'changed' | 'unchanged'
  readonly differences: readonly string[]
  /** Field managers that have set its fields by hand: whoever approves lets Purser take them over. */
  readonly takeOver?: readonly string[]
  /** Whether its manifest itself wants its schedule to rest. Missing in plans of earlier versions. */
  readonly suspended?: boolean
}

/** What is in the cluster when the plan is made. */
export interface CurrentRelease {
  readonly image: string
  /** The version tag, when the image or its digest can be traced to one. */
  readonly version: string | undefined
  readonly revision: string
  readonly replicas: number
  readonly templateHash: string
  /** Settings of the Deployment beside its pods and their number, such as its strategy, each as JSON text. */
  readonly settings?: Configuration
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

/** A change outside that a plan lists. Every other one is refused. */
export interface PlannedEffect {
  readonly kind: EffectKind
  readonly target: string
}

/** A Stripe endpoint as it stood when the plan was made. */
export interface SeenEndpoint {
  readonly id: string
  readonly status: 'enabled' | 'disabled'
  readonly events: readonly string[]
}

/** What a plan tells of the backup that preflight will make, where a command of the team's own makes it. */
export interface PlannedBackup {
  /** The command, as purser.yaml has it. */
  readonly program: string
  readonly maxAgeMinutes: number
  /** The newest that it made before; `none yet`, or why it could not be looked at. */
  readonly last:
    | {
        readonly file: string
        readonly run: number
        readonly finishedAt: string
        readonly bytes: number
        /** How it was proven; null when it was not. */
        readonly proof: string | null
      }
    | { readonly none: 'yet' | 'gone' }
    | { readonly unknown: string }
}

/** What a deploy *will* do, computed read-only. Its hash is what people approve. */
export interface DeployPlan {
  readonly kind: 'deploy'
  readonly version: string
  readonly environment: string
  readonly commit: { readonly sha: string; readonly subject: string }
  /** What is new in it. Missing in plans of earlier versions. */
  readonly changes?: PlannedChanges
  /** Missing where backups are dumps, and in plans of earlier versions. */
  readonly backup?: PlannedBackup
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
    /** The endpoint that serves the URL; undefined: there is none. */
    readonly stands?: SeenEndpoint
    /** SHA-256 prefix of what the Secret's key holds; never the value. */
    readonly fingerprint?: string
    /** The service is told the new secret only: an earlier rotation ends. */
    readonly endsOverlap?: true
    /** What stands in the Secret's value and belongs to no secret; this deploy writes the value without it. */
    readonly tidies?: readonly string[]
    /** The fingerprint with which the endpoint is marked anew: its secret was rolled at Stripe, and deliveries arrive with this one. */
    readonly rolled?: string
    /** Endpoints that are disabled once the new one serves. */
    readonly retires?: readonly string[]
    /** Endpoints that are deleted and keys of the Secret that are removed, because nothing can need them any more. */
    readonly removes?: readonly string[]
    /** What else whoever approves should know of account and endpoint, a sentence without its end each. It asks for nothing. */
    readonly notes?: readonly string[]
  }
  readonly cronJobs: readonly PlannedCronJob[]
  /** What a rollback would do, in its order. */
  readonly rollback: readonly string[]
  readonly risks: readonly string[]
  /** Why the version that runs now cannot run any more once this deploy is done; missing when a rollback stays possible. */
  readonly closesRollback?: string
  /** Whether some statements of that version may fail then, although a rollback stays possible; its risk says which. */
  readonly rollbackMayFail?: true
  /** Missing in plans of earlier versions, which did not read everything, and when the linter or the grammar could not read a file. */
  readonly read?: SqlRead
  readonly estimateMinutes: number
  readonly monitorMinutes: number
  /** The settings of purser.yaml that the plan was made with. Missing in plans of earlier versions: they are made again. */
  readonly configuration?: Configuration
  /** What the environment of Purser led to. Missing in plans of earlier versions: they are made again. */
  readonly identities?: Identities
  /** Every change that the deploy may make. Missing in plans of earlier versions: they are made again. */
  readonly effects?: readonly PlannedEffect[]
}

/** Hashes a plan, to bind an approval to what was seen. Plans hold no times, so the same facts give the same hash. */
export function hashOfPlan(plan: unknown): string {
  return sha256(canonicalJson(plan))
}
