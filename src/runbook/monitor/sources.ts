import { type BuiltInMetric, builtIn } from '../../config/watch-schema.ts'
import type { MonitorConfig } from '../../config/service-schema.ts'
import type { PhaseContext } from '../phase.ts'
import { undeliveredEvents } from '../stripe/undelivered.ts'

/** What the watch knows from its beginning, the same after a restart. */
export interface Beginning {
  readonly [key: string]: string | number
  readonly at: string
  readonly restarts: number
}

interface Source {
  readonly title: string
  readonly unit?: string
  readonly limits: (config: MonitorConfig) => { readonly atMost?: number; readonly atMostTimesBaseline?: number }
  /** What is particular about its rule, in the words of `Rule`. */
  readonly rule?: { readonly noData: 'ignore'; readonly atMostOrBaseline: true; readonly peopleDecide: true }
  /** Returns the number now; undefined is a gap. A source without this is counted by the log watch. */
  readonly sample?: (context: PhaseContext, beginning: Beginning) => Promise<number | undefined>
}

/** What every release is watched for beside the metrics of purser.yaml. The type asks for an entry of each source. */
export const sources: { readonly [M in BuiltInMetric]: Source } = {
  [builtIn.errors]: { title: 'Error lines', limits: ({ logs }) => ({ atMost: logs.maxErrors }) },
  [builtIn.errorRate]: {
    title: 'Errors per minute',
    unit: 'per minute',
    limits: ({ logs: { maxErrorsTimesBaseline: limit } }) =>
      limit === undefined ? {} : { atMostTimesBaseline: limit },
  },
  [builtIn.restarts]: {
    title: 'Restarts',
    limits: ({ maxRestarts }) => ({ atMost: maxRestarts }),
    sample: restartsSince,
  },
  [builtIn.notReady]: { title: 'Pods not ready', limits: () => ({ atMost: 0 }), sample: replicasNotReady },
  [builtIn.undelivered]: {
    title: 'Undelivered events',
    limits: ({ maxUndelivered }) => ({ atMost: maxUndelivered }),
    // Stripe says that somebody did not take an event. That the release is to blame for it is for people to see.
    rule: { noData: 'ignore', atMostOrBaseline: true, peopleDecide: true },
    sample: undeliveredSince,
  },
}

async function restartsSince({ world, service, signal }: PhaseContext, beginning: Beginning): Promise<number> {
  const restarts = await world.cluster.restarts(service.deployment, service.container, signal)
  return Math.max(0, restarts - beginning.restarts)
}

async function replicasNotReady({ world, service, signal }: PhaseContext): Promise<number | undefined> {
  const deployment = await world.cluster.deployment(service.deployment, service.container, signal)
  // Of a deployment that is scaled to zero no pod is ready, and none is not: that says nothing.
  if (deployment === undefined || deployment.replicas === 0) return undefined
  return Math.max(0, deployment.replicas - deployment.availableReplicas)
}

/** Counts what could not be delivered to the service; where nobody can tell whose delivery failed, that is a gap. */
export async function undeliveredSince(
  context: PhaseContext,
  { at }: Pick<Beginning, 'at'>,
): Promise<number | undefined> {
  const endpoints = await context.world.stripe.endpoints(context.signal)
  const { ours, unclear } = await undeliveredEvents(context, new Date(at), endpoints)
  return ours.length === 0 && unclear.length > 0 ? undefined : ours.length
}
