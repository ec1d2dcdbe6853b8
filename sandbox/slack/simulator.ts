import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppLink } from './app-link.ts'
import { SlackControl } from './control.ts'
import { controlRoute } from './control-routes.ts'
import { httpDelivery } from './http-delivery.ts'
import { Files } from './files.ts'
import { argumentsOf, bodyOf, jsonOf, reply, replyJson, uploadedBytes } from './http.ts'
import { SlackRefusal } from './model.ts'
import { pageFiles } from './page-files.ts'
import type { RandomRefusals } from './random-refusals.ts'
import type { Address, PageFacts } from './page-state.ts'
import { RateLimiter, type RateLimits, slackLimits } from './rate-limits.ts'
import { ResponseUrls } from './response-urls.ts'
import { SocketMode } from './socket-mode.ts'
import { Traffic } from './traffic.ts'
import { Triggers } from './triggers.ts'
import { WebApi } from './web-api.ts'
import { Workspace, type WorkspaceOptions } from './workspace.ts'

export interface SlackOptions extends Omit<WorkspaceOptions, 'botUserId'> {
  readonly botToken: string
  readonly appToken: string
  readonly signingSecret: string
  readonly botUserId?: string
  /** The app's slash command. */
  readonly command?: string
  /** What the composer of the page offers after the command; nothing unless told. */
  readonly commandHints?: PageFacts['commandHints']
  /** What the page offers to copy; `control.setAddresses` changes it later. */
  readonly addresses?: readonly Address[]
  /** Deliver by signed HTTP to this address instead of by Socket Mode. */
  readonly http?: { readonly requestUrl: string }
  readonly port?: number
  /** Scopes of the bot token. */
  readonly scopes?: readonly string[]
  /** Limits other than Slack's; `false` for none. */
  readonly rateLimits?: Partial<RateLimits> | false
  readonly eventRetriesMs?: readonly number[]
  /** Posts and edits that are refused at random; none unless told. */
  readonly refusals?: RandomRefusals
}

export interface SlackSimulator {
  /** Ends in `/api/`: what `SLACK_API_URL` names. */
  readonly apiUrl: string
  readonly pageUrl: string
  readonly control: SlackControl
  close(): Promise<void>
}

const defaultScopes = [
  'commands',
  'chat:write',
  'channels:read',
  'channels:history',
  'channels:join',
  'groups:read',
  'groups:history',
  'im:write',
  'users:read',
  'usergroups:read',
  'files:write',
]

/** Slack repeats an event at once, after a minute and after five: docs.slack.dev/apis/events-api#retries */
const slackEventRetriesMs = [0, 60_000, 300_000]

/** A Slack workspace on loopback: Web API, Socket Mode or signed HTTP, and a page for people. */
export async function startSlack(options: SlackOptions): Promise<SlackSimulator> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const closing = new AbortController()
  const world = assemble(options, origin, closing.signal)
  server.on('request', (request, response) => {
    serve(world, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else replyJson(response, 500, { ok: false, error: 'fatal_error', detail: String(error) })
    })
  })
  server.on('upgrade', (request, socket, head) => world.socket.upgrade(request, socket, head))
  return {
    apiUrl: `${origin}/api/`,
    pageUrl: `${origin}/`,
    control: world.control,
    async close() {
      closing.abort()
      await world.socket.close()
      await closed(server)
    },
  }
}

interface World {
  readonly webApi: WebApi
  readonly socket: SocketMode
  readonly control: SlackControl
  readonly workspace: Workspace
  readonly files: Files
  readonly responseUrls: ResponseUrls
  readonly page: PageFacts
  readonly traffic: Traffic
  readonly host: string
}

