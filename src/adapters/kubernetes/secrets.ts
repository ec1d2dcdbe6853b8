import { Sensitive, fingerprintOf } from '../../sensitive.ts'
import type { Secret } from './api-objects.ts'
import { FIELD_MANAGER } from './apply.ts'
import type { Connection } from './connection.ts'
import { ClusterError } from './errors.ts'
import type { Paths } from './paths.ts'
import type { ApplyOutcome, SecretKeyState } from './port.ts'

export class Secrets {
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
      immutable: secret?.immutable === true,
    }
  }

  async read(name: string, key: string, signal: AbortSignal): Promise<Sensitive | undefined> {
    const value = valueIn(await this.#find(name, signal), key)
    return value === undefined ? undefined : new Sensitive(value)
  }

  async write(name: string, key: string, value: Sensitive, signal: AbortSignal): Promise<ApplyOutcome> {
    const secret = await this.#find(name, signal)
    const data = { [key]: Buffer.from(value.reveal()).toString('base64') }
    if (secret === undefined) {
      try {
        await this.#create(name, data, signal)
        return { outcome: 'created', differences: [`data.${key}: added`] }
      } catch (error) {
        // Someone was faster; the key is still to be set.
        if (!(error instanceof ClusterError) || error.reason !== 'AlreadyExists') throw error
        return this.write(name, key, value, signal)
      }
    }
    const present = secret.data?.[key]
    if (present === data[key]) return { outcome: 'unchanged', differences: [] }
    requireMutable(secret, name)
    await this.#patch(name, { data }, `writing key ${key} of secret ${name}`, signal)
    return { outcome: 'changed', differences: [`data.${key}: ${present === undefined ? 'added' : 'changed'}`] }
  }

  async remove(name: string, key: string, deleteWhenEmpty: boolean, signal: AbortSignal): Promise<void> {
    const secret = await this.#find(name, signal)
    if (secret === undefined) return
    const others = Object.keys(secret.data ?? {}).filter((one) => one !== key)
    if (deleteWhenEmpty && others.length === 0) return this.#delete(secret, signal)
    if (secret.data?.[key] === undefined) return
    requireMutable(secret, name)
    await this.#patch(name, { data: { [key]: null } }, `removing key ${key} of secret ${name}`, signal)
  }

  #find(name: string, signal: AbortSignal): Promise<Secret | undefined> {
    const path = `${this.#paths.secrets}/${name}`
    return this.#connection.find<Secret>({ method: 'GET', path, doing: `reading secret ${name}` }, signal)
  }

  async #create(name: string, data: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const metadata = { name, labels: { 'app.kubernetes.io/managed-by': FIELD_MANAGER } }
    const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }
    const query = { fieldManager: FIELD_MANAGER }
    const doing = `creating secret ${name}`
    await this.#connection.text({ method: 'POST', path: this.#paths.secrets, query, body, doing }, signal)
  }

  async #patch(name: string, body: object, doing: string, signal: AbortSignal): Promise<void> {
    const path = `${this.#paths.secrets}/${name}`
    const query = { fieldManager: FIELD_MANAGER }
    const contentType = 'application/merge-patch+json'
    await this.#connection.text({ method: 'PATCH', path, query, body, contentType, doing }, signal)
  }

  /** Only this very Secret, unchanged since it was read: a key that someone adds meanwhile must survive. */
  async #delete({ metadata }: Secret, signal: AbortSignal): Promise<void> {
    const { name, uid, resourceVersion } = metadata
    const path = `${this.#paths.secrets}/${name}`
    const body = { preconditions: { uid, resourceVersion } }
    await this.#connection.find({ method: 'DELETE', path, body, doing: `deleting secret ${name}` }, signal)
  }
}

function valueIn(secret: Secret | undefined, key: string): string | undefined {
  const encoded = secret?.data?.[key]
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString()
}

function requireMutable(secret: Secret, name: string): void {
  if (secret.immutable !== true) return
  throw new ClusterError('secret_immutable', `writing secret ${name}: it is immutable`, {
    hint: 'Immutable Secrets cannot be changed: create one of another name and point the deployment at it.',
  })
}
