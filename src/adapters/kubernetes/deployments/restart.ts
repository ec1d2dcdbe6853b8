import { setTimeout as pause } from 'node:timers/promises'
import { changeCauseAnnotation, type Deployment } from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import { differences } from '../api/differences.ts'
import type { DeploymentsApi } from './deployments.ts'
import type { Paths } from '../api/paths.ts'
import { claimsOn } from '../owners/claims.ts'
import { fieldsTaken } from '../owners/field-owners.ts'
import type { RestartChange, TriedRestart } from './port.ts'
import type { ApplyOutcome } from '../manifests/port.ts'
import { verdictOf } from './rollout-verdict.ts'

const lookEveryMs = 500

export async function restart(
  { connection, paths, deployments }: { connection: Connection; paths: Paths; deployments: DeploymentsApi },
  { deployment: name, templateAnnotations, changeCause, onProgress }: RestartChange,
  signal: AbortSignal,
): Promise<ApplyOutcome> {
  const before = await deployments.require(name, 'restarting', signal)
  const present = before.spec.template.metadata?.annotations ?? {}
  const equal = Object.entries(templateAnnotations).every(([key, value]) => present[key] === value)
  const after = equal
    ? before
    : await annotate(connection, paths, { name, templateAnnotations, changeCause }, {}, signal)
  await untilRolledOut(deployments, name, onProgress, signal)
  return { outcome: equal ? 'unchanged' : 'changed', differences: differences(before, after) }
}

export async function tryRestart(
  { connection, paths, deployments }: { connection: Connection; paths: Paths; deployments: DeploymentsApi },
  { deployment: name, templateAnnotations, changeCause }: Omit<RestartChange, 'onProgress'>,
  signal: AbortSignal,
): Promise<TriedRestart> {
  const before = await deployments.require(name, 'looking at', signal)
  const change = { name, templateAnnotations, changeCause }
  const after = await annotate(connection, paths, change, { dryRun: 'All' }, signal)
  return { taken: fieldsTaken(before, after), claims: claimsOn(before) }
}

function annotate(
  connection: Connection,
  paths: Paths,
  { name, templateAnnotations, changeCause }: Omit<RestartChange, 'deployment' | 'onProgress'> & { name: string },
  how: { readonly dryRun?: 'All' },
  signal: AbortSignal,
): Promise<Deployment> {
  return connection.json<Deployment>(
    {
      method: 'PATCH',
      path: `${paths.deployments}/${name}`,
      query: { fieldManager, fieldValidation: 'Strict', ...how },
      body: {
        metadata: { annotations: { [changeCauseAnnotation]: changeCause } },
        spec: { template: { metadata: { annotations: templateAnnotations } } },
      },
      contentType: 'application/strategic-merge-patch+json',
      doing: `restarting deployment ${name}`,
    },
    signal,
  )
}

/**
 * Reads the Deployment again and again. A watch would need rights that Purser has for the service's own Deployment
 * only.
 */
async function untilRolledOut(
  deployments: DeploymentsApi,
  name: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const now = await deployments.require(name, 'restarting', signal)
    const [container] = now.spec.template.spec.containers
    const verdict = verdictOf(now, container?.name ?? '', container?.image ?? 'nothing')
    if (verdict.kind !== 'waiting') return
    onProgress(`${name}: ${verdict.why}`)
    await pause(lookEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
