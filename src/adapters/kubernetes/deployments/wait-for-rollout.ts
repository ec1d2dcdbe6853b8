/**
 * Waits for a rollout as `kubectl rollout status` does, but gives up as soon as it cannot succeed. The Deployment, its
 * ReplicaSets and its pods are watched side by side. After each change, and every half second because signs of failure
 * grow with time, the latest state of all three is judged: the rollout is done, or somebody else has set another image
 * (`deployment_changed`), or the Deployment is paused, or a sign of failure has lasted longer than it may. A failure
 * brings the last log lines and the warnings of the pod as evidence. The three watches run at different speeds. What
 * they disagree on counts only when it lasts for two seconds.
 */

import { type ClusterEvent, type Deployment, type Pod, type ReplicaSet, selectorText } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError, RolloutFailed } from '../api/errors.ts'
import { byName, observe } from '../api/observe.ts'
import type { Paths } from '../api/paths.ts'
import { readLog } from '../logs/read-log.ts'
import { ownersOf } from '../owners/field-owners.ts'
import type { RolloutProgress, RolloutWait } from './port.ts'
import {
  currentPodsOf,
  currentReplicaSet,
  digestProblem,
  isLastingPullFailure,
  progressOf,
  type RolloutView,
  type Sign,
  signsOf,
  verdictOf,
} from './rollout-verdict.ts'

const defaultGraceMs = 20_000
const lookEveryMs = 500
const evidenceLines = 50
const longestDisagreementMs = 2_000
/** Another try may fail for another reason. */
const pullsReadEveryMs = 5_000

export async function waitForRollout(
  connection: Connection,
  paths: Paths,
  first: Deployment,
  wait: RolloutWait,
  signal: AbortSignal,
): Promise<RolloutProgress> {
  signal.throwIfAborted()
  const over = new AbortController()
  const inside = AbortSignal.any([signal, over.signal])
  const watcher = new RolloutWatcher(connection, paths, wait)
  const labels = { labelSelector: selectorText(first.spec.selector) }
  const doing = `watching the rollout of ${wait.deployment}`
  return await new Promise<RolloutProgress>((resolve, reject) => {
    const look = (): void => {
      watcher
        .look(inside)
        .then((progress) => progress && resolve(progress))
        .catch(reject)
    }
    const timer = setInterval(look, lookEveryMs)
    const stop = () => clearInterval(timer)
    inside.addEventListener('abort', stop, { once: true })
    signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
    const watched = [
      observe<Deployment>(
        connection,
        { path: paths.deployments, query: byName(wait.deployment), doing },
        (found) => watcher.saw({ deployment: found[0] ?? null }, look),
        inside,
      ),
      observe<ReplicaSet>(
        connection,
        { path: paths.replicaSets, query: labels, doing },
        (found) => watcher.saw({ replicaSets: found }, look),
        inside,
      ),
      observe<Pod>(
        connection,
        { path: paths.pods, query: labels, doing },
        (found) => watcher.saw({ pods: found }, look),
        inside,
      ),
    ]
    for (const one of watched) one.catch(reject)
  }).finally(() => over.abort())
}

class RolloutWatcher {
  readonly #connection: Connection
  readonly #paths: Paths
  readonly #wait: RolloutWait
  /** The Deployment: null when it has been deleted, undefined until the watch has brought it. */
  #deployment: Deployment | null | undefined
  #replicaSets: readonly ReplicaSet[] | undefined
  #pods: readonly Pod[] | undefined
  readonly #since = new Map<string, number>()
  readonly #disagree = new Map<string, number>()
  /** Why the last pull of each pod failed, and when that was read. */
  readonly #pulls = new Map<string, { readonly lasting: boolean; readonly at: number }>()
  #told = ''
  #busy = false

  constructor(connection: Connection, paths: Paths, wait: RolloutWait) {
    this.#connection = connection
    this.#paths = paths
    this.#wait = wait
  }

  saw(
    part: { deployment?: Deployment | null; replicaSets?: readonly ReplicaSet[]; pods?: readonly Pod[] },
    look: () => void,
  ): void {
    if (part.deployment !== undefined) this.#deployment = part.deployment
    if (part.replicaSets !== undefined) this.#replicaSets = part.replicaSets
    if (part.pods !== undefined) this.#pods = part.pods
    look()
  }

