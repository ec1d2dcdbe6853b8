import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { SlackControl } from './control.ts'
import { bodyOf, jsonOf, reply, replyJson } from './http.ts'
import type { Json } from './model.ts'
import type { PageFacts, PageState } from './page-state.ts'
import type { Traffic } from './traffic.ts'
import type { Workspace } from './workspace.ts'

const at = { userId: z.string(), channelId: z.string() }
const values = z.record(z.string(), z.record(z.string(), z.string())).default({})
const fault = z.object({
  method: z.string().exactOptional(),
  delayMs: z.number().exactOptional(),
  status: z.number().exactOptional(),
  error: z.string().exactOptional(),
  retryAfter: z.number().exactOptional(),
  loseAnswer: z.boolean().exactOptional(),
  times: z.number().exactOptional(),
})

const address = z.object({ label: z.string(), command: z.string(), secret: z.boolean().exactOptional() })

type Route = (given: Json, control: SlackControl) => unknown

function route<Shape extends z.ZodRawShape>(
  shape: Shape,
  act: (given: z.output<z.ZodObject<Shape>>, control: SlackControl) => unknown,
): Route {
  const schema = z.object(shape)
  return (given, control) => act(schema.parse(given), control)
}

/** What other processes and the page may do: POST /control/<name> with one JSON object. */
const routes: Readonly<Record<string, Route>> = {
  type: route({ ...at, text: z.string(), threadTs: z.string().optional() }, (one, control) =>
    control.type(one.userId, one.channelId, one.text, one.threadTs),
  ),
  press: route({ ...at, messageTs: z.string(), actionId: z.string(), value: z.string().optional() }, (one, control) =>
    control.press(one.userId, one.channelId, one.messageTs, one.actionId, one.value),
  ),
  pressInView: route(
    { userId: z.string(), actionId: z.string(), value: z.string().optional(), values },
    (one, control) => control.pressInView(one.userId, one.actionId, one.value, one.values),
  ),
  openView: route({ userId: z.string() }, (one, control) => control.openView(one.userId) ?? null),
  submitView: route({ userId: z.string(), values }, (one, control) => control.submitView(one.userId, one.values)),
  closeView: route({ userId: z.string(), all: z.boolean().default(false) }, async (one, control) => {
    await control.closeView(one.userId, one.all)
    return {}
  }),
  openHome: route({ userId: z.string() }, async (one, control) => {
    await control.openHome(one.userId)
    return {}
  }),
  messages: route({ ...at }, (one, control) => control.messagesSeenBy(one.userId, one.channelId)),
  thread: route({ ...at, threadTs: z.string() }, (one, control) =>
    control.threadSeenBy(one.userId, one.channelId, one.threadTs),
  ),
  plainText: route({ ...at }, (one, control) =>
    control.messagesSeenBy(one.userId, one.channelId).map((message) => control.plainText(message)),
  ),
  uploads: route({}, (_it, control) =>
    control.uploads.map((upload) => ({ ...upload, content: upload.content.toString('utf8') })),
  ),
  apiCalls: route({ method: z.string().optional() }, (one, control) => control.apiCalls(one.method)),
  setAddresses: route({ addresses: z.array(address) }, (one, control) => {
    control.setAddresses(one.addresses)
    return {}
  }),
  break: route({ name: z.string() }, (one, control) => control.breakWorld(one.name)),
  mend: route({}, (_it, control) => control.mendWorld()),
  changePerson: route(
    {
      userId: z.string(),
      change: z.object({
        guest: z.enum(['multi-channel', 'single-channel']).exactOptional(),
        deleted: z.boolean().exactOptional(),
        isBot: z.boolean().exactOptional(),
        teamId: z.string().exactOptional(),
      }),
    },
    (one, control) => {
      control.changePerson(one.userId, one.change)
      return {}
    },
  ),
  replay: route({}, (_it, control) => control.replay()),
  setClockAhead: route({ milliseconds: z.number() }, (one, control) => {
    control.setClockAhead(one.milliseconds)
    return {}
  }),
  setFault: route({ fault }, (one, control) => {
    control.setFault(one.fault)
    return {}
  }),
  refuseAtRandom: route({ seed: z.int(), rate: z.number().min(0).lt(1) }, (one, control) => {
    control.refuseAtRandom(one)
    return {}
  }),
  clearFaults: route({}, (_it, control) => {
    control.clearFaults()
    return {}
  }),
  disconnectSockets: route(
    { reason: z.enum(['warning', 'refresh_requested', 'link_disabled', 'too_many_websockets']) },
    (one, control) => {
      control.disconnectSockets(one.reason)
      return {}
    },
  ),
  dropSockets: route({}, (_it, control) => {
    control.dropSockets()
    return {}
  }),
  loseAcks: route({ times: z.number() }, (one, control) => {
    control.loseAcks(one.times)
    return {}
  }),
}

export async function controlRoute(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  world: {
    readonly control: SlackControl
    readonly workspace: Workspace
    readonly page: PageFacts
    readonly traffic: Traffic
  },
): Promise<void> {
  const { control, workspace, page, traffic } = world
  if (request.method === 'GET') {
    const asked = new URL(request.url ?? '/', 'http://localhost').searchParams
    if (name === 'events') return streamEvents(response, control)
    if (name === 'state') return replyJson(response, 200, stateFor(asked.get('user') ?? '', workspace, control, page))
    if (name === 'traffic') {
      const id = asked.get('id')
      if (id === null) return replyJson(response, 200, traffic.list(asked.get('filter') ?? ''))
      return replyJson(response, 200, traffic.detail(id) ?? null)
    }
  }
  const act = Object.hasOwn(routes, name) ? routes[name] : undefined
  // Other sites' pages can post forms here, but not JSON.
  const isJson = (request.headers['content-type'] ?? '').startsWith('application/json')
  if (act === undefined || request.method !== 'POST' || !isJson) return reply(response, 404, 'no such control')
  try {
    const result = await act(jsonOf(await bodyOf(request)) ?? {}, control)
    replyJson(response, 200, result ?? {})
  } catch (error) {
    replyJson(response, 400, { error: error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message })
  }
}

/** Everything the page shows to one person. */
function stateFor(userId: string, workspace: Workspace, control: SlackControl, page: PageFacts): PageState {
  const people = [...workspace.users.values()]
  const user = people.find((known) => known.id === userId) ?? people.find((known) => !known.isBot)!
  const channels = [...workspace.channels.values()].filter(
    (channel) => channel.members.has(user.id) && (channel.kind !== 'direct' || workspace.messagesTab),
  )
  return {
    ...page,
    me: user.id,
    bot: workspace.botUserId,
    connections: control.connections,
    users: people,
    userGroups: [...workspace.userGroups.values()],
    channels: channels.map((channel) => ({
      id: channel.id,
      name: channel.name,
      kind: channel.kind,
      messages: workspace
        .messagesIn(channel.id)
        .filter((message) => message.visible_to === undefined || message.visible_to === user.id),
    })),
    views: workspace.viewsOf(user.id),
    home: workspace.homes.get(user.id) ?? null,
    addresses: control.addresses,
    tour: control.tour ?? null,
  }
}

const told = ['message', 'update', 'delete', 'ephemeral', 'view', 'home', 'connection', 'addresses', 'call'] as const

/** Server-sent events: one line for everything that happened; the page then asks for what it shows of it. */
function streamEvents(response: ServerResponse, control: SlackControl): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write('retry: 1000\n\ndata: hello\n\n')
  const stops = told.map((event) => control.on(event, () => response.write(`data: ${event}\n\n`)))
  response.on('close', () => {
    for (const stop of stops) stop()
  })
}
