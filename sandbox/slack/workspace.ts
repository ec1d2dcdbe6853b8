import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Block, Channel, Json, Message, SlackFile, Upload, User, UserGroup, View } from './model.ts'

export interface WorkspaceOptions {
  /** People of this workspace, unless `teamId` says otherwise; those of others are strangers in shared channels. */
  readonly users: readonly (Pick<User, 'id' | 'name' | 'realName'> & Partial<User>)[]
  readonly channels: readonly {
    readonly id: string
    readonly name: string
    /** People in the channel; everybody when left out. */
    readonly members?: readonly string[]
    readonly isPrivate?: boolean
    /** The bot is a member of every channel unless this says otherwise. */
    readonly withoutBot?: boolean
  }[]
  readonly userGroups?: readonly UserGroup[]
  readonly botUserId: string
  /** Whether App Home has the tab in which people and the app write to each other; it has unless told. */
  readonly messagesTab?: boolean
}

export interface WorkspaceEvents {
  message: [Message]
  update: [Message]
  delete: [Message]
  ephemeral: [Message]
  view: [{ readonly userId: string; readonly view: View | undefined }]
  home: [{ readonly userId: string; readonly view: View }]
  upload: [Upload]
  call: []
  /** A Socket Mode connection came or went. */
  connection: []
  /** The addresses on the page are others. */
  addresses: []
}

interface NewMessage {
  readonly channel: string
  readonly user: string
  readonly text: string
  readonly blocks?: readonly Block[]
  readonly attachments?: readonly Json[]
  readonly metadata?: Json
  readonly files?: readonly SlackFile[]
  readonly threadTs?: string
  readonly broadcast?: boolean
  readonly visibleTo?: string
  readonly subtype?: string
}

export const teamId = 'T0SANDBOX'
export const teamDomain = 'sandbox'
export const appId = 'A0PURSER'
export const botId = 'B0PURSER'
export const slackbot = 'USLACKBOT'

/** The state of one Slack workspace: people, channels, messages, dialogs and files. */
export class Workspace extends EventEmitter<WorkspaceEvents> {
  readonly users: Map<string, User>
  readonly channels = new Map<string, Channel>()
  readonly userGroups: ReadonlyMap<string, UserGroup>
  readonly botUserId: string
  readonly messagesTab: boolean
  readonly uploads: Upload[] = []
  readonly #messages = new Map<string, Message[]>()
  readonly #stacks = new Map<string, View[]>()
  readonly homes = new Map<string, View>()
  #lastTs = 0

  constructor(options: WorkspaceOptions) {
    super()
    this.setMaxListeners(0)
    this.botUserId = options.botUserId
    this.messagesTab = options.messagesTab ?? true
    const bot: User = { id: options.botUserId, name: 'purser', realName: 'Purser', isBot: true, teamId }
    const people = options.users.map((user): User => ({ isBot: false, teamId, ...user }))
    // Slack itself does not count Slackbot among the bots.
    const system: User = { id: slackbot, name: 'slackbot', realName: 'Slackbot', isBot: false, teamId }
    this.users = new Map([...people, bot, system].map((user) => [user.id, user]))
    this.userGroups = new Map((options.userGroups ?? []).map((group) => [group.id, group]))
    for (const { id, name, members, isPrivate, withoutBot } of options.channels) {
      const inside = new Set(members ?? people.map((user) => user.id))
      if (withoutBot !== true) inside.add(options.botUserId)
      this.channels.set(id, { id, name, kind: isPrivate === true ? 'private' : 'public', members: inside })
    }
  }

  /** Somebody becomes a guest, is deactivated, or the like. */
  changePerson(userId: string, change: Partial<Omit<User, 'id'>>): void {
    const user = this.users.get(userId)
    if (user === undefined) throw new Error(`there is no user ${userId}`)
    this.users.set(userId, { ...user, ...change })
  }