  /** Returns the final progress when the rollout is done, and raises when it cannot succeed. */
  async look(signal: AbortSignal): Promise<RolloutProgress | undefined> {
    if (this.#busy || this.#deployment === undefined || !this.#replicaSets || !this.#pods || signal.aborted)
      return undefined
    this.#busy = true
    try {
      if (this.#deployment === null) throw this.#vanished()
      return await this.#judge(
        { deployment: this.#deployment, replicaSets: this.#replicaSets, pods: this.#pods },
        signal,
      )
    } finally {
      this.#busy = false
    }
  }

  async #judge(view: RolloutView, signal: AbortSignal): Promise<RolloutProgress | undefined> {
    const { deployment: name, container, image, onProgress } = this.#wait
    const verdict = verdictOf(view.deployment, container, image)
    if (verdict.kind === 'superseded') throw superseded(view.deployment, this.#wait, verdict.image)
    const progress = progressOf(view)
    if (progress.line !== this.#told) {
      this.#told = progress.line
      onProgress(progress)
    }
    // The Deployment may count pods as available that the watch of the pods has not brought yet.
    if (verdict.kind === 'done')
      return progress.ready >= progress.replicas || this.#lasts('pods not seen')
        ? this.#finish(view, progress)
        : undefined
    if (isStuck(view) && this.#lasts('paused'))
      throw new ClusterError('deployment_paused', `rolling out ${name}: the deployment is paused`, {
        hint: `Resume it with "kubectl rollout resume deployment/${name}", then retry.`,
      })
    const sign = await this.#lastingSign(view, signal)
    if (sign !== undefined) throw await this.#failed(sign, view, signal)
    return undefined
  }

  /** Returns true once this was first seen at least two seconds ago. */
  #lasts(what: string): boolean {
    const since = this.#disagree.get(what) ?? Date.now()
    this.#disagree.set(what, since)
    return Date.now() - since >= longestDisagreementMs
  }

  #finish(view: RolloutView, progress: RolloutProgress): RolloutProgress {
    const { deployment, container, image } = this.#wait
    const problem = digestProblem(currentPodsOf(view), container, image)
    if (problem === undefined) return progress
    throw new RolloutFailed(
      { deployment, reason: 'ImageMismatch', container },
      `rolling out ${deployment}: ${problem}`,
      [],
    )
  }

  async #lastingSign(view: RolloutView, signal: AbortSignal): Promise<Sign | undefined> {
    const { graceMs = defaultGraceMs } = this.#wait
    const signs = signsOf(view, graceMs)
    const seen = new Set<string>()
    for (const sign of signs) {
      const key = `${sign.pod}/${sign.container}/${group(sign.reason)}`
      seen.add(key)
      if (!this.#since.has(key)) this.#since.set(key, Date.now())
      const afterMs = (await this.#hopelessPull(sign, signal)) ? graceMs / 2 : sign.afterMs
      if (Date.now() - (this.#since.get(key) ?? 0) >= afterMs) return sign
    }
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key)
    return undefined
  }

  /**
   * Tells whether no further pull can succeed. `ImagePullBackOff` does not say why the pull failed; the pod's events
   * do, even when the `ErrImagePull` before it was missed.
   */
  async #hopelessPull(sign: Sign, signal: AbortSignal): Promise<boolean> {
    if (sign.reason !== 'ImagePullBackOff' || sign.pod === undefined) return false
    const known = this.#pulls.get(sign.pod)
    if (known !== undefined && Date.now() - known.at < pullsReadEveryMs) return known.lasting
    const events = await this.#eventsOf(sign.pod, signal)
    const timeOf = ({ lastTimestamp, eventTime }: ClusterEvent) => lastTimestamp ?? eventTime ?? ''
    const [last] = events
      .filter((event) => event.reason === 'Failed' && event.message?.startsWith('Failed to pull'))
      .sort((a, b) => timeOf(b).localeCompare(timeOf(a)))
    const lasting = isLastingPullFailure(last?.message ?? '')
    this.#pulls.set(sign.pod, { lasting, at: Date.now() })
    return lasting
  }

  async #failed(sign: Sign, view: RolloutView, signal: AbortSignal): Promise<RolloutFailed> {
    const { deployment } = this.#wait
    const suspect = sign.pod === undefined ? worstPod(view) : { pod: sign.pod, container: sign.container }
    const { pod, container } = suspect
    const logs = pod === undefined ? [] : await this.#logsOf(pod, container, signal)
    const events = pod === undefined ? [] : await this.#eventsOf(pod, signal)
    const where = pod === undefined ? '' : ` (pod ${pod}${container === undefined ? '' : `, container ${container}`})`
    const shownEvents = events
      .filter((event) => event.type === 'Warning')
      .map(
        (event) => `event ${event.reason}: ${event.message}${(event.count ?? 1) > 1 ? ` (${event.count} times)` : ''}`,
      )
    return new RolloutFailed(
      { deployment, reason: sign.reason, ...(pod ? { pod } : {}), ...(container ? { container } : {}) },
      `rolling out ${deployment}: ${sign.reason}: ${sign.message}${where}`,
      [...logs, ...shownEvents],
    )
  }

  /**
   * Returns lines of the container's run that ended, if there is one, else of the current run; none when it never
   * started.
   */
  async #logsOf(pod: string, container: string | undefined, signal: AbortSignal): Promise<string[]> {
    const part = { pod, ...(container === undefined ? {} : { container }), from: 'end', lines: evidenceLines } as const
    for (const which of [{ ...part, previous: true }, part]) {
      const lines = await readLog(this.#connection, this.#paths, which, signal).catch((error: unknown) => {
        ignoreRefusal(error)
        return []
      })
      if (lines.length > 0) return lines.map(({ text }) => text)
    }
    return []
  }

  async #eventsOf(pod: string, signal: AbortSignal): Promise<readonly ClusterEvent[]> {
    const query = { fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${pod}` }
    const request = { method: 'GET', path: this.#paths.events, query, doing: `reading the events of ${pod}` } as const
    const list = await this.#connection.list<ClusterEvent>(request, signal).catch((error: unknown) => {
      ignoreRefusal(error)
      return { items: [] }
    })
    return list.items
  }

  #vanished(): ClusterError {
    const { deployment } = this.#wait
    return new ClusterError('cluster_not_found', `rolling out ${deployment}: the deployment has been deleted`)
  }
}

/** Names who has set another image, and what such a manager does as a rule. */
function superseded(found: Deployment, { deployment, container }: RolloutWait, image: string): ClusterError {
  const owners = ownersOf(found, [`spec.template.spec.containers[${container}].image`])
  const who = owners.map(({ manager }) => manager).join(', ')
  const [back] = owners.filter(({ byHand }) => !byHand)
  return new ClusterError(
    'deployment_changed',
    `rolling out ${deployment}: ${who === '' ? 'an unknown client' : who} set ${container} to ${image}`,
    {
      evidence: owners.map(({ manager, habit, fields }) => `${manager} ${habit}: ${fields.join(', ')}`),
      hint:
        back === undefined
          ? 'Find out who changed the Deployment, then start a new deploy.'
          : `Let ${back.manager} leave it alone: ${back.advice}. Or deploy by way of ${back.manager}. Then plan again.`,
    },
  )
}

/**
 * Tells whether the rollout is stuck: a paused Deployment still scales its present ReplicaSets, but a new template gets
 * none until somebody resumes it.
 */
function isStuck({ deployment, replicaSets }: RolloutView): boolean {
  const { metadata, spec, status } = deployment
  if (spec.paused !== true || (metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) return false
  return (currentReplicaSet(deployment, replicaSets)?.spec.replicas ?? 0) < (spec.replicas ?? 1)
}

/** Leaves out evidence that cannot be read. An abort is raised all the same. */
function ignoreRefusal(error: unknown): string {
  if (error instanceof ClusterError) return ''
  throw error
}

/** Takes two names for one, between which the kubelet alternates while one and the same pull fails. */
const group = (reason: string) => (reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason)

function worstPod(view: RolloutView): { pod?: string; container?: string } {
  for (const pod of currentPodsOf(view)) {
    const status = pod.status?.containerStatuses?.find(({ ready }) => !ready)
    if (status !== undefined) return { pod: pod.metadata.name, container: status.name }
  }
  return {}
}
