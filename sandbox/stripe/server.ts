import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Account, type AccountHands, type AccountOptions, type Call, type Route } from './account.ts'
import { Clock } from './clock.ts'
import { randomText } from './endpoints.ts'
import { faultProblem, Faults, isSaved, type StripeFault } from './api/faults.ts'
import { decodeForm } from './api/form.ts'
import type { Answer } from './api/idempotency.ts'
import { admit, keyIn } from './api/keys.ts'
import { StripeProblem } from './api/problems.ts'
import { isApiVersion } from './releases.ts'

export interface StripeSimulatorOptions extends AccountOptions {
  /** Sandboxes beside it: accounts of their own, behind keys that look like the first one's. */
  readonly sandboxes?: readonly (AccountOptions & { readonly accountId: string })[]
  /** A billing event every so often; 0 = none. */
  readonly trafficEveryMs?: number
  readonly port?: number
}

export interface StripeSimulator extends AccountHands {
  /** `http://127.0.0.1:port`, for STRIPE_API_BASE. */
  readonly url: string
  /** One of `sandboxes`. */
  sandbox(accountId: string): AccountHands
  setFault(fault: StripeFault | undefined): void
  /**
   * Lets so much of Stripe's time pass at once: retries that fall into it are made one after the other, idempotency keys
   * and rolled secrets end. Resolves when what was due has been delivered.
   */
  letPass(ms: number): Promise<void>
  close(): Promise<void>
}

export async function startStripe(options: StripeSimulatorOptions): Promise<StripeSimulator> {
  const world = new World(options)
  const server = createServer((request, response) => void world.serve(request, response))
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve),
  )
  const { account } = world
  account.setTraffic(options.trafficEveryMs ?? 0)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...handsOf(account),
    sandbox: (accountId) => handsOf(world.sandbox(accountId)),
    setFault: (fault) => world.faults.set(fault),
    letPass: (ms) => world.letPass(ms),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await Promise.all([closed, world.close()])
    },
  }
}

function handsOf(account: Account): AccountHands {
  return {
    accountId: account.accountId,
    endpoints: () => account.endpoints(),
    secretOf: (id) => account.secretOf(id),
    events: () => account.events(),
    deliveries: () => account.deliveries(),
    emit: (type, object) => account.emit(type, object),
    setTraffic: (everyMs) => account.setTraffic(everyMs),
    addEndpoint: (endpoint) => account.addEndpoint(endpoint),
    addDestination: (destination) => account.addDestination(destination),
    rollSecret: (id, formerGoodForMs) => account.rollSecret(id, formerGoodForMs),
    setDefaultVersion: (apiVersion) => account.setDefaultVersion(apiVersion),
    age: (ms) => account.age(ms),
    kept: () => account.kept(),
  }
}

/** The API in front of one account and its sandboxes. */
class World {
  readonly account: Account
  readonly faults = new Faults()
  readonly #clock = new Clock()
  readonly #accounts: readonly Account[]

  constructor({ sandboxes = [], ...options }: StripeSimulatorOptions) {
    this.account = new Account(this.#clock, options)
    this.#accounts = [this.account, ...sandboxes.map((sandbox) => new Account(this.#clock, sandbox))]
  }

  sandbox(accountId: string): Account {
    const found = this.#accounts.find((account) => account.accountId === accountId)
    if (found === undefined) throw new Error(`there is no sandbox ${accountId}`)
    return found
  }

  async letPass(ms: number): Promise<void> {
    const until = this.#clock.now() + ms
    const settled = () => Promise.all(this.#accounts.map((account) => account.idle()))
    await settled()
    for (let due = this.#clock.nextDue(); due !== undefined && due <= until; due = this.#clock.nextDue()) {
      this.#clock.moveTo(due)
      await settled()
    }
    this.#clock.moveTo(until)
  }

  async close(): Promise<void> {
    await Promise.all(this.#accounts.map((account) => account.close()))
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request).catch(() => undefined)
    if (body === undefined) return
    const { pathname, search } = new URL(request.url ?? '/', 'http://stripe')
    const method = request.method ?? 'GET'
    const fault = this.faults.hitting(`${method} ${pathname}`)
    if (fault?.does === 'hang') return
    if (fault?.does === 'cut' && fault.when === 'before') return void response.destroy()
    const call = { method, path: pathname, form: decodeForm(method === 'POST' ? body : search.slice(1)) }
    const answer = await this.#answer(request, call, fault)
    if (fault?.does === 'cut') return void response.destroy()
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'request-id': answer.requestId,
      ...answer.headers,
    })
    response.end(answer.body)
  }