  /** Unique and rising, in Slack's form `<seconds>.<six digits>`. */
  nextTs(): string {
    this.#lastTs = Math.max(this.#lastTs + 1, Date.now() * 1000)
    const digits = String(this.#lastTs)
    return `${digits.slice(0, -6)}.${digits.slice(-6)}`
  }

  /** The channel with this id or name, or the direct conversation with this person. */
  findChannel(reference: string): Channel | undefined {
    const byId = this.channels.get(reference)
    if (byId !== undefined) return byId
    if (this.users.has(reference)) return this.directChannel(reference)
    const name = reference.replace(/^#/, '')
    return [...this.channels.values()].find((channel) => channel.kind !== 'direct' && channel.name === name)
  }

  directChannel(userId: string): Channel {
    const id = `D${userId.slice(1)}`
    const known = this.channels.get(id)
    if (known !== undefined) return known
    const channel: Channel = { id, name: 'directmessage', kind: 'direct', members: new Set([userId, this.botUserId]) }
    this.channels.set(id, channel)
    return channel
  }

  /** All messages of a channel, oldest first, replies and ephemeral ones included. */
  messagesIn(channelId: string): readonly Message[] {
    return this.#messages.get(channelId) ?? []
  }

  findMessage(channelId: string, ts: string): Message | undefined {
    return this.messagesIn(channelId).find((message) => message.ts === ts)
  }

  post(draft: NewMessage): Message {
    const ts = this.nextTs()
    const isBot = draft.user === this.botUserId
    const message: Message = {
      type: 'message',
      ...(draft.subtype === undefined ? {} : { subtype: draft.subtype }),
      channel: draft.channel,
      ts,
      user: draft.user,
      ...(isBot ? { bot_id: botId, app_id: appId } : {}),
      text: escaped(draft.text),
      ...(draft.blocks === undefined ? {} : { blocks: draft.blocks }),
      ...(draft.attachments === undefined ? {} : { attachments: draft.attachments }),
      ...(draft.metadata === undefined ? {} : { metadata: draft.metadata }),
      ...(draft.files === undefined ? {} : { files: draft.files }),
      ...(draft.threadTs === undefined ? {} : { thread_ts: draft.threadTs }),
      ...(draft.broadcast === true ? { reply_broadcast: true } : {}),
      ...(draft.visibleTo === undefined ? {} : { is_ephemeral: true, visible_to: draft.visibleTo }),
    }
    const list = this.#messages.get(draft.channel) ?? []
    list.push(message)
    this.#messages.set(draft.channel, list)
    if (message.thread_ts !== undefined && message.is_ephemeral !== true) this.#countReply(message)
    this.emit(message.is_ephemeral === true ? 'ephemeral' : 'message', message)
    return message
  }

  #countReply(reply: Message): void {
    const parent = this.findMessage(reply.channel, reply.thread_ts!)
    if (parent === undefined) return
    parent.reply_count = (parent.reply_count ?? 0) + 1
    parent.latest_reply = reply.ts
    this.emit('update', parent)
  }

  changed(message: Message): void {
    this.emit('update', message)
  }

  remove(message: Message): void {
    const list = this.#messages.get(message.channel) ?? []
    list.splice(list.indexOf(message), 1)
    this.emit('delete', message)
  }

  /** The dialogs this person has open, the topmost last. */
  viewsOf(userId: string): readonly View[] {
    return this.#stacks.get(userId) ?? []
  }

  setViews(userId: string, stack: readonly View[]): void {
    this.#stacks.set(userId, [...stack])
    this.emit('view', { userId, view: stack.at(-1) })
  }

  /** The person who has this view open, in a dialog or as App Home. */
  ownerOf(viewId: string): string | undefined {
    for (const [userId, stack] of this.#stacks) if (stack.some((view) => view.id === viewId)) return userId
    for (const [userId, view] of this.homes) if (view.id === viewId) return userId
    return undefined
  }

  publishHome(userId: string, view: View): void {
    this.homes.set(userId, view)
    this.emit('home', { userId, view })
  }

  addUpload(upload: Upload): void {
    this.uploads.push(upload)
    this.emit('upload', upload)
  }
}

export function newId(prefix: string): string {
  return prefix + randomBytes(6).toString('hex').toUpperCase().slice(0, 10)
}

/** Slack stores `&`, `<` and `>` as entities unless they are part of its own markup. */
export function escaped(text: string): string {
  return text
    .replace(/&(?!amp;|lt;|gt;)/g, '&amp;')
    .replace(/<(?:[@#!]|https?:|mailto:|tel:|slack:)[^<>]*>|[<>]/g, (found) =>
      found === '<' ? '&lt;' : found === '>' ? '&gt;' : found,
    )
}

/** Blocks as Slack keeps them: every block and every element has an id. */
export function withIds(blocks: readonly Json[]): readonly Block[] {
  return blocks.map((block) => ({
    ...withActionIds(block),
    type: String(block.type),
    block_id: typeof block.block_id === 'string' ? block.block_id : randomBytes(4).toString('base64url').slice(0, 5),
  }))
}

const interactive =
  /^(button|overflow|checkboxes|radio_buttons|.*select|.*picker|.*input|icon_button|feedback_buttons)$/

function withActionIds(part: Json): Json {
  const copy: Json = { ...part }
  for (const field of ['elements', 'actions', 'child_blocks'] as const) {
    const list = copy[field]
    if (Array.isArray(list)) {
      copy[field] = list.map((entry: Json) => (field === 'child_blocks' ? withIds([entry])[0] : withActionId(entry)))
    }
  }
  for (const field of ['accessory', 'element'] as const) {
    if (typeof copy[field] === 'object' && copy[field] !== null) copy[field] = withActionId(copy[field] as Json)
  }
  return copy
}

function withActionId(element: Json): Json {
  if (typeof element.type !== 'string' || !interactive.test(element.type) || element.action_id !== undefined) {
    return element
  }
  return { ...element, action_id: randomBytes(4).toString('base64url').slice(0, 5) }
}
