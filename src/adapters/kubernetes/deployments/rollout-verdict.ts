import { sameImage } from '../../../image-name.ts'
import {
  conditionOf,
  containerImage,
  type ContainerStatus,
  controlledBy,
  type Deployment,
  type Pod,
  type ReplicaSet,
  sameTemplate,
} from '../api/objects.ts'
import type { RolloutProgress } from './port.ts'

/** Everything that is known of a rollout at one moment. */
export interface RolloutView {
  readonly deployment: Deployment
  readonly replicaSets: readonly ReplicaSet[]
  readonly pods: readonly Pod[]
}

/** A sign of failure: a reason why the new pods may never come up. It counts once it has lasted `afterMs`. */
export interface Sign {
  readonly reason: string
  readonly message: string
  readonly afterMs: number
  readonly pod?: string
  readonly container?: string
}

type RolloutVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'superseded'; readonly image: string }

/** Judges as `kubectl rollout status` does, in the same order, but leaves the progress deadline to `signsOf`. */
export function verdictOf(
  { metadata, spec, status = {} }: Deployment,
  container: string,
  image: string,
): RolloutVerdict {
  const running = containerImage(spec.template, container) ?? 'nothing'
  if (!sameImage(running, image)) return { kind: 'superseded', image: running }
  const wanted = spec.replicas ?? 1
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status
  if ((metadata.generation ?? 0) > (status.observedGeneration ?? 0))
    return { kind: 'waiting', why: 'waiting for the cluster to see the change' }
  if (updatedReplicas < wanted) return { kind: 'waiting', why: `${updatedReplicas} of ${wanted} pods updated` }
  if (replicas > updatedReplicas)
    return { kind: 'waiting', why: `${count(replicas - updatedReplicas, 'old pod')} still to end` }
  if (availableReplicas < updatedReplicas)
    return { kind: 'waiting', why: `${availableReplicas} of ${updatedReplicas} new pods available` }
  return { kind: 'done' }
}

/**
 * Finds the current ReplicaSet by its template, because the controller gives a new one its revision number only some
 * time later.
 */
export function currentReplicaSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.find(
    (set) => controlledBy(set, deployment.metadata.uid) && sameTemplate(set.spec.template, deployment.spec.template),
  )
}

/** Lists the pods of the current ReplicaSet that are not being deleted. */
export function currentPodsOf({ deployment, replicaSets, pods }: RolloutView): readonly Pod[] {
  const set = currentReplicaSet(deployment, replicaSets)
  if (set === undefined) return []
  return pods.filter((pod) => controlledBy(pod, set.metadata.uid) && pod.metadata.deletionTimestamp === undefined)
}

