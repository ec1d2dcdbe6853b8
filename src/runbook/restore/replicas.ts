import type { Autoscaler, DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { ReplicasBefore } from '../../model/effects/replicas.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { currentDeployment } from '../plan/plan.ts'

/** What will run again after the restore has stopped the service, and what a plan has to say of it. */
interface RunningReplicas {
  readonly before: ReplicasBefore
  readonly deployment: DeploymentState
  readonly risks: readonly string[]
}

/**
 * Looks at what runs. Raises `deployment_paused` where stopping and starting would bring up another revision than the
 * one that serves.
 */
export async function runningReplicas(context: PhaseContext, signal: AbortSignal): Promise<RunningReplicas> {
  const { world, service } = context
  const deployment = await currentDeployment(context, { mayBePaused: true })
  requireSettled(deployment)
  const autoscaler = await world.cluster.autoscaler(service.deployment, signal)
  const { replicas } = deployment
  return {
    deployment,
    before: typeof autoscaler === 'string' ? { replicas } : { replicas, autoscaler },
    risks: [...pausedRisk(deployment), ...autoscalerRisk(replicas, autoscaler)],
  }
}

/** Puts the number of pods back to what it was. Safe to repeat. */
export async function scaleBack(
  { world, service }: PhaseContext,
  before: ReplicasBefore,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { deployment, container } = service
  // An autoscaler that has taken over again sets the number of pods itself.
  if (before.autoscaler !== undefined) {
    const now = await world.cluster.deployment(deployment, container, signal)
    if ((now?.replicas ?? 0) > 0) return
  }
  await world.cluster.scale({ deployment, replicas: replicasAfter(before), onProgress }, signal)
}

/** Returns how many pods to start: none where there were none, else a number within the autoscaler's bounds. */
function replicasAfter({ replicas, autoscaler }: ReplicasBefore): number {
  if (autoscaler === undefined || replicas === 0) return replicas
  return Math.min(Math.max(replicas, autoscaler.minimum), autoscaler.maximum)
}

/**
 * Raises where a paused Deployment would come up otherwise: scaled up from 0 it starts the newest ReplicaSet, whichever
 * had served, which is the same only where that one serves.
 */
function requireSettled({ name, paused, replicaSet, replicas, updatedReplicas }: DeploymentState): void {
  if (!paused || (replicaSet !== undefined && updatedReplicas >= replicas)) return
  throw new CheckFailed(
    'deployment_paused',
    `looking at deployment ${name}: it is paused in the middle of a change, and would come back with other pods than serve now`,
    {
      hint: `Run kubectl rollout resume deployment/${name}, then kubectl rollout undo if needed, and request the restore again.`,
    },
  )
}

function pausedRisk({ name, paused }: DeploymentState): readonly string[] {
  return paused ? [`Deployment ${name} is paused: it is stopped and started as it is, and stays paused.`] : []
}

function autoscalerRisk(replicas: number, autoscaler: Autoscaler | 'none' | 'unknown'): readonly string[] {
  if (autoscaler === 'none') return []
  if (autoscaler === 'unknown') return ["Couldn't check for an autoscaler: Purser isn't allowed to list them."]
  const { name, minimum, maximum } = autoscaler
  const back = replicasAfter({ replicas, autoscaler })
  return [
    `Autoscaler ${name} (${minimum} to ${maximum} pods) pauses while no pods run. The Deployment starts again with ` +
      `${back}, and the autoscaler continues from there.`,
  ]
}
