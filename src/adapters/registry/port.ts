export { ImageError } from './errors.ts'

export interface ResolvedImage {
  /** The digest of the manifest or index that the tag names, `sha256:…`. */
  readonly digest: string
  /** The platforms, `linux/amd64` and the like, as far as the index or config tells. */
  readonly platforms: readonly string[]
  /** The label `org.opencontainers.image.revision`, which is the commit that the image was built from. */
  readonly revision: string | undefined
}

/**
 * An OCI registry. Raises ImageError: `image_not_found` (with the tags that exist, when listable), or transient
 * trouble.
 */
export interface ImageRegistry {
  /**
   * Finds the image of a tag. `repository` is as in the Deployment: `valuecanvas/api`, `ghcr.io/acme/api`,
   * `127.0.0.1:5000/valuecanvas/api`.
   */
  resolve(repository: string, tag: string, signal: AbortSignal): Promise<ResolvedImage>
}
