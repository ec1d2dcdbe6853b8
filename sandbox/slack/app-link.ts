import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ack, Delivery, EnvelopeType } from './delivery.ts'
import { type Json, type Message, SlackRefusal, type View } from './model.ts'
import { shownOutside } from './methods/chat.ts'
import { answerInChannel, type ResponseUrls } from './response-urls.ts'
import type { Triggers } from './triggers.ts'
import { appId, newId, slackbot, teamDomain, teamId, type Workspace } from './workspace.ts'

/** What a person sees right after acting. */
export interface ActionResult {
  readonly ok: boolean
  /** `operation_timeout`, `dispatch_failed`, or what was wrong with the app's answer. */
  readonly error?: string
  /** The app's immediate answer, when it gave one. */
  readonly reply?: Message
}

interface AppLinkOptions {
  readonly workspace: Workspace
  readonly triggers: Triggers
  readonly responseUrls: ResponseUrls
  readonly delivery: Delivery
  /** Milliseconds to wait before each repeat of an event that was not acknowledged. */
  readonly eventRetriesMs: readonly number[]
  readonly closing: AbortSignal
}

/** What Slack sends to the app: commands, clicks, dialogs, events. */
export class AppLink {
  readonly #options: AppLinkOptions

  constructor(options: AppLinkOptions) {
    this.#options = options
  }

  send(type: EnvelopeType, payload: Json): Promise<Ack> {
    return this.#options.delivery.send(type, payload)
  }

  async command(userId: string, channelId: string, command: string, text: string): Promise<ActionResult> {
    const { workspace, triggers, responseUrls } = this.#options
    const channel = workspace.channels.get(channelId)!
    const { id, domain } = this.#teamOf(userId)
    const ack = await this.send('slash_commands', {
      token: 'sandbox',
      team_id: id,
      team_domain: domain,
      channel_id: channelId,
      channel_name:
        channel.kind === 'direct' ? 'directmessage' : channel.kind === 'private' ? 'privategroup' : channel.name,
      user_id: userId,
      user_name: workspace.users.get(userId)?.name,
      command,
      text,
      api_app_id: appId,
      is_enterprise_install: 'false',
      response_url: responseUrls.issue(channelId, userId),
      trigger_id: triggers.issue(userId),
    })
    if (!ack.ok) return this.#failed(userId, channelId, `${command} failed with the error "${ack.error}"`, ack.error)
    if (ack.body === undefined) return { ok: true }
    if (ack.body.response_type === 'in_channel') {
      workspace.post({ channel: channelId, user: userId, text: `${command} ${text}`.trim() })
    }
    try {
      return { ok: true, reply: answerInChannel(workspace, { channel: channelId, userId }, ack.body) }
    } catch (error) {
      if (!(error instanceof SlackRefusal)) throw error
      return this.#failed(userId, channelId, `${command} failed with the error "${error.error}"`, error.error)
    }
  }

  /** Tells a person something as Slackbot does, so that only this person sees it. */
  #failed(userId: string, channel: string, text: string, error: string): ActionResult {
    const reply = this.#options.workspace.post({ channel, user: slackbot, text, visibleTo: userId })
    return { ok: false, error, reply }
  }

  refuse(userId: string, channel: string, text: string): ActionResult {
    return this.#failed(userId, channel, text, 'not_a_command')
  }

  async messageAction(userId: string, message: Message, action: Json, state: Json): Promise<ActionResult> {
    const { workspace, responseUrls } = this.#options
    const channel = workspace.channels.get(message.channel)!
    const ephemeral = message.is_ephemeral === true
    const ack = await this.send('interactive', {
      ...this.#action(userId, action, state),
      response_url: responseUrls.issue(channel.id, userId, message),
      container: {
        type: 'message',
        message_ts: message.ts,
        channel_id: channel.id,
        is_ephemeral: ephemeral,
        ...(message.thread_ts === undefined ? {} : { thread_ts: message.thread_ts }),
      },
      channel: { id: channel.id, name: channel.name },
      ...(ephemeral ? {} : { message: shownOutside(message) }),
    })
    return ack.ok ? { ok: true } : { ok: false, error: ack.error }
  }

  async viewAction(userId: string, view: View, action: Json, state: Json): Promise<ActionResult> {
    const ack = await this.send('interactive', {
      ...this.#action(userId, action, state),
      container: { type: 'view', view_id: view.id },
      view: { ...view, state },
    })
    return ack.ok ? { ok: true } : { ok: false, error: ack.error }
  }

  #action(userId: string, action: Json, state: Json): Json {
    const actionTs = this.#options.workspace.nextTs()
    return { type: 'block_actions', ...this.#who(userId), state, actions: [{ ...action, action_ts: actionTs }] }
  }

  submission(userId: string, view: View, state: Json): Promise<Ack> {
    return this.send('interactive', {
      type: 'view_submission',
      ...this.#who(userId),
      view: { ...view, state },
      response_urls: [],
    })
  }

  closed(userId: string, view: View, isCleared: boolean): Promise<Ack> {
    const { trigger_id: _trigger, ...who } = this.#who(userId)
    return this.send('interactive', { type: 'view_closed', ...who, view, is_cleared: isCleared })
  }

  #who(userId: string): Json {
    const { workspace, triggers } = this.#options
    const name = workspace.users.get(userId)?.name
    return {
      user: { id: userId, username: name, name, team_id: this.#teamOf(userId).id },
      team: this.#teamOf(userId),
      api_app_id: appId,
      token: 'sandbox',
      enterprise: null,
      is_enterprise_install: false,
      trigger_id: triggers.issue(userId),
    }
  }

  /** Somebody of another organization acts with their own workspace, as Slack says of views in shared channels. */
  #teamOf(userId: string): { readonly id: string; readonly domain: string } {
    const id = this.#options.workspace.users.get(userId)?.teamId ?? teamId
    return { id, domain: id === teamId ? teamDomain : id.toLowerCase() }
  }

  /** Sends what was sent last once more: signed HTTP the very same bytes, Socket Mode the same payload. */
  replay(): Promise<Ack> {
    return this.#options.delivery.replay()
  }

  /** Sends an event; one that was not acknowledged is repeated later. Resolves after the first try to its outcome. */
  async event(event: Json): Promise<boolean> {
    const { workspace, delivery } = this.#options
    const payload = {
      token: 'sandbox',
      team_id: teamId,
      api_app_id: appId,
      event: { event_ts: workspace.nextTs(), ...event },
      type: 'event_callback',
      event_id: newId('Ev'),
      event_time: Math.floor(Date.now() / 1000),
      event_context: randomBytes(8).toString('hex'),
      is_ext_shared_channel: false,
      authorizations: [
        {
          enterprise_id: null,
          team_id: teamId,
          user_id: workspace.botUserId,
          is_bot: true,
          is_enterprise_install: false,
        },
      ],
    }
    const ack = await delivery.send('events_api', payload)
    if (!ack.ok) void this.#repeat(payload, ack)
    return ack.ok
  }

  async #repeat(payload: Json, first: Ack): Promise<void> {
    const { delivery, eventRetriesMs, closing } = this.#options
    let ack = first
    for (const [index, waitMs] of eventRetriesMs.entries()) {
      if (ack.ok) return
      await delay(waitMs, undefined, { signal: closing }).catch(() => undefined)
      if (closing.aborted) return
      const reason = ack.error === 'operation_timeout' ? 'http_timeout' : 'connection_failed'
      ack = await delivery.send('events_api', payload, { attempt: index + 1, reason })
    }
  }
}
