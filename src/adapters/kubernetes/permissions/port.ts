export interface Permissions {
  /** Asks the cluster about each one (SelfSubjectAccessReview) and returns those that are denied. */
  missingPermissions(needed: readonly Permission[], signal: AbortSignal): Promise<readonly Permission[]>
}

/** One right, in RBAC's terms. `subresource` is as in `pods/log`. */
export interface Permission {
  readonly group: '' | 'apps' | 'batch' | 'autoscaling'
  readonly resource: string
  readonly subresource?: string
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete'
  readonly name?: string
}
