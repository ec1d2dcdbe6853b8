import { parse } from 'yaml'
import type { KubernetesObject } from '../adapters/kubernetes/port.ts'
import { CheckFailed } from './errors.ts'

/** What a CronJob of the repository becomes in this release. */
export interface CronJobManifest {
  readonly object: KubernetesObject
  readonly schedule: string
}

interface CronJobYaml {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; [field: string]: unknown }
  spec: {
    schedule: string
    suspend?: boolean
    jobTemplate: { spec: { template: { spec: { containers: { name: string; image: string }[] } } } }
    [field: string]: unknown
  }
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
  const read = parse(text) as CronJobYaml | null
  if (read?.kind !== 'CronJob' || read.metadata.name !== release.name)
    throw new CheckFailed('bad_manifest', `reading ${release.file}: expected the CronJob ${release.name}`, {
      hint: 'Correct service.cronJobs in purser.yaml, or the manifest.',
    })
  const template = read.spec.jobTemplate.spec.template.spec
  const containers = template.containers.map((container) =>
    repositoryOf(container.image) === release.repository ? { ...container, image: release.image } : container,
  )
  const podTemplate = { ...read.spec.jobTemplate.spec.template, spec: { ...template, containers } }
  const object = {
    ...read,
    metadata: { ...read.metadata, namespace: release.namespace },
    spec: {
      ...read.spec,
      suspend: read.spec.suspend ?? false,
      jobTemplate: { ...read.spec.jobTemplate, spec: { ...read.spec.jobTemplate.spec, template: podTemplate } },
    },
  }
  return { object, schedule: read.spec.schedule }
}

/** The same object with its schedule held or let go. */
export function suspended(object: KubernetesObject, suspend: boolean): KubernetesObject {
  return { ...object, spec: { ...(object['spec'] as Record<string, unknown>), suspend } }
}

/** `127.0.0.1:5000/valuecanvas/api:v1@sha256:…` → `127.0.0.1:5000/valuecanvas/api` */
export function repositoryOf(image: string): string {
  return (image.split('@')[0] ?? image).replace(/:[^:/]*$/, '')
}

/** `valuecanvas/api:v1.1.0` → `v1.1.0`; undefined for an image by digest. */
export function tagOf(image: string): string | undefined {
  return image.includes('@') ? undefined : /:([^:/]+)$/.exec(image)?.[1]
}
