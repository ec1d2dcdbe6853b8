import type { ReadDocuments } from '../../config/yaml-text.ts'
import type { KubernetesObject } from '../../adapters/kubernetes/manifests/port.ts'
import { sameRepository } from '../../image-name.ts'
import { type Container, readManifest } from './read-manifest.ts'

/** What a CronJob of the repository becomes in this release. */
export interface CronJobManifest {
  readonly object: KubernetesObject
  readonly schedule: string
  /** Containers, init containers among them, that get the image of the release. */
  readonly tied: readonly string[]
  /** The images that the manifest names, whether or not they were replaced. */
  readonly images: readonly string[]
  /** Whether the manifest itself wants its schedule to rest. */
  readonly suspended: boolean
  /** What may run beside a Job of it: Allow, Forbid or Replace. */
  readonly concurrencyPolicy: string
  /** What else its file has, each by kind and name. */
  readonly others: readonly string[]
}

/**
 * Takes a manifest file, `yaml` being what was read of its text, and ties it to the release: the environment's namespace, and the planned digest in every
 * container that runs the service's image. The repository's file stays the source of everything else.
 */
export function cronJobManifest(
  text: string,
  yaml: ReadDocuments,
  release: {
    readonly file: string
    readonly name: string
    readonly namespace: string
    readonly repository: string
    readonly image: string
  },
): CronJobManifest {
  const { cronJob: read, others } = readManifest(text, yaml, release)
  const template = read.spec.jobTemplate.spec.template.spec
  const isReleased = ({ image }: Container) => sameRepository(image, release.repository)
  const released = (container: Container) =>
    isReleased(container) ? { ...container, image: release.image } : container
  const containers = template.containers.map(released)
  const initContainers = template.initContainers?.map(released)
  const spec = { ...template, containers, ...(initContainers === undefined ? {} : { initContainers }) }
  const podTemplate = { ...read.spec.jobTemplate.spec.template, spec }
  const wantsRest = read.spec.suspend ?? false
  const object = {
    ...read,
    metadata: { ...read.metadata, namespace: release.namespace },
    spec: {
      ...read.spec,
      suspend: wantsRest,
      jobTemplate: { ...read.spec.jobTemplate, spec: { ...read.spec.jobTemplate.spec, template: podTemplate } },
    },
  }
  const named = [...template.containers, ...(template.initContainers ?? [])]
  return {
    object,
    schedule: read.spec.schedule,
    tied: named.filter(isReleased).map(({ name }) => name),
    images: named.map(({ image }) => image),
    suspended: wantsRest,
    concurrencyPolicy: read.spec.concurrencyPolicy ?? 'Allow',
    others,
  }
}

/** Gives the same object with its schedule suspended or resumed. */
export function suspended(object: KubernetesObject, suspend: boolean): KubernetesObject {
  return { ...object, spec: { ...(object['spec'] as Record<string, unknown>), suspend } }
}
