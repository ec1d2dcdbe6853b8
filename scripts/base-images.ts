import type { ImageRegistry } from '../src/adapters/registry/port.ts'
import { imageName } from '../src/image-name.ts'

/** One image of others on which a Dockerfile builds, as it is written there. */
interface BaseImage {
  /** The line's place, from 0. */
  readonly line: number
  readonly written: string
}

export interface Pinned extends BaseImage {
  /** With the digest that the registry has for the tag now. */
  readonly wanted: string
}

/**
 * Finds the images of others in a Dockerfile: those of `FROM`, and those that an `ARG` before the first `FROM` names when a `FROM`
 * uses it. A stage of its own and `scratch` are none.
 */
export function baseImages(dockerfile: string): readonly BaseImage[] {
  const lines = dockerfile.split('\n')
  const defaults = new Map<string, BaseImage>()
  const stages = new Set<string>(['scratch'])
  const found = new Map<number, BaseImage>()
  for (const [line, text] of lines.entries()) {
    const [, name, value] = /^\s*ARG\s+(\w+)=(\S+)\s*$/i.exec(text) ?? []
    if (name !== undefined && value !== undefined && stages.size === 1) defaults.set(name, { line, written: value })
    const [, image, stage] = /^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$/i.exec(text) ?? []
    if (image === undefined) continue
    const [, variable] = /^\$\{?(\w+)\}?$/.exec(image) ?? []
    const base = variable === undefined ? { line, written: image } : defaults.get(variable)
    if (base === undefined) throw new Error(`line ${line + 1}: nothing says which image ${image} is`)
    if (!stages.has(base.written.toLowerCase())) found.set(base.line, base)
    stages.add((stage ?? `stage ${line}`).toLowerCase())
  }
  return [...found.values()]
}

/** Asks the registry for the digest of each tag. An image without a tag cannot be followed, so it is refused. */
export async function pinned(
  images: readonly BaseImage[],
  registry: ImageRegistry,
  signal: AbortSignal,
): Promise<readonly Pinned[]> {
  return Promise.all(
    images.map(async (image) => {
      const { tag } = imageName(image.written)
      if (tag === undefined)
        throw new Error(`line ${image.line + 1}: ${image.written} has no tag whose digest could be asked for`)
      const tagged = image.written.split('@')[0] ?? ''
      const { digest } = await registry.resolve(tagged.slice(0, -tag.length - 1), tag, signal)
      return { ...image, wanted: `${tagged}@${digest}` }
    }),
  )
}

export function withPins(dockerfile: string, pins: readonly Pinned[]): string {
  const lines = dockerfile.split('\n')
  for (const { line, written, wanted } of pins) lines[line] = (lines[line] ?? '').replace(written, () => wanted)
  return lines.join('\n')
}
