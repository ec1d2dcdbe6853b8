import {
  changeCauseAnnotation,
  type Deployment,
  isMap,
  type ManagedFields,
  type ReplicaSet,
  templateHash,
  withoutTemplateHash,
} from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import { differences } from '../api/differences.ts'
import type { DeploymentHistory, KnownRevision, TemplateWriter } from './port.ts'
import { imageIn, imagesOf, lastHealthy, newestFirst, revisionOf } from './revisions.ts'
import { currentReplicaSet } from './rollout-verdict.ts'

/** Tells what runs, who made it so, and which revisions the cluster still keeps, newest first. */
export function historyOf(deployment: Deployment, sets: readonly ReplicaSet[], container: string): DeploymentHistory {
  const current = currentReplicaSet(deployment, sets)
  const healthy = lastHealthy(deployment, current, sets)
  const { metadata, spec } = deployment
  const known = (set: ReplicaSet): KnownRevision => {
    const template = withoutTemplateHash(set.spec.template)
    return {
      ...revisionOf(set, container),
      createdAt: set.metadata.creationTimestamp,
      changeCause: set.metadata.annotations?.[changeCauseAnnotation],
      templateHash: templateHash(template),
      current: set === current,
      serves: set === healthy || (set !== current && (set.status?.availableReplicas ?? 0) > 0),
      differences: differences(spec.template, template),
      changedSince: differences(template, spec.template),
    }
  }
  return {
    image: imageIn(deployment, container),
    images: imagesOf(spec.template),
    templateHash: templateHash(spec.template),
    paused: spec.paused === true,
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    changeCause: metadata.annotations?.[changeCauseAnnotation],
    writers: writersOf(metadata.managedFields ?? []),
    revisions: sets.toSorted(newestFirst).map(known),
  }
}

/**
 * Lists who owns fields of the pod template beside Purser, by the API's record of field managers. Whoever wrote last
 * comes first.
 */
function writersOf(entries: readonly ManagedFields[]): readonly TemplateWriter[] {
  return entries
    .filter(({ manager, fieldsV1 }) => manager !== fieldManager && ownsTemplate(fieldsV1))
    .map(({ manager = 'unknown', time }) => ({ manager, at: time }))
    .toSorted((a, b) => (b.at ?? '').localeCompare(a.at ?? ''))
}

function ownsTemplate(fields: unknown): boolean {
  const spec = isMap(fields) ? fields['f:spec'] : undefined
  return isMap(spec) && spec['f:template'] !== undefined
}
