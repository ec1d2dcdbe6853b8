import type { ActionResult, AppLink } from './app-link.ts'
import { submitDialog, type SubmitResult, viewState, type ViewValues } from './dialogs.ts'
import { pressed } from './elements.ts'
import type { ApiCall, Fault, Message, Upload, User, View } from './model.ts'
import type { Address, Tour } from './page-state.ts'
import { plainText } from './plain-text.ts'
import type { RandomRefusals } from './random-refusals.ts'
import type { DisconnectReason, SocketMode } from './socket-mode.ts'
import type { WebApi } from './web-api.ts'
import type { Workspace, WorkspaceEvents } from './workspace.ts'

interface ControlParts {
  readonly workspace: Workspace
  readonly app: AppLink
  readonly webApi: WebApi
  readonly socket: SocketMode
  readonly command: string
  readonly addresses: readonly Address[]
  readonly clock: { aheadMs: number }
}

/** The hands that break the world around the app, and mend it. */
interface Breaking {
  break(name: string): Promise<void>
  mend(): Promise<void>
}

/** The hands and eyes of the people in the workspace, and the switches of the simulator. */
export class SlackControl {
  readonly #parts: ControlParts
  #addresses: readonly Address[]
  #tour: Tour | undefined
  #breaking: Breaking | undefined

  constructor(parts: ControlParts) {
    this.#parts = parts
    this.#addresses = parts.addresses
  }

  /** Somebody becomes a guest, is deactivated, or the like; the app is told only when it asks. */
  changePerson(userId: string, change: Partial<Omit<User, 'id'>>): void {
    this.#parts.workspace.changePerson(userId, change)
  }

  /** What was last sent to the app reaches it once more. */
  async replay(): Promise<ActionResult> {
    const ack = await this.#parts.app.replay()
    return ack.ok ? { ok: true } : { ok: false, error: ack.error }
  }

  /** The clock that signs requests goes this far ahead. */
  setClockAhead(milliseconds: number): void {
    this.#parts.clock.aheadMs = milliseconds
  }

  /** What the page offers to copy. */
  get addresses(): readonly Address[] {
    return this.#addresses
  }

  setAddresses(addresses: readonly Address[]): void {
    this.#addresses = addresses
    this.#parts.workspace.emit('addresses')
  }

  /** What the page offers to somebody new. */
  get tour(): Tour | undefined {
    return this.#tour
  }

  /** `breaking` is what the failures of the tour call for; without it they only type their commands. */
  setTour(tour: Tour, breaking?: Breaking): void {
    this.#tour = tour
    this.#breaking = breaking
    this.#parts.workspace.emit('addresses')
  }

