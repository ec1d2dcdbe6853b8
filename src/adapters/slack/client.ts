import { SlackTrouble } from './errors.ts'
import type { AnyBlock, Chat, OutgoingMessage, PostedMessage } from './port.ts'
import { type SlackAccess, type SlackCall, slackCalls } from './web-client.ts'

export function openChat(access: SlackAccess): Chat {
  const call = slackCalls(access)
  return {
    post: (channel, message, { threadTs }, signal) =>
      call(`posting to ${channel}`, signal, async (client) => {
        const posted = await client.chat.postMessage({
          channel,
          ...contentOf(message),
          ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
          unfurl_links: false,
          unfurl_media: false,
        })
        return { channel: posted.channel ?? channel, ts: posted.ts ?? '' }
      }),

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
