import type { ApiObject } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { orUnknown } from '../api/or-unknown.ts'
import type { Paths } from '../api/paths.ts'
import type { Autoscaler } from './port.ts'

interface HorizontalPodAutoscaler extends ApiObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string }
    readonly minReplicas?: number
    readonly maxReplicas: number
  }
}

/** Finds the first autoscaler of the namespace that names the Deployment as its target. */
export async function autoscaler(
  connection: Connection,
  paths: Paths,
  deployment: string,
  signal: AbortSignal,
): Promise<Autoscaler | 'none' | 'unknown'> {
  const request = { method: 'GET', path: paths.autoscalers, doing: 'listing autoscalers' } as const
  const list = await orUnknown(connection.list<HorizontalPodAutoscaler>(request, signal))
  if (list === 'unknown') return 'unknown'
  const found = list.items.find(
    ({ spec }) => spec.scaleTargetRef.kind === 'Deployment' && spec.scaleTargetRef.name === deployment,
  )
  if (found === undefined) return 'none'
  return { name: found.metadata.name, minimum: found.spec.minReplicas ?? 1, maximum: found.spec.maxReplicas }
}
