import { type ApiObject, isMap, type JsonMap } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { differences } from '../api/differences.ts'
import { ClusterError } from '../api/errors.ts'
import { conflictingManagers, fieldManager } from '../api/field-manager.ts'
import type { ApplyOptions, ApplyOutcome, KubernetesObject } from './port.ts'

/** The collections of what a runbook applies as a rule. The server is asked for those of any other kind. */
const plurals: Readonly<Record<string, string>> = {
  'batch/v1 CronJob': 'cronjobs',
  'batch/v1 Job': 'jobs',
  'apps/v1 Deployment': 'deployments',
  'v1 Secret': 'secrets',
  'v1 ConfigMap': 'configmaps',
  'v1 Service': 'services',
  'v1 ServiceAccount': 'serviceaccounts',
}

/**
 * Applies a manifest on the server. The API counts the apply and the patch of one field manager as two managers, so a
 * conflict may name Purser itself: that one is forced. A conflict with anybody else is never forced.
 */
export async function applyManifest(
  connection: Connection,
  namespace: string,
  manifest: KubernetesObject,
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<ApplyOutcome> {
  const { kind, metadata } = manifest
  const path = `${await collectionOf(connection, namespace, manifest, signal)}/${encodeURIComponent(metadata.name)}`
  const before = await connection.find<ApiObject>(
    { method: 'GET', path, doing: `reading ${kind} ${metadata.name}` },
    signal,
  )
  const request = (force: boolean) => ({
    method: 'PATCH' as const,
    path,
    query: {
      fieldManager,
      fieldValidation: 'Strict',
      force,
      ...(options.dryRun ? { dryRun: 'All' } : {}),
    },
    body: manifest,
    contentType: 'application/apply-patch+yaml',
    doing: `applying ${kind} ${metadata.name}`,
  })
  const after = await connection.json<ApiObject>(request(false), signal).catch((error: unknown) => {
    const managers = conflictingManagers(error)
    if (managers === undefined) throw error
    if (managers.every((manager) => manager === fieldManager)) return connection.json<ApiObject>(request(true), signal)
    throw conflict(manifest, managers, error as ClusterError)
  })
  if (before === undefined) return { outcome: 'created', differences: differences({}, after) }
  const lines = differences(before, after)
  return { outcome: lines.length === 0 ? 'unchanged' : 'changed', differences: lines }
}

function conflict(
  { kind, metadata }: KubernetesObject,
  managers: readonly string[],
  cause: ClusterError,
): ClusterError {
  const others = managers.filter((manager) => manager !== fieldManager).join(', ')
  return new ClusterError(
    'apply_conflict',
    `applying ${kind} ${metadata.name}: ${others} manages fields that the manifest sets`,
    {
      status: 409,
      reason: 'Conflict',
      evidence: cause.evidence,
      cause,
      hint: `Take these fields out of the manifest, or give them up in ${others}, then plan again.`,
    },
  )
}

async function collectionOf(
  connection: Connection,
  namespace: string,
  { apiVersion, kind, metadata }: KubernetesObject,
  signal: AbortSignal,
): Promise<string> {
  if (metadata.namespace !== undefined && metadata.namespace !== namespace)
    throw new ClusterError(
      'cluster_refused',
      `applying ${kind} ${metadata.name}: the manifest names namespace ${metadata.namespace}, the environment ${namespace}`,
      { hint: 'Take the namespace out of the manifest.' },
    )
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const plural = plurals[`${apiVersion} ${kind}`] ?? (await discovered(connection, root, kind, metadata.name, signal))
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

async function discovered(connection: Connection, root: string, kind: string, name: string, signal: AbortSignal) {
  const doing = `finding out what a ${kind} is`
  const list = await connection.find<{ resources?: readonly JsonMap[] }>({ method: 'GET', path: root, doing }, signal)
  const found = list?.resources?.filter(isMap).find((one) => one.kind === kind && !String(one.name).includes('/'))
  if (found !== undefined) return String(found.name)
  throw new ClusterError('cluster_refused', `applying ${kind} ${name}: the cluster does not know this kind`)
}
