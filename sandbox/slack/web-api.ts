import { setTimeout as delay } from 'node:timers/promises'
import { chatMethods } from './methods/chat.ts'
import { conversationMethods } from './methods/conversations.ts'
import { fileMethods } from './methods/files.ts'
import type { Method, MethodWorld } from './methods/method.ts'
import { viewMethods } from './methods/views.ts'
import { type ApiCall, type Fault, type Json, SlackRefusal } from './model.ts'
import { type RandomRefusals, refuseAtRandom } from './random-refusals.ts'
import type { RateLimiter } from './rate-limits.ts'
import { botId, teamDomain, teamId } from './workspace.ts'

const appMethods: Readonly<Record<string, Method>> = {
  'api.test': { tier: 'special', run: (args) => ({ args }) },
  'auth.test': {
    tier: 'special',
    run: (_args, { workspace, origin }) => ({
      url: `${origin}/`,
      team: teamDomain,
      user: workspace.users.get(workspace.botUserId)?.name,
      team_id: teamId,
      user_id: workspace.botUserId,
      bot_id: botId,
      is_enterprise_install: false,
    }),
  },
  'apps.connections.open': { tier: 3, token: 'app', run: (_args, world) => ({ url: world.newSocketUrl() }) },
}

const methods: Readonly<Record<string, Method>> = {
  ...appMethods,
  ...chatMethods,
  ...conversationMethods,
  ...viewMethods,
  ...fileMethods,
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
  /** The connection is to be cut instead of answering. */
  readonly lost: boolean
}

interface WebApiOptions {
  readonly botToken: string
  readonly appToken: string
  /** Scopes of the bot token; every call needs its own. */
  readonly scopes: readonly string[]
  readonly limiter: RateLimiter | undefined
}

/** Slack's Web API: tokens, faults, limits and the log around the methods. */
export class WebApi {
  readonly calls: ApiCall[] = []
  readonly #faults: { fault: Fault; left: number }[] = []
  #atRandom: (method: string, args: Json) => Fault | undefined = () => undefined
  readonly #options: WebApiOptions
  readonly #world: MethodWorld
  readonly #closing: AbortSignal

  constructor(options: WebApiOptions, world: MethodWorld, closing: AbortSignal) {
    this.#options = options
    this.#world = world
    this.#closing = closing
  }

  /** Returns what takes the fault back. */
  setFault(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
    this.#faults.push(entry)
    return () => {
      const place = this.#faults.indexOf(entry)
      if (place >= 0) this.#faults.splice(place, 1)
    }
  }

  /** From now on posts and edits are refused at random, from the first draw of the seed on. */
  refuseAtRandom(refusals: RandomRefusals): void {
    this.#atRandom = refuseAtRandom(refusals)
  }

  /** Takes all faults back, those at random too. */
  clearFaults(): void {
    this.#faults.length = 0
    this.#atRandom = () => undefined
  }

  async call(method: string, args: Json, token: string | undefined): Promise<Answer> {
    const { token: _token, ...shown } = args
    const fault = this.#nextFault(method) ?? this.#atRandom(method, shown)
    if (fault?.delayMs !== undefined) await delay(fault.delayMs, undefined, { signal: this.#closing })
    const answer = this.#faulty(fault) ?? this.#answer(method, shown, token)
    this.calls.push({ method, args: shown, at: Date.now(), status: answer.status, answer: answer.body })
    this.#world.workspace.emit('call')
    return { ...answer, lost: fault?.loseAnswer === true }
  }

  #nextFault(method: string): Fault | undefined {
    const entry = this.#faults.find(({ fault }) => fault.method === undefined || fault.method === method)
    if (entry === undefined) return undefined
    entry.left -= 1
    if (entry.left <= 0) this.#faults.splice(this.#faults.indexOf(entry), 1)
    return entry.fault
  }

  #faulty(fault: Fault | undefined): Answer | undefined {
    if (fault?.status === 429 || (fault?.retryAfter !== undefined && fault.status === undefined)) {
      return rateLimited(fault.retryAfter ?? 1)
    }
    if (fault?.status === undefined && fault?.error === undefined) return undefined
    const body = { ok: false, error: fault.error ?? 'internal_error' }
    return { status: fault.status ?? 200, headers: {}, body, lost: false }
  }

  #answer(name: string, args: Json, token: string | undefined): Answer {
    try {
      const method = Object.hasOwn(methods, name) ? methods[name] : undefined
      if (method === undefined) throw new SlackRefusal('unknown_method', { req_method: name })
      this.#authorise(method, token, args)
      const wait = this.#options.limiter?.take(name, method.tier, String(args.channel ?? ''))
      if (wait !== undefined) return rateLimited(wait)
      return answered({ ok: true, ...method.run(args, this.#world) }, this.#options.scopes)
    } catch (error) {
      if (!(error instanceof SlackRefusal)) throw error
      return answered({ ok: false, error: error.error, ...error.details }, this.#options.scopes)
    }
  }

  #authorise(method: Method, token: string | undefined, args: Json): void {
    if (token === undefined || token === '') throw new SlackRefusal('not_authed')
    const { botToken, appToken, scopes } = this.#options
    const expected = method.token === 'app' ? appToken : botToken
    if (token !== expected) {
      throw new SlackRefusal(token === appToken || token === botToken ? 'not_allowed_token_type' : 'invalid_auth')
    }
    const needed = typeof method.scope === 'function' ? method.scope(args, this.#world) : method.scope
    if (needed !== undefined && !scopes.includes(needed)) {
      throw new SlackRefusal('missing_scope', { needed, provided: scopes.join(',') })
    }
  }
}

function answered(body: Json, scopes: readonly string[]): Answer {
  return { status: 200, headers: { 'x-oauth-scopes': scopes.join(',') }, body, lost: false }
}

function rateLimited(seconds: number): Answer {
  return {
    status: 429,
    headers: { 'retry-after': String(seconds) },
    body: { ok: false, error: 'ratelimited' },
    lost: false,
  }
}
