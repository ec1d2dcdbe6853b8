import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import type { KubernetesSimulator } from '../../sandbox/kubernetes/server.ts'

/** Traffic of a real API server, kept outside the repository; without it the checks that need it are skipped. */
const FOLDER = fileURLToPath(new URL('../../../shared/recordings/kubernetes/', import.meta.url))
export const recorded = existsSync(FOLDER)

export interface WatchEvent {
  readonly type: string
  readonly object: Record<string, unknown>
}

export interface Exchange {
  readonly kind: string
  readonly step: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly bodyBase64?: string
  }
  readonly response: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly events?: readonly WatchEvent[]
    readonly chunks?: readonly { readonly text: string }[]
  }
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: unknown
}

export function exchangesOf(file: string): readonly Exchange[] {
  if (!recorded) return []
  const all = JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8')) as Exchange[]
  return all.filter((one) => one.kind === 'exchange')
}

/** Number at the beginning of a step's name; watches have none. */
export const numberOf = ({ step }: Exchange) => Number.parseInt(step, 10)

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/**
 * Sends recorded requests to the simulator. What the two servers name differently (uids, versions, pods, page tokens) is
 * learned from each pair of answers and put into the requests that follow.
 */
export class Replay {
  readonly simulator: KubernetesSimulator
  readonly #names = new Map<string, string>()

  constructor(simulator: KubernetesSimulator) {
    this.simulator = simulator
  }

  async send(exchange: Exchange): Promise<Answer> {
    const { method, path, headers, body, bodyBase64 } = exchange.request
    const payload =
      bodyBase64 === undefined ? Buffer.from(this.#translated(bodyText(body))) : Buffer.from(bodyBase64, 'base64')
    const answer = await request(this.simulator, method, this.#translated(path), headers, payload)
    this.learn(exchange.response.body, answer.body)
    return answer
  }

  /** Opens a recorded watch (or follows a recorded log); `path` when it is to be asked a little differently. */
  open(exchange: Exchange, path: string = exchange.request.path): Stream {
    return new Stream(this.simulator, this.#translated(path))
  }

  /** Walks both answers side by side. */
  learn(theirs: unknown, ours: unknown): void {
    if (typeof theirs !== 'object' || theirs === null || typeof ours !== 'object' || ours === null) return
    for (const [key, value] of Object.entries(theirs)) {
      const other = (ours as Record<string, unknown>)[key]
      const named = ['uid', 'resourceVersion', 'name', 'continue', 'pod-template-hash', 'controller-uid'].includes(key)
      if (named && typeof value === 'string' && typeof other === 'string') {
        if (value !== other && (key !== 'name' || sameButForChance(value, other))) this.#names.set(value, other)
      } else this.learn(value, other)
    }
  }

  #translated(sent: string): string {
    const known = [...this.#names.keys()].sort((a, b) => b.length - a.length)
    if (known.length === 0) return sent
    const pattern = known.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
    return sent.replace(
      new RegExp(`(?<=%3D|%2C|(?<![\\w-]))(${pattern})(?![\\w-])`, 'g'),
      (name) => this.#names.get(name) ?? name,
    )
  }
}

/** An answer that goes on. */
export class Stream {
  readonly #request: http.ClientRequest
  #text = ''
  /** Settles when the server ends it, or `stop` does. */
  readonly ended: Promise<void>

  constructor({ url, token }: KubernetesSimulator, path: string) {
    this.#request = http.get(url + path, { headers: { authorization: `Bearer ${token}` } })
    this.ended = new Promise((resolve) => {
      this.#request.on('error', () => resolve())
      this.#request.on('response', (response) => {
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (this.#text += chunk))
        response.on('close', () => resolve())
      })
    })
  }

  get lines(): readonly string[] {
    return this.#text.split('\n').slice(0, -1)
  }

  get events(): readonly WatchEvent[] {
    return this.lines.map((line) => JSON.parse(line) as WatchEvent)
  }

  stop(): Promise<void> {
    this.#request.destroy()
    return this.ended
  }
}

/** `manual-1-fhwjg`: the same name as far as people chose it. */
const sameButForChance = (a: string, b: string) => a.replace(CHANCE, '') === b.replace(CHANCE, '')
const CHANCE = /(-[bcdfghjklmnpqrstvwxz2456789]{8,10})?(-[bcdfghjklmnpqrstvwxz2456789]{5})?$/

const bodyText = (body: unknown) => (body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))

async function request(
  { url, token }: KubernetesSimulator,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  payload: Buffer,
): Promise<Answer> {
  const kept = Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith('(') && name !== 'if-none-match'),
  )
  const all = {
    ...kept,
    ...(headers['(connection)'] === undefined ? { authorization: `Bearer ${token}` } : {}),
    'content-length': payload.length,
  }
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http
      .request(url + path, { method, headers: all }, resolve)
      .on('error', reject)
      .end(payload)
  })
  const received = await text(response)
  return { status: response.statusCode ?? 0, headers: response.headers, body: parsed(received) }
}

function parsed(received: string): unknown {
  try {
    return JSON.parse(received)
  } catch {
    return received
  }
}

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g
/** Kubernetes' own alphabet for random names: no vowels, nothing that looks like another character. */
const POD = /-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])/g
const SET = /-[bcdfghjklmnpqrstvwxz2456789]{8,10}(?![\w])-?/g
const JOB_POD = /-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])/g
const HASH_LABEL = /(pod-template-hash=)\w+/g
const EVENT = /\.[0-9a-f]{16}$/
/** Each server's own; what they are is compared, not which. */
const OWN = new Set(['uid', 'resourceVersion', 'continue', 'pod-template-hash', 'controller-uid'])