function assemble(options: SlackOptions, origin: string, closing: AbortSignal): World {
  const workspace = new Workspace({ ...options, botUserId: options.botUserId ?? 'U0PURSER' })
  const socket = new SocketMode(() => workspace.emit('connection'))
  const triggers = new Triggers()
  const files = new Files()
  const responseUrls = new ResponseUrls(workspace, origin)
  const limiter = options.rateLimits === false ? undefined : new RateLimiter({ ...slackLimits, ...options.rateLimits })
  const webApi = new WebApi(
    { botToken: options.botToken, appToken: options.appToken, scopes: options.scopes ?? defaultScopes, limiter },
    { workspace, triggers, files, origin, newSocketUrl: () => origin.replace('http', 'ws') + socket.newLink() },
    closing,
  )
  if (options.refusals !== undefined) webApi.refuseAtRandom(options.refusals)
  const traffic = new Traffic(
    () => webApi.calls,
    () => workspace.emit('call'),
  )
  const clock = { aheadMs: 0 }
  const delivery = traffic.recorded(
    options.http === undefined
      ? socket
      : httpDelivery({
          requestUrl: options.http.requestUrl,
          signingSecret: options.signingSecret,
          aheadMs: () => clock.aheadMs,
        }),
  )
  const eventRetriesMs = options.eventRetriesMs ?? slackEventRetriesMs
  const app = new AppLink({ workspace, triggers, responseUrls, delivery, eventRetriesMs, closing })
  const command = options.command ?? '/billing'
  const page = { command, http: options.http !== undefined, commandHints: options.commandHints ?? [] }
  const addresses = options.addresses ?? []
  const control = new SlackControl({ workspace, app, webApi, socket, command, addresses, clock })
  return { webApi, socket, control, workspace, files, responseUrls, page, traffic, host: new URL(origin).host }
}

async function serve(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const [, area = '', ...rest] = pathname.split('/')
  const name = decodeURIComponent(rest.join('/'))
  if (area === 'api') return serveApi(world, name, request, response)
  if (area === 'upload') {
    const taken = world.files.receive(rest.at(-1) ?? '', await uploadedBytes(request))
    return reply(response, taken ? 200 : 400, taken ? 'OK' : 'upload refused')
  }
  if (area === 'response') return serveResponseUrl(world, name, request, response)
  // A page of another name that resolves to loopback must not read the workspace.
  const host = request.headers.host ?? ''
  if (host !== world.host && host !== world.host.replace('127.0.0.1', 'localhost')) {
    return reply(response, 403, 'open this page by its 127.0.0.1 address')
  }
  if (area === 'control') return controlRoute(name, request, response, world)
  if (area === 'files') {
    const file = world.files.read(rest[0] ?? '')
    if (file === undefined) return reply(response, 404, 'no such file')
    return reply(response, 200, file.content, { 'x-content-type-options': 'nosniff' })
  }
  return servePage(area, name, response)
}

async function serveApi(
  world: World,
  method: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const args = await argumentsOf(request)
  const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const token = bearer ?? (typeof args.token === 'string' ? args.token : undefined)
  const answer = await world.webApi.call(method, args, token)
  if (answer.lost) {
    request.socket.destroy()
    return
  }
  replyJson(response, answer.status, answer.body, answer.headers)
}

async function serveResponseUrl(
  world: World,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    world.responseUrls.respond(id, jsonOf(await bodyOf(request)) ?? {})
    replyJson(response, 200, { ok: true })
  } catch (error) {
    if (!(error instanceof SlackRefusal)) throw error
    const gone = ['used_url', 'expired_url', 'invalid_url'].includes(error.error)
    replyJson(response, gone ? 404 : 400, { ok: false, error: error.error, ...error.details })
  }
}

const pageHeaders = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' http: https: data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
}

async function servePage(area: string, name: string, response: ServerResponse): Promise<void> {
  if (area === 'favicon.ico') return reply(response, 204, '')
  const path = area === '' || area === 'archives' ? 'index.html' : area === 'page' ? name : ''
  const file = path === '' ? undefined : (await pageFiles()).get(path)
  if (file === undefined) return reply(response, 404, 'not found')
  reply(response, 200, file.content, { ...pageHeaders, 'content-type': file.type })
}

async function closed(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await done
}
