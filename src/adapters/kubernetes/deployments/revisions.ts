import {
  conditionOf,
  containerImage,
  type Deployment,
  type PodTemplate,
  type ReplicaSet,
  revisionAnnotation,
} from '../api/objects.ts'
import { ClusterError } from '../api/errors.ts'
import type { ContainerImage, Revision } from './port.ts'

/**
 * Finds the revision that a rollback may go back to. The current one has proven nothing while its rollout is not
 * completed; until then the pods that serve are those of a former revision.
 */
export function lastHealthy(
  { status }: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const progressing = conditionOf(status?.conditions, 'Progressing')
  // A Deployment without a progress deadline has no such condition; available pods are the only proof then.
  const available = progressing === undefined && (current?.status?.availableReplicas ?? 0) > 0
  // The condition names a ReplicaSet in its message, which just after a change is still the former one.
  const completed =
    progressing?.reason === 'NewReplicaSetAvailable' &&
    progressing.message?.includes(`"${current?.metadata.name}"`) !== false
  if (current !== undefined && (available || completed)) return current
  return sets.filter((set) => set !== current && (set.status?.availableReplicas ?? 0) > 0).toSorted(newestFirst)[0]
}

export function newestFirst(a: ReplicaSet, b: ReplicaSet): number {
  const number = ({ metadata }: ReplicaSet) => Number(metadata.annotations?.[revisionAnnotation] ?? 0)
  return number(b) - number(a)
}

export function revisionOf({ metadata, spec }: ReplicaSet, container: string): Revision {
  return {
    revision: metadata.annotations?.[revisionAnnotation] ?? '',
    replicaSet: { name: metadata.name, uid: metadata.uid },
    image: containerImage(spec.template, container) ?? '',
  }
}

/** Lists every container of the pods with its image. */
export function imagesOf({ spec }: PodTemplate): readonly ContainerImage[] {
  const { containers, initContainers = [] } = spec
  return [
    ...containers.map(({ name, image }) => ({ name, image, init: false })),
    ...initContainers.map(({ name, image }) => ({ name, image, init: true })),
  ]
}

/**
 * Returns the image of the container. A patch with an unknown name would add a container, so the name is checked here.
 */
export function imageIn({ metadata, spec }: Deployment, container: string): string {
  const image = containerImage(spec.template, container)
  if (image !== undefined) return image
  const names = spec.template.spec.containers.map(({ name }) => name).join(', ')
  throw new ClusterError(
    'container_missing',
    `reading deployment ${metadata.name}: it has no container "${container}", only ${names}`,
    { hint: 'Correct the container name in purser.yaml.' },
  )
}
