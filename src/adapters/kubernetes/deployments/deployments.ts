/**
 * Reads and writes of Deployments. Every write is conditional on the version that was read, so that it never undoes
 * what somebody else has changed in between: a merge patch names the resourceVersion (409 when it is stale), a JSON
 * patch tests it (422). A stale write is decided anew from a new read. Nothing is sent when the Deployment is as wanted
 * already, which makes every write safe to repeat. `setImage` sends a strategic merge patch, which finds the container
 * by its name. `restore` replaces the whole template, as `kubectl rollout undo` does, because a merge would keep fields
 * that the former template did not have.
 */

import {
  changeCauseAnnotation,
  controlledBy,
  type Deployment,
  type Pod,
  type PodTemplate,
  type ReplicaSet,
  revisionAnnotation,
  sameTemplate,
  selectorText,
  templateHash,
  withoutTemplateHash,
} from '../api/objects.ts'
import { sameImage } from '../../../image-name.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import { differences } from '../api/differences.ts'
import { ClusterError } from '../api/errors.ts'
import { historyOf } from './history.ts'
import type { Paths } from '../api/paths.ts'
import type {
  ContainerImage,
  DeploymentHistory,
  DeploymentState,
  ImageChange,
  ImageSet,
  ReplicaSetUndo,
} from './port.ts'
import type { ApplyOutcome } from '../manifests/port.ts'
import { claimsOn } from '../owners/claims.ts'
import { fieldsTaken, ownersOf } from '../owners/field-owners.ts'
import { imageIn, imagesOf, lastHealthy, revisionOf } from './revisions.ts'
import { currentReplicaSet, type RolloutView } from './rollout-verdict.ts'

/**
 * The attempts of a write: during a rollout the controller updates the status several times a second, which changes the
 * resourceVersion as well.
 */
const mostAttempts = 8
const unchanged: ApplyOutcome = { outcome: 'unchanged', differences: [] }

export class DeploymentsApi {
  readonly #connection: Connection
  readonly #paths: Paths

  constructor(connection: Connection, paths: Paths) {
    this.#connection = connection
    this.#paths = paths
  }

  async state(name: string, container: string, signal: AbortSignal): Promise<DeploymentState | undefined> {
    const deployment = await this.find(name, signal)
    if (deployment === undefined) return undefined
    const sets = await this.#replicaSets(deployment, signal)
    const set = currentReplicaSet(deployment, sets)
    const healthy = lastHealthy(deployment, set, sets)
    const { metadata, spec, status = {} } = deployment
    const { template, replicas = 1, selector: _selector, ...settings } = spec
    return {
      name,
      uid: metadata.uid,
      generation: metadata.generation ?? 0,
      resourceVersion: metadata.resourceVersion,
      image: imageIn(deployment, container),
      replicas,
      availableReplicas: status.availableReplicas ?? 0,
      updatedReplicas: status.updatedReplicas ?? 0,
      paused: spec.paused === true,
      revision: set?.metadata.annotations?.[revisionAnnotation] ?? '',
      replicaSet: set && { name: set.metadata.name, uid: set.metadata.uid },
      lastHealthy: healthy && revisionOf(healthy, container),
      templateHash: templateHash(template),
      containers: template.spec.containers.map((one) => one.name),
      images: imagesOf(template),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      settings,
      claims: claimsOn(deployment),
      replicasOwners: ownersOf(deployment, ['spec.replicas']),
    }
  }

  async rolloutView(name: string, doing: string, signal: AbortSignal): Promise<RolloutView> {
    const deployment = await this.require(name, doing, signal)
    const [replicaSets, pods] = await Promise.all([
      this.#replicaSets(deployment, signal),
      this.#owned<Pod>(this.#paths.pods, deployment, signal),
    ])
    return { deployment, replicaSets, pods }
  }

