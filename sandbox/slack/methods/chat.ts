import { problemText, validateMessageBlocks } from '../block-kit/validate.ts'
import { type Block, type Channel, type Json, type Message, SlackRefusal } from '../model.ts'
import { escaped, withIds, type Workspace } from '../workspace.ts'
import { flagArg, jsonArg, type Method, requiredArg, textArg } from './method.ts'

const longestText = 40_000
const longestEditedText = 4000

interface Content {
  readonly text: string | undefined
  readonly blocks: readonly Block[] | undefined
  readonly attachments: readonly Json[] | undefined
  readonly metadata: Json | undefined
}

/** The content arguments of a message, checked as Slack does. */
export function contentOf(args: Json, limits: { readonly textLimit?: boolean } = {}): Content {
  const markdown = textArg(args, 'markdown_text')
  const given = jsonArg(args, 'blocks', 'invalid_blocks_format')
  if (markdown !== undefined && (given !== undefined || textArg(args, 'text') !== undefined)) {
    throw new SlackRefusal('markdown_text_conflict')
  }
  const raw = markdown === undefined ? given : [{ type: 'markdown', text: markdown }]
  if (raw !== undefined) {
    const verdict = validateMessageBlocks(raw, limits)
    if (!verdict.ok) throw refusedBlocks(verdict.error, verdict.problems.map(problemText))
  }
  const attachments = jsonArg(args, 'attachments', 'invalid_attachments')
  if (attachments !== undefined && !Array.isArray(attachments)) throw new SlackRefusal('invalid_attachments')
  if (Array.isArray(attachments) && attachments.length > 100) throw new SlackRefusal('too_many_attachments')
  const metadata = jsonArg(args, 'metadata', 'invalid_metadata_format')
  return {
    text: textArg(args, 'text') ?? markdown,
    blocks: raw === undefined ? undefined : withIds(raw as Json[]),
    attachments: attachments as Json[] | undefined,
    metadata: metadata as Json | undefined,
  }
}

function refusedBlocks(error: string, texts: readonly string[]): SlackRefusal {
  if (error !== 'invalid_blocks') return new SlackRefusal(error)
  return new SlackRefusal(error, {
    errors: texts,
    response_metadata: { messages: texts.map((text) => `[ERROR] ${text}`) },
  })
}

export function requireSomething(content: Content): void {
  const nothing = content.blocks === undefined || content.blocks.length === 0
  if (content.text === undefined && nothing && (content.attachments ?? []).length === 0) {
    throw new SlackRefusal('no_text')
  }
}

/** The channel, when the bot may speak there. */
export function writableChannel(workspace: Workspace, reference: string): Channel {
  const channel = workspace.findChannel(reference)
  if (channel === undefined) throw new SlackRefusal('channel_not_found')
  if (!channel.members.has(workspace.botUserId)) {
    throw new SlackRefusal(channel.kind === 'public' ? 'not_in_channel' : 'channel_not_found')
  }
  if (channel.kind === 'direct' && !workspace.messagesTab) throw new SlackRefusal('messages_tab_disabled')
  return channel
}

export function shownOutside(message: Message): Json {
  const { visible_to: _who, edits: _edits, channel: _channel, ...shown } = message
  return { ...shown, ...(message.blocks === undefined ? {} : { blocks: message.blocks }) }
}

/** Text that stands for blocks without text, as Slack derives it for notifications. */
function derivedText(content: Content): string {
  return content.text ?? (content.blocks === undefined ? '' : 'This content can’t be displayed.')
}

