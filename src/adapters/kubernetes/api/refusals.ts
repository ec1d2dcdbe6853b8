/**
 * A refusal that passes. While an API server comes up, and while its caches of roles and tokens are filled, it answers
 * 401 and 403 to whom it served a second before. Such an answer is temporary for a while; what lasts longer is explained
 * by asking the server itself whether the right is granted (SelfSubjectAccessReview).
 */

import type { ApiRequest } from './request.ts'
import { isMap, type JsonMap } from './objects.ts'

/** How long a right that was granted before may be refused before that counts. */
const patienceMs = 60_000
/** What was granted longer ago than this says nothing of now. */
const rememberedMs = 30 * 60_000

/** Remembers which kinds of requests were served, and since when they are refused. */
export class Refusals {
  readonly #served = new Map<string, number>()
  readonly #refusedSince = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  served(request: ApiRequest): void {
    const key = kindOf(request)
    this.#served.set(key, this.#now())
    this.#refusedSince.delete(key)
  }

  /** Tells whether this refusal may be one that passes: the same was served before, and has not been refused for long. */
  mayPass(request: ApiRequest): boolean {
    const key = kindOf(request)
    const served = this.#served.get(key)
    const now = this.#now()
    if (served === undefined || now - served > rememberedMs) return false
    const since = this.#refusedSince.get(key) ?? now
    this.#refusedSince.set(key, since)
    return now - since < patienceMs
  }
}

/**
 * Requests that need the same rights: pods come and go, and their names do not matter; what may be listed is watched
 * right after.
 */
function kindOf({ method, path, query = {} }: ApiRequest): string {
  return [method, path.replace(/\/pods\/[^/]+/, '/pods/*'), query['fieldSelector'] ?? ''].join(' ')
}

/**
 * A 403 that says nothing of rights: a policy, a quota or a webhook refuses this very object, or the namespace is about
 * to go.
 */
const ofPolicies =
  /exceeded quota|denied the request|admission webhook|ValidatingAdmissionPolicy|violates PodSecurity|being terminated|failed quota|maximum .* usage|minimum .* usage|security context constraint/i
/** What an admission plugin says whose caches are not filled yet, whoever asks. */
const notReady = /not yet ready to handle request|RBAC: .*not found|caches? .*not (yet )?(synced|ready)/i

export function isNotReady(status: number, message: string): boolean {
  return status === 403 && notReady.test(message)
}

export function isAboutRights(status: number, message: string): boolean {
  return status === 401 || (status === 403 && !ofPolicies.test(message))
}

/**
 * What a SelfSubjectAccessReview has to be asked for this request: an apply may have to create what it patches. Nothing
 * where the request concerns no object of the API.
 */
export function rightsFor({ method, path, query = {}, contentType }: ApiRequest): readonly JsonMap[] {
  const parts = /^\/(?:api\/v1|apis\/(?<group>[^/]+)\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<rest>.+)$/.exec(
    path,
  )?.groups
  if (parts === undefined) return []
  const [resource, inPath, subresource] = (parts['rest'] ?? '').split('/')
  const selected = /^metadata\.name=(.+)$/.exec(String(query['fieldSelector'] ?? ''))?.[1]
  const name = inPath ?? selected
  const reading = query['watch'] === true ? 'watch' : inPath === undefined ? 'list' : 'get'
  const verb = { GET: reading, POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method]
  const of = {
    group: parts['group'] ?? '',
    resource,
    ...(parts['namespace'] === undefined ? {} : { namespace: decodeURIComponent(parts['namespace']) }),
    ...(subresource === undefined ? {} : { subresource }),
  }
  const needed = { verb, ...of, ...(name === undefined ? {} : { name: decodeURIComponent(name) }) }
  return contentType === 'application/apply-patch+yaml' ? [needed, { verb: 'create', ...of }] : [needed]
}

/** What the answers to these questions come to; undefined where one of them is no answer, and none says no. */
export function allowedBy(answers: readonly unknown[]): boolean | undefined {
  const allowed = answers.map((answer) => {
    const status = isMap(answer) ? answer.status : undefined
    return isMap(status) && typeof status.allowed === 'boolean' ? status.allowed : undefined
  })
  if (allowed.includes(false)) return false
  return allowed.length === 0 || allowed.includes(undefined) ? undefined : true
}

export const policyHint = 'No right is missing. A policy, quota or webhook of the cluster blocks this, see above.'

/** What to do about a refusal, by what the server says of the right itself. */
export function hintFor(allowed: boolean | undefined): string {
  if (allowed === false) return 'Grant Purser this right in the namespace. The Role is in deploy/.'
  if (allowed === true)
    return 'Purser has this right, but the cluster refused. It may be starting up, or a policy blocks it. Try again.'
  return "Couldn't check whether Purser has this right. If it lasts, compare its Role with deploy/rbac.yaml."
}