  async #answer(request: IncomingMessage, call: Call, fault: StripeFault | undefined): Promise<Answer> {
    const requestId = `req_${randomText(14)}`
    const headers: Record<string, string> = {}
    try {
      const account = this.#accountOf(request)
      headers['stripe-version'] = versionOf(request, account)
      const route = routeOf(account, request, call)
      account.limit.count()
      const key = call.method === 'POST' ? headerOf(request, 'idempotency-key') : undefined
      const underKey = key !== undefined
      if (fault?.does === 'answer' && !isSaved(fault)) throw faultProblem(fault, { underKey })
      const execution = () => executed(route, { ...call, underKey }, requestId, fault)
      if (key === undefined) return withHeaders(await execution(), headers)
      headers['idempotency-key'] = key
      const { answer, replayed } = await onceUnder(account, key, call, execution)
      if (replayed) Object.assign(headers, { 'idempotent-replayed': 'true', 'original-request': answer.requestId })
      return withHeaders({ ...answer, requestId }, headers)
    } catch (error) {
      return withHeaders(refusalOf(error, requestId), headers)
    }
  }

  /** Whose key it is; a key of nobody's is told so by the first account. */
  #accountOf(request: IncomingMessage): Account {
    const key = keyIn(headerOf(request, 'authorization')) ?? ''
    const holds = ({ ring }: Account) => ring.secretKey === key || Object.hasOwn(ring.restrictedKeys, key)
    return this.#accounts.find(holds) ?? this.account
  }
}

async function onceUnder(
  { keys }: Account,
  key: string,
  call: Call,
  execution: () => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly replayed: boolean }> {
  const fingerprint = JSON.stringify([call.method, call.path, call.form])
  const kept = keys.claim(key, fingerprint)
  if (kept) return { answer: kept, replayed: true }
  try {
    const answer = await execution()
    keys.keep(key, fingerprint, answer)
    return { answer, replayed: false }
  } catch (error) {
    keys.release(key) // refused for its parameters: the key stays free
    throw error
  }
}

/** Raises only what leaves the idempotency key free. */
async function executed(
  route: Route,
  call: Call & { readonly underKey: boolean },
  requestId: string,
  fault: StripeFault | undefined,
): Promise<Answer> {
  if (fault?.does === 'wait') await fault.until
  const answers = fault?.does === 'answer' ? fault : undefined
  try {
    if (answers !== undefined && answers.takesEffect !== true) throw faultProblem(answers, call)
    const id = decodeURIComponent(route.path.exec(call.path)?.[1] ?? '')
    const body = jsonOf(route.answer(call, id))
    if (answers !== undefined) throw faultProblem(answers, call)
    return { status: 200, body, requestId }
  } catch (error) {
    if (error instanceof StripeProblem && error.executed) return refusalOf(error, requestId)
    throw error
  }
}

function refusalOf(error: unknown, requestId: string): Answer {
  const problem =
    error instanceof StripeProblem
      ? error
      : new StripeProblem(500, `simulator: ${String(error)}`, { type: 'api_error' })
  return { status: problem.status, body: jsonOf(problem.body(requestId)), requestId, headers: problem.headers }
}

function withHeaders(answer: Answer, headers: Readonly<Record<string, string>>): Answer {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function routeOf({ routes, ring }: Account, request: IncomingMessage, call: Call): Route {
  const route = routes.find(({ method, path }) => method === call.method && path.test(call.path))
  admit(headerOf(request, 'authorization'), route?.needs ?? 'rak_account_read', ring)
  if (route) return route
  const message = `Unrecognized request URL (${call.method}: ${call.path}). If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`
  throw new StripeProblem(404, message)
}

function versionOf(request: IncomingMessage, { defaultVersion, newerReleases }: Account): string {
  const version = headerOf(request, 'stripe-version') ?? defaultVersion
  if (!isApiVersion(version, newerReleases)) throw new StripeProblem(400, `Invalid Stripe API version: ${version}`)
  return version
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Indented, as Stripe answers. */
function jsonOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