export const chatMethods: Readonly<Record<string, Method>> = {
  'chat.postMessage': {
    tier: 'message',
    scope: 'chat:write',
    run(args, { workspace }) {
      const channel = writableChannel(workspace, requiredArg(args, 'channel', 'channel_not_found'))
      const content = contentOf(args)
      requireSomething(content)
      const threadTs = textArg(args, 'thread_ts')
      const message = workspace.post({
        channel: channel.id,
        user: workspace.botUserId,
        text: derivedText(content).slice(0, longestText),
        ...(content.blocks === undefined ? {} : { blocks: content.blocks }),
        ...(content.attachments === undefined ? {} : { attachments: content.attachments }),
        ...(content.metadata === undefined ? {} : { metadata: content.metadata }),
        ...(threadTs === undefined ? {} : { threadTs: threadRoot(workspace, channel.id, threadTs) }),
        broadcast: flagArg(args, 'reply_broadcast'),
      })
      return { channel: channel.id, ts: message.ts, message: shownOutside(message) }
    },
  },

  'chat.update': {
    tier: 3,
    scope: 'chat:write',
    run(args, { workspace }) {
      const reference = requiredArg(args, 'channel', 'channel_not_found')
      const channel = workspace.channels.get(reference)
      if (channel === undefined) throw new SlackRefusal('channel_not_found')
      const message = persistent(workspace, channel.id, requiredArg(args, 'ts', 'message_not_found'))
      if (message.user !== workspace.botUserId) throw new SlackRefusal('cant_update_message')
      const content = contentOf(args)
      if (content.blocks === undefined) requireSomething(content)
      if ((content.text?.length ?? 0) > longestEditedText) throw new SlackRefusal('msg_too_long')
      rewrite(message, content, workspace)
      return { channel: channel.id, ts: message.ts, text: message.text, message: shownOutside(message) }
    },
  },

  'chat.postEphemeral': {
    tier: 4,
    scope: 'chat:write',
    run(args, { workspace }) {
      const channel = writableChannel(workspace, requiredArg(args, 'channel', 'channel_not_found'))
      const user = requiredArg(args, 'user', 'user_not_in_channel')
      if (!channel.members.has(user)) throw new SlackRefusal('user_not_in_channel')
      const content = contentOf(args)
      requireSomething(content)
      const threadTs = textArg(args, 'thread_ts')
      const message = workspace.post({
        channel: channel.id,
        user: workspace.botUserId,
        text: derivedText(content),
        ...(content.blocks === undefined ? {} : { blocks: content.blocks }),
        ...(threadTs === undefined ? {} : { threadTs }),
        visibleTo: user,
      })
      return { message_ts: message.ts }
    },
  },

  'chat.delete': {
    tier: 3,
    scope: 'chat:write',
    run(args, { workspace }) {
      const channel = workspace.channels.get(requiredArg(args, 'channel', 'channel_not_found'))
      if (channel === undefined) throw new SlackRefusal('channel_not_found')
      const message = persistent(workspace, channel.id, requiredArg(args, 'ts', 'message_not_found'))
      if (message.user !== workspace.botUserId) throw new SlackRefusal('cant_delete_message')
      workspace.remove(message)
      return { channel: channel.id, ts: message.ts }
    },
  },

  'chat.getPermalink': {
    tier: 'special',
    run(args, { workspace, origin }) {
      const channel = workspace.channels.get(requiredArg(args, 'channel', 'channel_not_found'))
      if (channel === undefined) throw new SlackRefusal('channel_not_found')
      const message = persistent(workspace, channel.id, requiredArg(args, 'message_ts', 'message_not_found'))
      const thread = message.thread_ts === undefined ? '' : `?thread_ts=${message.thread_ts}&cid=${channel.id}`
      const permalink = `${origin}/archives/${channel.id}/p${message.ts.replace('.', '')}${thread}`
      return { channel: channel.id, permalink }
    },
  },
}

/** Replies hang on the first message of a thread, also when a reply was named. */
function threadRoot(workspace: Workspace, channelId: string, ts: string): string {
  return workspace.findMessage(channelId, ts)?.thread_ts ?? ts
}

/** A message that everybody sees: ephemeral ones cannot be changed through the API. */
function persistent(workspace: Workspace, channelId: string, ts: string): Message {
  const message = workspace.findMessage(channelId, ts)
  if (message === undefined || message.is_ephemeral === true) throw new SlackRefusal('message_not_found')
  return message
}

/** `text` without `blocks` removes the blocks; attachments and metadata stay unless given. */
export function rewrite(message: Message, content: Content, workspace: Workspace): void {
  if (content.text !== undefined) message.text = escaped(content.text)
  if (content.blocks === undefined || content.blocks.length === 0) delete message.blocks
  else message.blocks = content.blocks
  if (content.attachments !== undefined) message.attachments = content.attachments
  if (content.metadata !== undefined) message.metadata = content.metadata
  if (content.blocks === undefined) message.edited = { user: message.user, ts: workspace.nextTs() }
  message.edits = (message.edits ?? 0) + 1
  workspace.changed(message)
}