export function progressOf(view: RolloutView): RolloutProgress {
  const { spec, metadata, status = {} } = view.deployment
  const replicas = spec.replicas ?? 1
  const observed = (metadata.generation ?? 0) <= (status.observedGeneration ?? 0)
  const updated = observed ? (status.updatedReplicas ?? 0) : 0
  const seen = currentPodsOf(view).filter(
    (pod) => conditionOf(pod.status?.conditions, 'Ready')?.status === 'True',
  ).length
  const old = Math.max(0, (status.replicas ?? 0) - updated)
  // The Deployment's status may arrive before its pods. Where no old pod is left, the available ones it counts are new.
  const ready = observed && old === 0 ? Math.max(seen, Math.min(replicas, status.availableReplicas ?? 0)) : seen
  const ending = old > 0 ? `, ${count(old, 'old pod')} left` : ''
  return { replicas, updated, ready, old, line: `${ready} of ${count(replicas, 'new pod')} ready${ending}` }
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`

/** The answers of a registry after which another try will fail in the same way. */
const lastingPullFailure =
  /not found|notfound|manifest unknown|denied|unauthorized|forbidden|does not exist|invalid reference|no such image/i
/**
 * What passes by itself, whatever else the message says: a node that clears up its images while it pulls one ("content
 * digest … not found"), a layer that a mirror does not have yet, a name server, the network, a limit of pulls.
 */
const passingPullFailure =
  /content digest|httpReadSeeker|blobs?\b[^:]*(unknown|not found)|\/blobs\/|\blease\b|(parent|extraction) snapshot|no such host|server misbehaving|time-?out|timed out|deadline|connection (refused|reset)|broken pipe|\bEOF\b|TLS handshake|temporar|too ?many ?requests|rate ?limit|QPS exceeded|\b50[0-4]\b|unavailable|cancell?ed|no space left/i

/** Tells whether no further pull can succeed. */
export function isLastingPullFailure(message: string): boolean {
  // An image may be called "timeout-service" or "api:1.0-lease": its name says nothing of why it was not pulled.
  const names = [...message.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name)
  const said = names.reduce((text, name) => text.replaceAll(name, ''), message)
  return lastingPullFailure.test(said) && !passingPullFailure.test(said)
}

const cacheSync = /failed to sync (configmap|secret) cache/
/** Nothing but another pod template can mend these. */
const misnamed = new Set(['InvalidImageName', 'ErrImageNeverPull'])
/** These may pass: what is missing is made, what is in the way ends. */
const cannotStart = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'])

/**
 * Lists signs of failure on the new pods and on the Deployment, each with the time it may last, as a part of `graceMs`.
 */
export function signsOf(view: RolloutView, graceMs: number): readonly Sign[] {
  const pods = currentPodsOf(view)
  // Where the new revision serves, what keeps another pod of it from that is likely to pass: it gets more time.
  const serves = pods.some((pod) => conditionOf(pod.status?.conditions, 'Ready')?.status === 'True')
  return [
    ...deploymentSigns(view.deployment, graceMs),
    ...pods.flatMap((pod) => podSigns(pod, graceMs, serves ? graceMs * 3 : graceMs)),
  ]
}

function deploymentSigns({ metadata, status }: Deployment, graceMs: number): Sign[] {
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) return []
  const progressing = conditionOf(status?.conditions, 'Progressing')
  const failure = conditionOf(status?.conditions, 'ReplicaFailure')
  const signs: Sign[] = []
  // Just after an undo the condition may still be the former revision's, so it has to last for a moment.
  if (progressing?.reason === 'ProgressDeadlineExceeded')
    signs.push({ reason: 'ProgressDeadlineExceeded', message: progressing.message ?? '', afterMs: 1_000 })
  if (failure?.status === 'True')
    signs.push({
      reason: failure.reason ?? 'ReplicaFailure',
      message: failure.message ?? '',
      afterMs: (graceMs * 3) / 4,
    })
  return signs
}

export function podSigns(pod: Pod, graceMs: number, crashLoopMs = graceMs): Sign[] {
  const { name } = pod.metadata
  const scheduled = conditionOf(pod.status?.conditions, 'PodScheduled')
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const signs = statuses.flatMap((status) =>
    containerSigns(status, graceMs, crashLoopMs).map((sign) => ({ ...sign, pod: name })),
  )
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable')
    signs.push({ reason: 'Unschedulable', message: scheduled.message ?? '', afterMs: graceMs * 6, pod: name })
  return signs
}

function containerSigns(status: ContainerStatus, graceMs: number, crashLoopMs: number): Sign[] {
  const { reason = '', message = '' } = status.state?.waiting ?? {}
  const container = status.name
  if (reason === 'ErrImagePull' || reason === 'ImagePullBackOff') {
    const lasting = reason === 'ErrImagePull' && isLastingPullFailure(message)
    return [{ reason, message, container, afterMs: lasting ? graceMs / 2 : graceMs * 3 }]
  }
  if (misnamed.has(reason)) return [{ reason, message, container, afterMs: graceMs / 2 }]
  if (cannotStart.has(reason)) return cacheSync.test(message) ? [] : [{ reason, message, container, afterMs: graceMs }]
  return crashSigns(status, crashLoopMs)
}

/** So many restarts are a crash loop, however ready the container was in between: they take minutes. */
const manyRestarts = 5

/**
 * A crash loop counts once it has lasted for its time, and only while the container waits or has just ended: the run that
 * is under way may be the one that stays. It keeps the time running all the same.
 */
function crashSigns(status: ContainerStatus, crashLoopMs: number): Sign[] {
  const container = status.name
  const { reason = '', message = '' } = status.state?.waiting ?? {}
  const last = status.lastState?.terminated ?? status.state?.terminated
  const looping = reason === 'CrashLoopBackOff' || (status.restartCount >= 2 && !status.ready)
  const patience = status.restartCount >= manyRestarts ? 0 : crashLoopMs
  const afterMs = status.state?.running === undefined ? patience : Number.POSITIVE_INFINITY
  if (!looping || last?.exitCode === undefined)
    return looping ? [{ reason: 'CrashLoopBackOff', message, container, afterMs }] : []
  const how = last.reason === 'OOMKilled' ? 'ran out of memory' : `exited with ${last.exitCode}`
  const times = count(status.restartCount, 'restart')
  return [{ reason: 'CrashLoopBackOff', message: `the container ${how}, ${times}`, container, afterMs }]
}

/**
 * Tells when some pods run another image than others. All of them must have the wanted digest, or none: some runtimes
 * report the digest of the platform's own image where the wanted one is that of a multi-platform index.
 */
export function digestProblem(pods: readonly Pod[], container: string, image: string): string | undefined {
  const wanted = digestIn(image)
  if (wanted === undefined) return undefined
  const digests = pods
    .map((pod) => pod.status?.containerStatuses?.find(({ name }) => name === container)?.imageID ?? '')
    .map(digestIn)
    .filter((digest) => digest !== undefined)
  const others = new Set(digests.filter((digest) => digest !== wanted))
  if (others.size === 0 || !digests.includes(wanted)) return undefined
  return `some pods run ${[...others].join(', ')} instead of ${wanted}`
}

const digestIn = (reference: string) => /sha256:[0-9a-f]{64}/.exec(reference)?.[0]