  async setImage(change: ImageChange, signal: AbortSignal): Promise<ImageSet> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.require(change.deployment, 'setting the image of', signal)
      imageIn(before, change.container)
      const currentHash = templateHash(before.spec.template)
      if (isAlready(before, change)) return { ...unchanged, templateHash: currentHash, taken: [] }
      if (change.onlyIfTemplate !== undefined && currentHash !== change.onlyIfTemplate)
        throw changedMeanwhile(`setting the image of ${change.deployment}`)
      try {
        const after = await this.#patch(before, imagePatch(before, change), change.dryRun === true, signal)
        return {
          ...outcomeOf(before, after),
          templateHash: templateHash(after.spec.template),
          taken: fieldsTaken(before, after),
        }
      } catch (error) {
        if (!isStale(error) || attempt >= mostAttempts) throw error
      }
    }
  }

  async restore(undo: ReplicaSetUndo, signal: AbortSignal): Promise<ApplyOutcome> {
    const { deployment: name, container, image, changeCause, onlyIfTemplate } = undo
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.require(name, 'rolling back', signal)
      const set = (await this.#replicaSets(before, signal)).find((one) => one.metadata.uid === undo.replicaSetUid)
      if (set === undefined)
        return this.setImage(
          {
            deployment: name,
            container,
            image,
            changeCause,
            along: undo.along ?? [],
            ...(onlyIfTemplate === undefined ? {} : { onlyIfTemplate }),
          },
          signal,
        )
      if (sameTemplate(set.spec.template, before.spec.template)) return unchanged
      if (onlyIfTemplate !== undefined && templateHash(before.spec.template) !== onlyIfTemplate)
        throw changedMeanwhile(`rolling back ${name}`)
      if (before.spec.paused === true)
        throw new ClusterError('deployment_paused', `rolling back ${name}: the deployment is paused`, {
          hint: `Resume it with "kubectl rollout resume deployment/${name}", then retry.`,
        })
      const annotations = { ...before.metadata.annotations, [changeCauseAnnotation]: changeCause }
      const operations = [
        { op: 'test', path: '/metadata/resourceVersion', value: before.metadata.resourceVersion },
        { op: 'replace', path: '/spec/template', value: withoutTemplateHash(set.spec.template) },
        { op: before.metadata.annotations ? 'replace' : 'add', path: '/metadata/annotations', value: annotations },
      ]
      try {
        const after = await this.#connection.json<Deployment>(
          {
            method: 'PATCH',
            path: `${this.#paths.deployments}/${name}`,
            query: { fieldManager },
            body: operations,
            contentType: 'application/json-patch+json',
            doing: `rolling back deployment ${name}`,
          },
          signal,
        )
        return outcomeOf(before, after)
      } catch (error) {
        if (!isStale(error) || attempt >= mostAttempts) throw error
      }
    }
  }

  async history(name: string, container: string, signal: AbortSignal): Promise<DeploymentHistory> {
    const deployment = await this.require(name, 'looking at the revisions of', signal)
    return historyOf(deployment, await this.#replicaSets(deployment, signal), container)
  }

  async find(name: string, signal: AbortSignal): Promise<Deployment | undefined> {
    const path = `${this.#paths.deployments}/${name}`
    return this.#connection.find<Deployment>({ method: 'GET', path, doing: `reading deployment ${name}` }, signal)
  }

  async require(name: string, doing: string, signal: AbortSignal): Promise<Deployment> {
    const found = await this.find(name, signal)
    if (found !== undefined) return found
    throw new ClusterError('cluster_not_found', `${doing} ${name}: no such Deployment in the namespace`, {
      status: 404,
      reason: 'NotFound',
      hint: 'Check the deployment and namespace in purser.yaml.',
    })
  }

  async #replicaSets(deployment: Deployment, signal: AbortSignal): Promise<readonly ReplicaSet[]> {
    const all = await this.#owned<ReplicaSet>(this.#paths.replicaSets, deployment, signal)
    return all.filter((set) => controlledBy(set, deployment.metadata.uid))
  }

  async #owned<T>(path: string, { metadata, spec }: Deployment, signal: AbortSignal): Promise<readonly T[]> {
    const query = { labelSelector: selectorText(spec.selector) }
    const doing = `listing what belongs to deployment ${metadata.name}`
    return (await this.#connection.list<T>({ method: 'GET', path, query, doing }, signal)).items
  }

  #patch(before: Deployment, body: object, dryRun: boolean, signal: AbortSignal): Promise<Deployment> {
    const { name } = before.metadata
    return this.#connection.json<Deployment>(
      {
        method: 'PATCH',
        path: `${this.#paths.deployments}/${name}`,
        query: {
          fieldManager,
          fieldValidation: 'Strict',
          ...(dryRun ? { dryRun: 'All' } : {}),
        },
        body,
        contentType: 'application/strategic-merge-patch+json',
        doing: `setting the image of deployment ${name}`,
      },
      signal,
    )
  }
}

function isAlready({ spec }: Deployment, change: ImageChange): boolean {
  const { image, templateAnnotations = {} } = change
  const present = spec.template.metadata?.annotations ?? {}
  const annotated = Object.entries(templateAnnotations).every(([key, value]) => present[key] === value)
  return annotated && changed(spec.template, change).every((one) => sameImage(one.image, image))
}

/** The containers that get the image. One that is not there is left out: a patch with an unknown name would add a container. */
function changed(template: PodTemplate, { container, along = [] }: ImageChange): readonly ContainerImage[] {
  return imagesOf(template).filter(({ name }) => name === container || along.includes(name))
}

function imagePatch({ metadata, spec }: Deployment, change: ImageChange): object {
  const { image, changeCause, templateAnnotations } = change
  const containers = changed(spec.template, change)
  const patchOf = (init: boolean) => containers.filter((one) => one.init === init).map(({ name }) => ({ name, image }))
  const initContainers = patchOf(true)
  return {
    metadata: { resourceVersion: metadata.resourceVersion, annotations: { [changeCauseAnnotation]: changeCause } },
    spec: {
      template: {
        ...(templateAnnotations === undefined ? {} : { metadata: { annotations: templateAnnotations } }),
        spec: {
          containers: patchOf(false),
          ...(initContainers.length === 0 ? {} : { initContainers }),
        },
      },
    },
  }
}

function outcomeOf(before: Deployment, after: Deployment): ApplyOutcome {
  return { outcome: 'changed', differences: differences(before, after) }
}

/** Tells whether the version that was read is no longer the present one. */
function isStale(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return false
  return error.status === 409 || (error.status === 422 && error.message.includes('rejected our request'))
}

function changedMeanwhile(doing: string): ClusterError {
  return new ClusterError('deployment_changed', `${doing}: the Deployment changed meanwhile`, {
    hint: 'Check what runs now, then try again.',
  })
}
