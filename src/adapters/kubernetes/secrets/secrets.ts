/**
 * Single keys of a Secret, written by server-side apply so that the keys of others stay as they are. The API server
 * records which field manager has set which key. An apply removes what its own manager had set before and now leaves
 * out, so every write names all of Purser's keys. When another manager has set one of them to another value, the server
 * refuses the apply as a conflict. Purser forces it only where the conflict is with its own former patches or with
 * managers whose keys people have agreed to take over; any other conflict is raised as `apply_conflict` with the
 * managers' names. A write also names the version that was read. If the Secret has changed since then, it is read and
 * decided anew.
 */

import { learned } from '../../../outside-text/known-secrets.ts'
import { fingerprintOf, type Sensitive } from '../../../sensitive.ts'
import type { Secret } from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import type { Paths } from '../api/paths.ts'
import type { ApplyOutcome } from '../manifests/port.ts'
import { claimsOn } from '../owners/claims.ts'
import { conflictsIn } from '../owners/field-owners.ts'
import { secretOwner } from '../owners/known-managers.ts'
import type { FieldOwner } from '../owners/port.ts'
import type { SecretKeyState, SecretWrite } from './port.ts'

/** The most tries of a write while somebody else changes the Secret between the read and the write. */
const mostAttempts = 5
const managedByLabel = 'app.kubernetes.io/managed-by'

export class SecretsApi {
  readonly #connection: Connection
  readonly #paths: Paths

  constructor(connection: Connection, paths: Paths) {
    this.#connection = connection
    this.#paths = paths
  }

  async state(name: string, key: string, signal: AbortSignal): Promise<SecretKeyState> {
    const secret = await this.#find(name, signal)
    const value = valueIn(secret, key)
    return {
      secretExists: secret !== undefined,
      keyExists: value !== undefined,
      fingerprint: value === undefined ? undefined : fingerprintOf(value),
      fingerprints:
        value === undefined
          ? []
          : learned(value)
              .parts(',')
              .map((part) => part.fingerprint),
      strays: value === undefined ? [] : learned(value).strays,
      immutable: secret?.immutable === true,
      keys: Object.keys(secret?.data ?? {}).sort(),
      managers: managersOf(secret, key),
      claims: secret === undefined ? [] : claimsOn(secret),
      ...changedAt(secret, key),
    }
  }

