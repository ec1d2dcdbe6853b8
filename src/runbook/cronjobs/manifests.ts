import type { KubernetesObject } from '../../adapters/kubernetes/manifests/port.ts'
import { type Container, readManifest } from './read-manifest.ts'

/** What a CronJob of the repository becomes in this release. */
export interface CronJobManifest {
  readonly object: KubernetesObject
  readonly schedule: string
  /** Whether the manifest itself wants its schedule to rest. */
  readonly suspended: boolean
  /** What may run beside a Job of it: Allow, Forbid or Replace. */
  readonly concurrencyPolicy: string
  /** What else its file has, each by kind and name. */
  readonly others: readonly string[]
}

/**
 * Reads a manifest file and ties it to the release: the environment's namespace, and the planned digest in every
 * container that runs the service's image. The repository's file stays the source of everything else.
 */
export function cronJobManifest(
  text: string,
  release: {
    readonly file: string
    readonly name: string
    readonly namespace: string
    readonly repository: string
    readonly image: string
  },
): CronJobManifest {
  const { cronJob: read, others } = readManifest(text, release)
  const template = read.spec.jobTemplate.spec.template.spec
  const released = (container: Container) =>
    repositoryOf(container.image) === release.repository ? { ...container, image: release.image } : container
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
  return {
    object,
    schedule: read.spec.schedule,
    suspended: wantsRest,
    concurrencyPolicy: read.spec.concurrencyPolicy ?? 'Allow',
    others,
  }
}

/** Gives the same object with its schedule suspended or resumed. */
export function suspended(object: KubernetesObject, suspend: boolean): KubernetesObject {
  return { ...object, spec: { ...(object['spec'] as Record<string, unknown>), suspend } }
}

/**
 * Cuts an image down to its repository: `127.0.0.1:5000/valuecanvas/api:v1@sha256:…` →
 * `127.0.0.1:5000/valuecanvas/api`.
 */
export function repositoryOf(image: string): string {
  return (image.split('@')[0] ?? image).replace(/:[^:/]*$/, '')
}

/** Returns the tag of an image, `v1.1.0` of `valuecanvas/api:v1.1.0`; undefined when it is named by digest only. */
export function tagOf(image: string): string | undefined {
  return image.includes('@') ? undefined : /:([^:/]+)$/.exec(image)?.[1]
}
