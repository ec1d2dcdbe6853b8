export interface Nodes {
  /** Lists the platforms of the nodes that take pods, as `linux/amd64`; `unknown` when Purser may not list nodes. */
  nodePlatforms(signal: AbortSignal): Promise<readonly string[] | 'unknown'>
}
