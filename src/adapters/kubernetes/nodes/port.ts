export interface Nodes {
  /** `linux/amd64`, of the nodes that take pods. `unknown`: Purser may not list nodes. */
  nodePlatforms(signal: AbortSignal): Promise<readonly string[] | 'unknown'>
}
