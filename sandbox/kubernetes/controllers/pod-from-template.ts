import { type Job, type Pod, randomSuffix, type ReplicaSet } from '../objects.ts'

/** The pod that a controller makes for its object, as admission leaves it. */
export function podFromTemplate(
  owner: Job | ReplicaSet,
  kind: { readonly apiVersion: string; readonly kind: string },
  more: Partial<Pick<Pod['metadata'], 'finalizers'>> = {},
): Pod {
  const { template } = owner.spec
  const { name, namespace, uid } = owner.metadata
  const { creationTimestamp: _, ...metadata } = template.metadata ?? {}
  const reference = { ...kind, name, uid: uid ?? '' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${name}-${randomSuffix()}`,
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ownerReferences: [{ ...reference, controller: true, blockOwnerDeletion: true }],
      ...more,
    },
    spec: { ...template.spec, priority: 0, enableServiceLinks: true, preemptionPolicy: 'PreemptLowerPriority' },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  }
}
