import { type ApiObject, isMap, type JsonMap } from './objects.ts'
import type { Connection } from './connection.ts'
import { differences } from './differences.ts'
import { ClusterError } from './errors.ts'
import type { ApplyOutcome, KubernetesObject } from '../port.ts'

export const FIELD_MANAGER = 'purser'

/** Plurals of what a runbook applies; others are asked of the server. */
const PLURALS: Readonly<Record<string, string>> = {
  'batch/v1 CronJob': 'cronjobs',
  'batch/v1 Job': 'jobs',
  'apps/v1 Deployment': 'deployments',
  'v1 Secret': 'secrets',
  'v1 ConfigMap': 'configmaps',
  'v1 Service': 'services',
  'v1 ServiceAccount': 'serviceaccounts',
}

/**
 * Server-side apply. A conflict with Purser's own earlier patches (the API counts `apply` and `update` of one manager as
 * two) is no conflict; one with anybody else is never forced.
 */
export async function applyManifest(
  connection: Connection,
  namespace: string,
  manifest: KubernetesObject,
  options: { readonly dryRun: boolean },
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
      fieldManager: FIELD_MANAGER,
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
    if (managers.every((manager) => manager === FIELD_MANAGER)) return connection.json<ApiObject>(request(true), signal)
    throw conflict(manifest, managers, error as ClusterError)
  })
  if (before === undefined) return { outcome: 'created', differences: differences({}, after) }
  const lines = differences(before, after)
  return { outcome: lines.length === 0 ? 'unchanged' : 'changed', differences: lines }
}

export function conflictingManagers(error: unknown): string[] | undefined {
  if (!(error instanceof ClusterError) || error.status !== 409 || error.reason !== 'Conflict') return undefined
  const managers = error.evidence
    .map((line) => /conflict with "([^"]+)"/.exec(line)?.[1])
    .filter((name) => name !== undefined)
  return managers.length === 0 ? undefined : [...new Set(managers)]
}

function conflict(
  { kind, metadata }: KubernetesObject,
  managers: readonly string[],
  cause: ClusterError,
): ClusterError {
  const others = managers.filter((manager) => manager !== FIELD_MANAGER).join(', ')
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
  const plural = PLURALS[`${apiVersion} ${kind}`] ?? (await discovered(connection, root, kind, metadata.name, signal))
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

async function discovered(connection: Connection, root: string, kind: string, name: string, signal: AbortSignal) {
  const doing = `finding out what a ${kind} is`
  const list = await connection.find<{ resources?: readonly JsonMap[] }>({ method: 'GET', path: root, doing }, signal)
  const found = list?.resources?.filter(isMap).find((one) => one.kind === kind && !String(one.name).includes('/'))
  if (found !== undefined) return String(found.name)
  throw new ClusterError('cluster_refused', `applying ${kind} ${name}: the cluster does not know this kind`)
}
