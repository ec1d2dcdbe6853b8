import { conditionOf, containerImage, type Deployment, type ReplicaSet, REVISION } from '../api/objects.ts'
import { ClusterError } from '../api/errors.ts'
import type { Revision } from './port.ts'

/** A rollout that was never completed proves nothing: then the pods that serve are those of the one before. */
export function lastHealthy(
  { status }: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const progressing = conditionOf(status?.conditions, 'Progressing')
  // Without a progress deadline there is no such condition, and available pods must do.
  const available = progressing === undefined && (current?.status?.availableReplicas ?? 0) > 0
  // The condition names its ReplicaSet: just after a change it still speaks of the former one.
  const completed =
    progressing?.reason === 'NewReplicaSetAvailable' &&
    progressing.message?.includes(`"${current?.metadata.name}"`) !== false
  if (current !== undefined && (available || completed)) return current
  return sets.filter((set) => set !== current && (set.status?.availableReplicas ?? 0) > 0).toSorted(newestFirst)[0]
}

export function newestFirst(a: ReplicaSet, b: ReplicaSet): number {
  const number = ({ metadata }: ReplicaSet) => Number(metadata.annotations?.[REVISION] ?? 0)
  return number(b) - number(a)
}

export function revisionOf({ metadata, spec }: ReplicaSet, container: string): Revision {
  return {
    revision: metadata.annotations?.[REVISION] ?? '',
    replicaSet: { name: metadata.name, uid: metadata.uid },
    image: containerImage(spec.template, container) ?? '',
  }
}

/** The API would add a container of an unknown name, so the name is checked here. */
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
