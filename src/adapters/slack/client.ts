import { isDeepStrictEqual } from 'node:util'
import { SlackTrouble } from './errors.ts'
import type { AnyBlock, Chat, MessageMark, OutgoingMessage, PostedMessage } from './port.ts'
import { type SlackAccess, type SlackCall, slackCalls } from './web-client.ts'

export function openChat(access: SlackAccess): Chat {
  const call = slackCalls(access)
  return {
    post: (channel, message, { threadTs, mark }, signal) =>
      call(`posting to ${channel}`, signal, async (client) => {
        const posted = await client.chat.postMessage({
          channel,
          ...contentOf(message),
          ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
          ...(mark === undefined ? {} : { metadata: metadataOf(mark) }),
          unfurl_links: false,
          unfurl_media: false,
        })
        return { channel: posted.channel ?? channel, ts: posted.ts ?? '' }
      }),

    findMarked: (channel, mark, since, signal) => findMarked(channel, mark, { since, signal }, call),

    postEphemeral: (channel, user, message, signal) =>
      call(`telling ${user} in ${channel}`, signal, async (client) => {
        await client.chat.postEphemeral({ channel, user, ...contentOf(message) })
      }),

    update: (posted, message, signal) =>
      call(`updating a message in ${posted.channel}`, signal, async (client) => {
        await client.chat.update({ channel: posted.channel, ts: posted.ts, ...contentOf(message) })
      }),

    uploadText: (where, file, signal) =>
      call(`uploading ${file.name} to ${where.channel}`, signal, async (client) => {
        await client.filesUploadV2({
          channel_id: where.channel,
          thread_ts: where.threadTs,
          filename: file.name,
          title: file.title,
          // Slack refuses an upload of no bytes.
          content: file.content === '' ? '\n' : file.content,
          ...(file.comment === undefined ? {} : { initial_comment: file.comment }),
        })
      }),

    publishHome: (user, view, signal) =>
      call(`showing App Home to ${user}`, signal, async (client) => {
        await client.views.publish({ user_id: user, view })
      }),

    permalink: (posted, signal) => permalink(posted, signal, call),
  }
}

/** Slack gives so many messages at most without saying that an app asks for too many. */
const pageOfMessages = 200
/** A channel in which more was said within minutes is not searched to its end. */
const mostPages = 10

async function findMarked(
  channel: string,
  mark: MessageMark,
  { since, signal }: { readonly since: Date; readonly signal: AbortSignal },
  call: SlackCall,
): Promise<PostedMessage | undefined> {
  const oldest = (since.getTime() / 1_000).toFixed(6)
  let cursor: string | undefined
  for (let page = 0; page < mostPages; page += 1) {
    const answer = await call(`looking for a message in ${channel}`, signal, (client) =>
      client.conversations.history({
        channel,
        oldest,
        limit: pageOfMessages,
        include_all_metadata: true,
        ...(cursor === undefined ? {} : { cursor }),
      }),
    )
    const found = answer.messages?.find(({ bot_id: bot, metadata }) => bot !== undefined && hasMark(metadata, mark))
    if (found?.ts !== undefined) return { channel, ts: found.ts }
    cursor = answer.response_metadata?.next_cursor
    if (cursor === undefined || cursor === '') return undefined
  }
  return undefined
}

function hasMark(
  metadata: { readonly event_type?: string; readonly event_payload?: object } | undefined,
  mark: MessageMark,
): boolean {
  return (
    metadata?.event_type === mark.eventType && isDeepStrictEqual({ ...metadata.event_payload }, { ...mark.payload })
  )
}

function metadataOf({ eventType, payload }: MessageMark) {
  return { event_type: eventType, event_payload: { ...payload } }
}

async function permalink(posted: PostedMessage, signal: AbortSignal, call: SlackCall): Promise<string | undefined> {
  try {
    return await call(`linking to a message in ${posted.channel}`, signal, async (client) => {
      const answer = await client.chat.getPermalink({ channel: posted.channel, message_ts: posted.ts })
      return answer.permalink
    })
  } catch (error) {
    if (error instanceof SlackTrouble && error.code === 'message_not_found') return undefined
    throw error
  }
}

function contentOf(message: OutgoingMessage): { text: string; blocks?: AnyBlock[] } {
  return { text: message.text, ...(message.blocks === undefined ? {} : { blocks: [...message.blocks] }) }
}
