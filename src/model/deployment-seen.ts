/** A revision of the Deployment that the cluster still keeps; see the cluster's port. */
export interface RevisionSeen {
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string }
  readonly image: string
  readonly createdAt: string | undefined
  readonly changeCause: string | undefined
  readonly templateHash: string
  readonly current: boolean
  readonly serves: boolean
  readonly differences: readonly string[]
  readonly changedSince: readonly string[]
}

/** What the cluster says of the Deployment; see the cluster's port. */
export interface DeploymentSeen {
  readonly image: string
  readonly templateHash: string
  readonly paused: boolean
  readonly revisionHistoryLimit: number
  readonly changeCause: string | undefined
  readonly writers: readonly { readonly manager: string; readonly at: string | undefined }[]
  readonly revisions: readonly RevisionSeen[]
}
