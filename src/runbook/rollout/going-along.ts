import type { ContainerImage } from '../../adapters/kubernetes/deployments/port.ts'
import { sameImage, sameRepository, tagOf } from '../../image-name.ts'

interface Beside {
  /** Get the release's image together with the service's container: they run the same image as it does now. */
  readonly along: readonly string[]
  /** Run another image of the same repository, and keep it: what the tag of such a one stands for is not known. */
  readonly staying: readonly ContainerImage[]
}

/**
 * Sorts the other containers of the pods, init containers among them, by what a new image means for them. One that is named by
 * the tag of the version that runs is the same image, although the service's container is named by its digest. Pure.
 */
export function containersBeside(images: readonly ContainerImage[], container: string, version?: string): Beside {
  const own = images.find(({ name, init }) => name === container && !init)
  if (own === undefined) return { along: [], staying: [] }
  const related = images.filter((one) => one !== own && sameRepository(one.image, own.image))
  const same = ({ image }: ContainerImage) =>
    sameImage(image, own.image) || (version !== undefined && tagOf(image) === version)
  return {
    along: related.filter(same).map(({ name }) => name),
    staying: related.filter((one) => !same(one)),
  }
}
