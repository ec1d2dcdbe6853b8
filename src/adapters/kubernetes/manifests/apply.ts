import { type ApiObject, isMap, type JsonMap } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { differences } from '../api/differences.ts'
import { ClusterError } from '../api/errors.ts'
import { fieldManager } from '../api/field-manager.ts'
import { claimsOn } from '../owners/claims.ts'
import { conflictsIn } from '../owners/field-owners.ts'
import { givingUp } from '../owners/giving-up.ts'
import { leftOver } from '../owners/left-over.ts'
import type { FieldOwner } from '../owners/port.ts'
import type { ApplyOptions, ApplyOutcome, KubernetesObject, TriedApply } from './port.ts'

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

/** The most tries of a write while somebody else changes the object between the refusal and the write. */
const mostAttempts = 5

/**
 * Applies a manifest on the server. The API counts the apply and the patch of one field manager as two managers, so a
 * conflict may name Purser itself: that one is forced, as is one with managers whose fields may be taken over. The
 * server forces all fields or none, so a forced write names the version whose conflicts are known. A conflict with
 * anybody else is never forced.
 */
export async function applyManifest(
  connection: Connection,
  namespace: string,
  manifest: KubernetesObject,
  { takeOver = [] }: ApplyOptions,
  signal: AbortSignal,
): Promise<ApplyOutcome> {
  const path = await pathOf(connection, namespace, manifest, signal)
  for (let attempt = 1; ; attempt += 1) {
    const before = await find(connection, path, manifest, signal)
    try {
      const after = await send(connection, path, manifest, {}, signal).catch((error: unknown) => {
        const others = conflictsIn(error)
        if (others === undefined) throw error
        const lasting = others.filter(({ manager }) => !takeOver.includes(manager))
        if (lasting.length > 0) throw conflict(manifest, lasting, error)
        return send(connection, path, versioned(manifest, before), { force: true }, signal)
      })
      return outcomeOf(before, after)
    } catch (error) {
      if (!isStale(error) || attempt >= mostAttempts) throw error
    }
  }
}

/** Tries what `applyManifest` would send, as if every conflict had been agreed to. The server stores nothing. */
export async function tryManifest(
  connection: Connection,
  namespace: string,
  manifest: KubernetesObject,
  signal: AbortSignal,
): Promise<TriedApply> {
  const path = await pathOf(connection, namespace, manifest, signal)
  const before = await find(connection, path, manifest, signal)
  const tried = (force: boolean) => send(connection, path, manifest, { force, dryRun: 'All' }, signal)
  let conflicts: readonly FieldOwner[] = []
  const after = await tried(false).catch((error: unknown) => {
    const others = conflictsIn(error)
    if (others === undefined) throw error
    conflicts = others
    return tried(true)
  })
  return {
    ...outcomeOf(before, after),
    conflicts: conflicts.map((one) => ({ ...one, ...givingUp(before, one.manager, { namespace, manifest }) })),
    claims: before === undefined ? [] : claimsOn(before),
    leftOver: before === undefined ? [] : leftOver(before, manifest),
    object: { ...after, metadata: { ...after.metadata }, apiVersion: manifest.apiVersion, kind: manifest.kind },
  }
}

async function pathOf(
  connection: Connection,
  namespace: string,
  manifest: KubernetesObject,
  signal: AbortSignal,
): Promise<string> {
  return `${await collectionOf(connection, namespace, manifest, signal)}/${encodeURIComponent(manifest.metadata.name)}`
}

function find(
  connection: Connection,
  path: string,
  { kind, metadata }: KubernetesObject,
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  return connection.find<ApiObject>({ method: 'GET', path, doing: `reading ${kind} ${metadata.name}` }, signal)
}

function send(
  connection: Connection,
  path: string,
  manifest: KubernetesObject,
  { force = false, ...query }: { readonly force?: boolean; readonly dryRun?: 'All' },
  signal: AbortSignal,
): Promise<ApiObject> {
  const { kind, metadata } = manifest
  return connection.json<ApiObject>(
    {
      method: 'PATCH',
      path,
      query: { fieldManager, fieldValidation: 'Strict', force, ...query },
      body: manifest,
      contentType: 'application/apply-patch+yaml',
      doing: `applying ${kind} ${metadata.name}`,
    },
    signal,
  )
}

/** Names the version that was read: the server refuses the write if the object has changed since. */
function versioned(manifest: KubernetesObject, before: ApiObject | undefined): KubernetesObject {
  if (before === undefined) return manifest
  return { ...manifest, metadata: { ...manifest.metadata, resourceVersion: before.metadata.resourceVersion } }
}

/** Tells whether somebody else has changed or created the object since it was read. */
function isStale(error: unknown): boolean {
  return error instanceof ClusterError && error.status === 409 && error.code !== 'apply_conflict'
}

function outcomeOf(before: ApiObject | undefined, after: ApiObject): ApplyOutcome {
  if (before === undefined) return { outcome: 'created', differences: differences({}, after) }
  const lines = differences(before, after)
  return { outcome: lines.length === 0 ? 'unchanged' : 'changed', differences: lines }
}

function conflict({ kind, metadata }: KubernetesObject, others: readonly FieldOwner[], cause: unknown): ClusterError {
  const who = others.map(({ manager }) => manager).join(', ')
  const byHand = others.every((one) => one.byHand)
  return new ClusterError(
    'apply_conflict',
    `applying ${kind} ${metadata.name}: ${who} manages fields that the manifest sets`,
    {
      status: 409,
      reason: 'Conflict',
      evidence: others.map(({ manager, fields, habit }) => `${manager} (${habit}): ${fields.join(', ')}`),
      cause,
      hint: byHand
        ? 'They were set by hand since the plan was made. Deploy again: the new plan lists what it overwrites.'
        : `Let ${who} leave these fields alone: ${others[0]?.advice ?? ''}. Then deploy again: the plan says how to give up its fields.`,
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
      { hint: 'Remove the namespace from the manifest.' },
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