function canonical(value: string): string {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(value)) return '<ip>'
  if (value === 'node-1' || value === 'sandbox-node') return '<node>'
  if (/^\d+[smhd]$/.test(value)) return '<age>'
  return value
    .replace(UID, '<uid>')
    .replace(TIME, '<time>')
    .replace(HASH_LABEL, '$1<set>')
    .replace(POD, '-<set>-<pod>')
    .replace(SET, '-<set>')
    .replace(JOB_POD, '-<pod>')
    .replace(EVENT, '.<event>')
}

/** The recordings leave out what repeats. */
function leftOut(value: unknown): boolean {
  if (typeof value === 'string') return value === '=' || /^<(as|the same)/.test(value)
  return typeof value === 'object' && value !== null && '=' in value
}

/** Where our answer differs from theirs, one line each. `ignored` names fields at any depth. */
export function differing(theirs: unknown, ours: unknown, ignored: ReadonlySet<string>, at = ''): string[] {
  if (leftOut(theirs)) return []
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    if (theirs.some((item) => revisionOf(item) !== undefined))
      return differing({ ...byRevision(theirs) }, { ...byRevision(ours) }, ignored, at)
    const wrong = theirs.length === ours.length ? [] : [`${at}: ${theirs.length} items there, ${ours.length} here`]
    return [...wrong, ...theirs.flatMap((item, index) => differing(item, ours[index], ignored, `${at}[${index}]`))]
  }
  if (isObject(theirs) && isObject(ours))
    return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
      .filter((key) => !ignored.has(key))
      .flatMap((key) => {
        const [a, b] = [theirs[key], ours[key]]
        if (OWN.has(key) && typeof a === typeof b) return []
        return differing(a, b, ignored, at === '' ? key : `${at}.${key}`)
      })
  const same =
    typeof theirs === 'string' && typeof ours === 'string' ? canonical(theirs) === canonical(ours) : theirs === ours
  return same ? [] : [`${at}: ${show(theirs)} there, ${show(ours)} here`]
}

/** ReplicaSets are listed by name, hence by hash, hence differently on each server. */
function revisionOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined
  const { metadata } = isObject(item.object) ? item.object : item
  const annotations = isObject(metadata) && Array.isArray(metadata.ownerReferences) ? metadata.annotations : undefined
  return isObject(annotations) ? (annotations['deployment.kubernetes.io/revision'] as string | undefined) : undefined
}

const byRevision = (items: readonly unknown[]) =>
  Object.fromEntries(items.map((item) => [`revision ${revisionOf(item)}`, item]))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 300))

export interface Play {
  readonly replay: Replay
  readonly from?: number
  readonly to?: number
  /** Fields that a play does not compare, at any depth. */
  readonly ignored?: readonly string[]
  /** Step → why the simulator answers otherwise. */
  readonly exceptions?: Readonly<Record<number, string>>
  /** Lets the controllers come to rest after each write. */
  readonly settle?: () => Promise<void>
  readonly before?: Readonly<Record<number, () => Promise<void> | void>>
}

/** kubectl's own book-keeping documents, compared in the tests that run kubectl itself. */
const DOCUMENTS = /^\/(openapi|api|apis\/[a-z]+)?\/v[123]?(\?|$)|^\/openapi/
/** Texts for people that describe a column. */
const NEVER_COMPARED = ['managedFields', 'description']

/** Sends every plain request of a recording in its order; tells each answer that differs. */
export async function play(exchanges: readonly Exchange[], how: Play): Promise<string[]> {
  const { replay, from = 0, to = Infinity, exceptions = {}, settle } = how
  const ignored = new Set([...NEVER_COMPARED, ...(how.ignored ?? [])])
  const wrong: string[] = []
  let last = 0
  for (const exchange of exchanges) {
    const number = numberOf(exchange)
    const { request: asked, response } = exchange
    if (!(number >= from && number <= to) || response.events || response.chunks || DOCUMENTS.test(asked.path)) continue
    if (number !== last) await how.before?.[number]?.()
    last = number
    const answer = await replay.send(exchange)
    const status = answer.status === response.status ? [] : [`HTTP ${response.status} there, ${answer.status} here`]
    const lines = [...status, ...differing(response.body, answer.body, ignored)]
    if (lines.length > 0 && exceptions[number] === undefined)
      wrong.push(`${exchange.step} (${asked.method}): ${lines.slice(0, 5).join('; ')}`)
    if (asked.method !== 'GET') await settle?.()
  }
  return wrong
}

/** Until nothing has changed in the namespace for a moment. */
export async function settled(simulator: KubernetesSimulator, namespace: string): Promise<void> {
  const kinds = ['Deployment', 'ReplicaSet', 'Pod', 'Job', 'CronJob']
  const state = () =>
    kinds.flatMap((kind) => simulator.list(kind, namespace).map((one) => one.metadata.resourceVersion)).join()
  for (let known = state(), quiet = 0; quiet < QUIET_LOOKS; quiet += 1) {
    await new Promise((resolve) => setTimeout(resolve, 15))
    const now = state()
    if (now !== known) quiet = 0
    known = now
  }
}

const QUIET_LOOKS = 12