  async read(name: string, key: string, signal: AbortSignal): Promise<Sensitive | undefined> {
    const value = valueIn(await this.#find(name, signal), key)
    return value === undefined ? undefined : learned(value)
  }

  async write(name: string, write: SecretWrite, signal: AbortSignal): Promise<ApplyOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      const secret = await this.#find(name, signal)
      const changes = changesIn(secret, write.keys)
      if (changes.length === 0) return { outcome: 'unchanged', differences: [] }
      requireMutable(secret, name)
      try {
        const after = await this.#apply(name, secret, write, signal)
        if (write.dryRun !== true) await this.#removeOthers(name, after, write, signal)
        return { outcome: secret === undefined ? 'created' : 'changed', differences: changes }
      } catch (error) {
        if (!isStale(error) || attempt >= mostAttempts) throw error
      }
    }
  }

  async remove(name: string, key: string, deleteWhenEmpty: boolean, signal: AbortSignal): Promise<void> {
    const secret = await this.#find(name, signal)
    if (secret === undefined) return
    const others = Object.keys(secret.data ?? {}).filter((one) => one !== key)
    if (deleteWhenEmpty && others.length === 0) return this.#delete(secret, signal)
    await this.write(name, { keys: { [key]: undefined } }, signal)
  }

  #find(name: string, signal: AbortSignal): Promise<Secret | undefined> {
    const path = `${this.#paths.secrets}/${name}`
    return this.#connection.find<Secret>({ method: 'GET', path, doing: `reading secret ${name}` }, signal)
  }

  async #apply(name: string, secret: Secret | undefined, write: SecretWrite, signal: AbortSignal): Promise<Secret> {
    const data = Object.fromEntries(
      Object.entries({ ...ownData(secret), ...encoded(write.keys) }).filter(([, value]) => value !== undefined),
    )
    const marked = secret === undefined || ownFields(secret, 'f:metadata', 'f:labels').includes(managedByLabel)
    const metadata = {
      name,
      ...(marked ? { labels: { [managedByLabel]: fieldManager } } : {}),
      // Purser's other keys are written with the values just read, so the server must refuse them if the Secret has
      // changed.
      ...(secret === undefined ? {} : { resourceVersion: secret.metadata.resourceVersion }),
    }
    const body = { apiVersion: 'v1', kind: 'Secret', metadata, ...(Object.keys(data).length > 0 ? { data } : {}) }
    const request = (force: boolean) => ({
      method: 'PATCH' as const,
      path: `${this.#paths.secrets}/${name}`,
      query: { fieldManager, fieldValidation: 'Strict', force, ...(write.dryRun === true ? { dryRun: 'All' } : {}) },
      body,
      contentType: 'application/apply-patch+yaml',
      doing: `writing ${Object.keys(write.keys).join(', ')} of secret ${name}`,
    })
    return this.#connection.json<Secret>(request(false), signal).catch((error: unknown) => {
      const owners = conflictsIn(error)?.map(({ manager, fields }) => ownerIn(secret, manager, fields))
      if (owners === undefined) throw explained(error, name, secret)
      // What Purser wrote by a merge patch is recorded under a second manager of the same name, and is no conflict.
      const others = owners.filter(({ manager }) => write.takeOver?.includes(manager) !== true)
      if (others.length === 0) return this.#connection.json<Secret>(request(true), signal)
      throw managedByOthers(name, Object.keys(write.keys), others, error)
    })
  }

  /** Removes keys that an apply leaves because another manager has set them as well, by a merge patch. */
  async #removeOthers(name: string, after: Secret, { keys }: SecretWrite, signal: AbortSignal): Promise<void> {
    const left = Object.keys(keys).filter((key) => keys[key] === undefined && after.data?.[key] !== undefined)
    if (left.length === 0) return
    await this.#connection.text(
      {
        method: 'PATCH',
        path: `${this.#paths.secrets}/${name}`,
        query: { fieldManager },
        body: { data: Object.fromEntries(left.map((key) => [key, null])) },
        contentType: 'application/merge-patch+json',
        doing: `removing ${left.join(', ')} of secret ${name}`,
      },
      signal,
    )
  }

  /** Deletes the Secret only if it is unchanged since it was read: a key that somebody adds meanwhile must survive. */
  async #delete({ metadata }: Secret, signal: AbortSignal): Promise<void> {
    const { name, uid, resourceVersion } = metadata
    const path = `${this.#paths.secrets}/${name}`
    const body = { preconditions: { uid, resourceVersion } }
    await this.#connection.find({ method: 'DELETE', path, body, doing: `deleting secret ${name}` }, signal)
  }
}

function valueIn(secret: Secret | undefined, key: string): string | undefined {
  const text = secret?.data?.[key]
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString()
}

/** Encodes values for `data`. With `stringData`, an apply would not remove a key that it leaves out. */
function encoded(keys: SecretWrite['keys']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [key, value && Buffer.from(value.reveal()).toString('base64')]),
  )
}

function changesIn(secret: Secret | undefined, keys: SecretWrite['keys']): readonly string[] {
  return Object.entries(encoded(keys)).flatMap(([key, value]) => {
    const present = secret?.data?.[key]
    if (present === value) return []
    if (value === undefined) return [`data.${key}: removed`]
    return [`data.${key}: ${present === undefined ? 'added' : 'changed'}`]
  })
}

