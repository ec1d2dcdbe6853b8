export { ImageError } from './errors.ts'

export interface ResolvedImage {
  /** `sha256:…` of the manifest or index that the tag names. */
  readonly digest: string
  /** `linux/amd64`, … as far as the index or config tells. */
  readonly platforms: readonly string[]
  /** Label `org.opencontainers.image.revision`, the commit the image was built from. */
  readonly revision: string | undefined
}

/** An OCI registry. Raises ImageError: `image_not_found` (with the tags that exist, when listable), or transient trouble. */
export interface ImageRegistry {
  /** `repository` as in the Deployment: `valuecanvas/api`, `ghcr.io/acme/api`, `127.0.0.1:5000/valuecanvas/api`. */
  resolve(repository: string, tag: string, signal: AbortSignal): Promise<ResolvedImage>
}
