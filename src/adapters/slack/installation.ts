import type { Sensitive } from '../../sensitive.ts'
import { SlackTrouble } from './errors.ts'
import type { SlackInstallation } from './port.ts'
import { type SlackAccess, slackCalls } from './web-client.ts'

/** Looks at the tokens of the app; the app-level one is there in socket mode only. */
export function openInstallation(access: SlackAccess, appToken: Sensitive | undefined): SlackInstallation {
  const call = slackCalls(access)
  return {
    bot: (signal) =>
      call('asking who the bot is', signal, async (client) => {
        const { user = '', team = '', response_metadata: metadata } = await client.auth.test()
        return { name: user, team, scopes: metadata?.scopes ?? [] }
      }),

    channel: async (id, signal) => {
      try {
        return await call(`looking at the channel ${id}`, signal, async (client) => {
          const { channel = {} } = await client.conversations.info({ channel: id })
          return {
            name: channel.name ?? id,
            isMember: channel.is_member === true,
            isArchived: channel.is_archived === true,
          }
        })
      } catch (error) {
        if (error instanceof SlackTrouble && error.code === 'channel_not_found') return undefined
        throw error
      }
    },

    opensSockets: async (signal) => {
      if (appToken === undefined) throw new Error('there is no app-level token')
      const asApp = slackCalls({ ...access, token: appToken })
      await asApp('asking for the address of a connection', signal, (client) => client.apps.connections.open({}))
    },
  }
}