/** Lists the names of the fields below the path that Purser itself has applied. */
function ownFields(secret: Secret, ...path: readonly string[]): readonly string[] {
  const entry = secret.metadata.managedFields?.find(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  )
  let tree: unknown = entry?.fieldsV1
  for (const field of path) tree = (tree as Readonly<Record<string, unknown>> | undefined)?.[field]
  return Object.keys((tree as object | undefined) ?? {})
    .filter((field) => field.startsWith('f:'))
    .map((field) => field.slice(2))
}

function ownData(secret: Secret | undefined): Record<string, string | undefined> {
  if (secret === undefined) return {}
  return Object.fromEntries(ownFields(secret, 'f:data').map((key) => [key, secret.data?.[key]]))
}

function managersOf(secret: Secret | undefined, key: string): SecretKeyState['managers'] {
  return (secret?.metadata.managedFields ?? []).flatMap(({ manager = 'unknown', fieldsV1 }) => {
    const data = fieldsV1?.['f:data']
    const holds = data !== undefined && `f:${key}` in data && manager !== fieldManager
    return holds ? [ownerIn(secret, manager, [`data.${key}`])] : []
  })
}

/** A server-side apply declares what is to be, and is made again and again: whoever applies keeps the Secret as it wants it. */
function ownerIn(secret: Secret | undefined, manager: string, fields: readonly string[]): FieldOwner {
  const applies = secret?.metadata.managedFields?.some((one) => one.manager === manager && one.operation === 'Apply')
  return secretOwner(manager, fields, applies === true || (secret !== undefined && claimsOn(secret).length > 0))
}

function requireMutable(secret: Secret | undefined, name: string): void {
  if (secret?.immutable !== true) return
  throw new ClusterError('secret_immutable', `writing secret ${name}: it is immutable`, {
    hint: "Immutable Secrets can't change. Create one with a different name, and point the Deployment and purser.yaml at it.",
  })
}

function managedByOthers(name: string, keys: readonly string[], owners: readonly FieldOwner[], cause: unknown) {
  const who = owners.map(({ manager }) => manager).join(', ')
  return new ClusterError('apply_conflict', `writing ${keys.join(', ')} of secret ${name}: ${who} manages it`, {
    status: 409,
    reason: 'Conflict',
    evidence: cause instanceof ClusterError ? cause.evidence : [],
    cause,
    hint: owners.every(({ byHand }) => byHand)
      ? 'It was set by hand since the plan was made. Deploy again: the new plan lists what it overwrites.'
      : `Remove the key from what ${who} writes, or it comes back. Then deploy again.`,
  })
}

/** Explains an error that the server does not: an apply would have to create the Secret and must not. */
function explained(error: unknown, name: string, secret: Secret | undefined): unknown {
  if (!(error instanceof ClusterError) || error.status !== 403 || error.transient || secret !== undefined) return error
  return new ClusterError('cluster_forbidden', `creating secret ${name}: Purser isn't allowed to create Secrets`, {
    status: 403,
    reason: error.reason ?? 'Forbidden',
    evidence: error.evidence,
    cause: error,
    hint: `Grant "create secrets" (deploy/rbac.yaml), or create the Secret empty: kubectl create secret generic ${name}`,
  })
}

/**
 * Tells whether somebody else has changed or created the Secret since it was read: a 409 that is no conflict of
 * managers says so.
 */
function isStale(error: unknown): boolean {
  return error instanceof ClusterError && error.status === 409 && error.code !== 'apply_conflict'
}

/** Tells when the key's managers last wrote: the API records one time for all fields of a manager. */
function changedAt(secret: Secret | undefined, key: string): { readonly changedAt?: string } {
  const times = (secret?.metadata.managedFields ?? []).flatMap(({ fieldsV1, time }) => {
    const data = fieldsV1?.['f:data']
    return time !== undefined && data !== undefined && `f:${key}` in data ? [time] : []
  })
  const latest = times.sort().at(-1)
  return latest === undefined ? {} : { changedAt: latest }
}
