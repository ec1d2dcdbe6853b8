import {
  type ApiList,
  CHANGE_CAUSE,
  type Deployment,
  type Pod,
  REVISION,
  type ReplicaSet,
  conditionOf,
  containerImage,
  controlledBy,
  sameTemplate,
  selectorText,
  templateHash,
  withoutTemplateHash,
} from './api-objects.ts'
import { FIELD_MANAGER } from './apply.ts'
import type { Connection } from './connection.ts'
import { differences } from './differences.ts'
import { ClusterError } from './errors.ts'
import type { Paths } from './paths.ts'
import type {
  ApplyOutcome,
  DeploymentState,
  ImageChange,
  PodState,
  ReplicaSetUndo,
  Revision,
  UndoTarget,
} from './port.ts'
import { currentPodsOf, currentReplicaSet } from './rollout-verdict.ts'

/** Status updates move the resourceVersion too, several times a second during a rollout. */
const ATTEMPTS = 8
const UNCHANGED: ApplyOutcome = { outcome: 'unchanged', differences: [] }

export class Deployments {
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
    return {
      name,
      uid: metadata.uid,
      generation: metadata.generation ?? 0,
      resourceVersion: metadata.resourceVersion,
      image: imageIn(deployment, container),
      replicas: spec.replicas ?? 1,
      availableReplicas: status.availableReplicas ?? 0,
      updatedReplicas: status.updatedReplicas ?? 0,
      paused: spec.paused === true,
      revision: set?.metadata.annotations?.[REVISION] ?? '',
      replicaSet: set && { name: set.metadata.name, uid: set.metadata.uid },
      lastHealthy: healthy && revisionOf(healthy, container),
      templateHash: templateHash(spec.template),
      containers: spec.template.spec.containers.map((one) => one.name),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    }
  }

  async currentPods(name: string, container: string, signal: AbortSignal): Promise<readonly PodState[]> {
    const deployment = await this.require(name, 'listing the pods of', signal)
    const [replicaSets, pods] = await Promise.all([
      this.#replicaSets(deployment, signal),
      this.#owned<Pod>(this.#paths.pods, deployment, signal),
    ])
    return currentPodsOf({ deployment, replicaSets, pods }).map((pod) => {
      const status = pod.status?.containerStatuses?.find((one) => one.name === container)
      const spec = pod.spec.containers.find((one) => one.name === container)
      return {
        name: pod.metadata.name,
        ready: status?.ready ?? false,
        restarts: status?.restartCount ?? 0,
        imageID: status?.imageID ?? '',
        image: spec?.image ?? '',
      }
    })
  }

  async setImage(change: ImageChange, signal: AbortSignal): Promise<ApplyOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.require(change.deployment, 'setting the image of', signal)
      imageIn(before, change.container)
      if (isAlready(before, change)) return UNCHANGED
      if (change.onlyIfTemplate !== undefined && templateHash(before.spec.template) !== change.onlyIfTemplate)
        throw changed(change.deployment)
      try {
        const after = await this.#patch(before, imagePatch(before, change), change.dryRun === true, signal)
        return outcomeOf(before, after)
      } catch (error) {
        if (!isStale(error) || attempt >= ATTEMPTS) throw error
      }
    }
  }

  async restore(undo: ReplicaSetUndo, signal: AbortSignal): Promise<ApplyOutcome> {
    const { deployment: name, container, image, changeCause } = undo
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.require(name, 'rolling back', signal)
      const set = (await this.#replicaSets(before, signal)).find((one) => one.metadata.uid === undo.replicaSetUid)
      if (set === undefined) return this.setImage({ deployment: name, container, image, changeCause }, signal)
      if (sameTemplate(set.spec.template, before.spec.template)) return UNCHANGED
      if (before.spec.paused === true)
        throw new ClusterError('deployment_paused', `rolling back ${name}: the deployment is paused`, {
          hint: `Resume it with "kubectl rollout resume deployment/${name}", then retry.`,
        })
      const annotations = { ...before.metadata.annotations, [CHANGE_CAUSE]: changeCause }
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
            query: { fieldManager: FIELD_MANAGER },
            body: operations,
            contentType: 'application/json-patch+json',
            doing: `rolling back deployment ${name}`,
          },
          signal,
        )
        return outcomeOf(before, after)
      } catch (error) {
        if (!isStale(error) || attempt >= ATTEMPTS) throw error
      }
    }
  }

  async undoTarget(
    name: string,
    container: string,
    replicaSetUid: string,
    signal: AbortSignal,
  ): Promise<UndoTarget | undefined> {
    const deployment = await this.require(name, 'looking at what to go back to for', signal)
    const set = (await this.#replicaSets(deployment, signal)).find(({ metadata }) => metadata.uid === replicaSetUid)
    if (set === undefined) return undefined
    return {
      ...revisionOf(set, container),
      createdAt: set.metadata.creationTimestamp,
      changeCause: set.metadata.annotations?.[CHANGE_CAUSE],
      differences: differences(deployment.spec.template, withoutTemplateHash(set.spec.template)),
    }
  }

  async find(name: string, signal: AbortSignal): Promise<Deployment | undefined> {
    const path = `${this.#paths.deployments}/${name}`
    return this.#connection.find<Deployment>({ method: 'GET', path, doing: `reading deployment ${name}` }, signal)
  }

  async require(name: string, doing: string, signal: AbortSignal): Promise<Deployment> {
    const found = await this.find(name, signal)
    if (found !== undefined) return found
    throw new ClusterError('cluster_not_found', `${doing} ${name}: there is no such deployment in the namespace`, {
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
    const query = { labelSelector: selectorText(spec.selector.matchLabels ?? {}) }
    const doing = `listing what belongs to deployment ${metadata.name}`
    return (await this.#connection.json<ApiList<T>>({ method: 'GET', path, query, doing }, signal)).items
  }

  #patch(before: Deployment, body: object, dryRun: boolean, signal: AbortSignal): Promise<Deployment> {
    const { name } = before.metadata
    return this.#connection.json<Deployment>(
      {
        method: 'PATCH',
        path: `${this.#paths.deployments}/${name}`,
        query: {
          fieldManager: FIELD_MANAGER,
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

/** A rollout that was never completed proves nothing: then the pods that serve are those of the one before. */
function lastHealthy(
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
  const number = (set: ReplicaSet) => Number(set.metadata.annotations?.[REVISION] ?? 0)
  return sets
    .filter((set) => set !== current && (set.status?.availableReplicas ?? 0) > 0)
    .toSorted((a, b) => number(b) - number(a))[0]
}

function revisionOf({ metadata, spec }: ReplicaSet, container: string): Revision {
  return {
    revision: metadata.annotations?.[REVISION] ?? '',
    replicaSet: { name: metadata.name, uid: metadata.uid },
    image: containerImage(spec.template, container) ?? '',
  }
}

/** The API would add a container of an unknown name, so the name is checked here. */
function imageIn({ metadata, spec }: Deployment, container: string): string {
  const image = containerImage(spec.template, container)
  if (image !== undefined) return image
  const names = spec.template.spec.containers.map(({ name }) => name).join(', ')
  throw new ClusterError(
    'container_missing',
    `reading deployment ${metadata.name}: it has no container "${container}", only ${names}`,
    { hint: 'Correct the container name in purser.yaml.' },
  )
}

function isAlready({ spec }: Deployment, { container, image, templateAnnotations = {} }: ImageChange): boolean {
  const present = spec.template.metadata?.annotations ?? {}
  const annotated = Object.entries(templateAnnotations).every(([key, value]) => present[key] === value)
  return annotated && containerImage(spec.template, container) === image
}

function imagePatch({ metadata }: Deployment, change: ImageChange): object {
  const { container, image, changeCause, templateAnnotations } = change
  return {
    metadata: { resourceVersion: metadata.resourceVersion, annotations: { [CHANGE_CAUSE]: changeCause } },
    spec: {
      template: {
        ...(templateAnnotations === undefined ? {} : { metadata: { annotations: templateAnnotations } }),
        spec: { containers: [{ name: container, image }] },
      },
    },
  }
}

function outcomeOf(before: Deployment, after: Deployment): ApplyOutcome {
  return { outcome: 'changed', differences: differences(before, after) }
}

/** 409 for a merge patch, 422 for the failed test of a JSON patch. */
function isStale(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return false
  return error.status === 409 || (error.status === 422 && error.message.includes('rejected our request'))
}

function changed(name: string): ClusterError {
  return new ClusterError(
    'deployment_changed',
    `setting the image of ${name}: someone else changed the deployment since the plan was made`,
    { hint: 'Plan again and have the new plan approved.' },
  )
}
