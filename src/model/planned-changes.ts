/** What is new in the version that a plan deploys, against what runs. It tells who approves; nothing is done by it. */
export type PlannedChanges =
  | { readonly known: false; readonly why: 'running_commit_unknown' }
  /** The image that runs names a commit that the repository does not have. */
  | { readonly known: false; readonly why: 'not_in_repository'; readonly commit: string }
  /** The repository could not be asked; `because` is the error's message. */
  | { readonly known: false; readonly why: 'not_compared'; readonly because: string }
  | {
      readonly known: true
      readonly from: string
      /**
       * Where the commit that runs was read: on its image, on the image that its tag names now (a tag of a registry
       * can move), or off the repository's tag of the version that runs.
       */
      readonly readFrom: 'image' | 'tagged image' | 'tag'
      /** Commits that only the new version has, and that only what runs has. */
      readonly ahead: number
      readonly behind: number
      /** The newest of those that are new. */
      readonly commits: readonly { readonly sha: string; readonly subject: string; readonly author: string }[]
      /** Files that differ. */
      readonly files: number
      /** Those of them that `service.paths` names; missing when it names none. */
      readonly paths?: { readonly matching: number; readonly matched: readonly string[] }
      readonly compareUrl?: string
    }