  /** Breaks the world around the app. */
  breakWorld(name: string): Promise<ActionResult> {
    return tried(() => this.#breaking?.break(name))
  }

  /** Mends whatever was broken. */
  mendWorld(): Promise<ActionResult> {
    return tried(() => this.#breaking?.mend())
  }

  /**
   * Types a line. A slash command goes to the app and resolves once it is acknowledged, with the immediate reply;
   * anything else becomes a message.
   */
  async type(userId: string, channelId: string, text: string, threadTs?: string): Promise<ActionResult> {
    const { workspace, app, command } = this.#parts
    this.#inside(userId, channelId)
    if (!text.startsWith('/')) {
      const message = workspace.post({
        channel: channelId,
        user: userId,
        text: this.#mentions(text),
        ...(threadTs === undefined ? {} : { threadTs }),
      })
      return { ok: true, reply: message }
    }
    const [, name = '', rest = ''] = /^(\S+)\s?([^]*)$/.exec(text) ?? []
    if (threadTs !== undefined) return app.refuse(userId, channelId, `${name} is not supported in threads. Sorry!`)
    if (name !== command) return app.refuse(userId, channelId, `${name} is not a valid command.`)
    return app.command(userId, channelId, name, this.#mentions(escapedText(rest.trim())))
  }

  /**
   * Presses a button or chooses an option of a message the person sees, any confirmation accepted. `value` picks the
   * option of a menu, or one of several buttons with the same action id. Resolves once the app acknowledged.
   */
  async press(
    userId: string,
    channelId: string,
    messageTs: string,
    actionId: string,
    value?: string,
  ): Promise<ActionResult> {
    const message = this.#visible(userId, channelId).find((seen) => seen.ts === messageTs)
    if (message === undefined) throw new Error(`${userId} sees no message ${messageTs} in ${channelId}`)
    const { action, state } = pressed(message.blocks ?? [], actionId, value)
    return this.#parts.app.messageAction(userId, message, action, { values: state })
  }

  /** Presses a button or chooses an option in the open dialog, or on App Home when no dialog is open. */
  async pressInView(userId: string, actionId: string, value?: string, values: ViewValues = {}): Promise<ActionResult> {
    const view = this.openView(userId) ?? this.homeOf(userId)
    if (view === undefined) throw new Error(`${userId} has neither a dialog nor App Home open`)
    const { action, state } = pressed(view.blocks, actionId, value)
    return this.#parts.app.viewAction(userId, view, action, { values: { ...viewState(view, values).values, ...state } })
  }

  /** The dialog on top of this person's screen. */
  openView(userId: string): View | undefined {
    return this.#parts.workspace.viewsOf(userId).at(-1)
  }

  /** Submits the open dialog; inputs that are not named keep what they start with. */
  submitView(userId: string, values: ViewValues = {}): Promise<SubmitResult> {
    return submitDialog(this.#parts.workspace, this.#parts.app, userId, values)
  }

  /** Cancels the open dialog; `all` closes the whole stack, as the × does. */
  async closeView(userId: string, all = false): Promise<void> {
    const { workspace, app } = this.#parts
    const stack = workspace.viewsOf(userId)
    const gone = all ? stack : stack.slice(-1)
    workspace.setViews(userId, all ? [] : stack.slice(0, -1))
    for (const view of gone.toReversed()) if (view.notify_on_close === true) await app.closed(userId, view, all)
  }

  /** Opens App Home, which sends `app_home_opened`. */
  async openHome(userId: string): Promise<void> {
    const { workspace, app } = this.#parts
    const view = workspace.homes.get(userId)
    await app.event({
      type: 'app_home_opened',
      user: userId,
      channel: workspace.directChannel(userId).id,
      tab: 'home',
      ...(view === undefined ? {} : { view }),
    })
  }

  homeOf(userId: string): View | undefined {
    return this.#parts.workspace.homes.get(userId)
  }

  /** The channel as this person sees it, oldest first: without replies, with the person's own ephemeral messages. */
  messagesSeenBy(userId: string, channelId: string): readonly Message[] {
    return this.#visible(userId, channelId).filter(
      (message) => message.thread_ts === undefined || message.reply_broadcast === true,
    )
  }

  /** The replies of a thread as this person sees them, oldest first. */
  threadSeenBy(userId: string, channelId: string, threadTs: string): readonly Message[] {
    return this.#visible(userId, channelId).filter((message) => message.thread_ts === threadTs)
  }

  /** The direct conversation of this person with the bot. */
  directChannel(userId: string): string {
    return this.#parts.workspace.directChannel(userId).id
  }

  get uploads(): readonly Upload[] {
    return this.#parts.workspace.uploads
  }

  /** Every call of the Web API so far, oldest first. */
  apiCalls(method?: string): readonly ApiCall[] {
    return this.#parts.webApi.calls.filter((call) => method === undefined || call.method === method)
  }

  /** Makes calls of the Web API go wrong; returns what takes the fault back. */
  setFault(fault: Fault): () => void {
    return this.#parts.webApi.setFault(fault)
  }

  /** Posts and edits are refused at random, with errors that Slack has for them; the same ones for the same seed. */
  refuseAtRandom(refusals: RandomRefusals): void {
    this.#parts.webApi.refuseAtRandom(refusals)
  }

  /** Takes all faults back, those at random too. */
  clearFaults(): void {
    this.#parts.webApi.clearFaults()
  }

  /** How many Socket Mode connections the app holds. */
  get connections(): number {
    return this.#parts.socket.connections
  }

  /** Asks every connection to leave, as Slack does now and then, or only the oldest. */
  disconnectSockets(reason: DisconnectReason, which: 'all' | 'oldest' = 'all'): void {
    this.#parts.socket.disconnect(reason, which)
  }

  dropSockets(which: 'all' | 'oldest' = 'all'): void {
    this.#parts.socket.drop(which)
  }

  /** How many payloads the app has been sent over Socket Mode and has not acknowledged yet. */
  get waitingForAcks(): number {
    return this.#parts.socket.waiting
  }

  /** The next `times` acknowledgements over Socket Mode get lost on their way. */
  loseAcks(times: number): void {
    this.#parts.socket.loseAcks(times)
  }

  /** A message as readable plain text, blocks included. */
  plainText(message: Message): string {
    return plainText(message, (id) => this.nameOf(id))
  }

  /** The name of a person, channel or group by id. */
  nameOf(id: string): string | undefined {
    const { users, channels, userGroups } = this.#parts.workspace
    return users.get(id)?.realName ?? channels.get(id)?.name ?? userGroups.get(id)?.handle
  }

  /** Returns what stops the listening. */
  on<Event extends keyof WorkspaceEvents>(
    event: Event,
    listener: (...args: WorkspaceEvents[Event]) => void,
  ): () => void {
    const { workspace } = this.#parts
    const call = listener as (...args: unknown[]) => void
    workspace.on(event as string as 'call', call)
    return () => workspace.off(event as string as 'call', call)
  }

  /**
   * Resolves with what `find` returns as soon as that is something; looks again after everything that happens.
   * Raises Error after `timeoutMs`, naming `what`.
   */
  waitFor<Found>(
    find: () => Found | undefined | null | false,
    timeoutMs: number,
    what = 'what was waited for',
    signal?: AbortSignal,
  ): Promise<Found> {
    return new Promise((resolve, reject) => {
      const stops: (() => void)[] = []
      const end = (act: () => void) => {
        for (const stop of stops) stop()
        act()
      }
      const look = () => {
        try {
          const found = find()
          if (found !== undefined && found !== null && found !== false) end(() => resolve(found))
          return found
        } catch (error) {
          return end(() => reject(error))
        }
      }
      const limit = setTimeout(
        () => end(() => reject(new Error(`waiting for ${what}: not seen within ${timeoutMs} ms`))),
        timeoutMs,
      )
      stops.push(() => clearTimeout(limit))
      const abort = () => end(() => reject(signal?.reason as Error))
      signal?.addEventListener('abort', abort)
      stops.push(() => signal?.removeEventListener('abort', abort))
      for (const event of [
        'message',
        'update',
        'delete',
        'ephemeral',
        'view',
        'home',
        'upload',
        'call',
        'connection',
      ] as const) {
        stops.push(this.on(event, () => void look()))
      }
      look()
    })
  }

  #visible(userId: string, channelId: string): readonly Message[] {
    this.#inside(userId, channelId)
    return this.#parts.workspace
      .messagesIn(channelId)
      .filter((message) => message.visible_to === undefined || message.visible_to === userId)
  }

  #inside(userId: string, channelId: string): void {
    const { workspace } = this.#parts
    if (!workspace.users.has(userId)) throw new Error(`there is no user ${userId}`)
    const channel = workspace.channels.get(channelId)
    if (channel === undefined) throw new Error(`there is no channel ${channelId}`)
    if (!channel.members.has(userId)) throw new Error(`${userId} is not in ${channelId}`)
  }

  /** `@dana` and `#billing` become Slack's markup, as with `should_escape: true`. */
  #mentions(text: string): string {
    const { users, channels } = this.#parts.workspace
    return text.replace(/(^|\s)([@#])([\w.-]+)/g, (whole, before: string, sign: string, name: string) => {
      const user = sign === '@' ? [...users.values()].find((known) => known.name === name) : undefined
      if (user !== undefined) return `${before}<@${user.id}>`
      const channel = sign === '#' ? [...channels.values()].find((known) => known.name === name) : undefined
      return channel === undefined ? whole : `${before}<#${channel.id}|${channel.name}>`
    })
  }
}

async function tried(act: () => Promise<void> | undefined): Promise<ActionResult> {
  try {
    await act()
    return { ok: true }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) }
  }
}

function escapedText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
