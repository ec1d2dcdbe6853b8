import { type Channel, type Json, type Message, SlackRefusal, type User } from '../model.ts'
import { teamId, type Workspace } from '../workspace.ts'
import { shownOutside } from './chat.ts'
import { flagArg, type Method, type MethodWorld, page, requiredArg, textArg } from './method.ts'

function described(channel: Channel, workspace: Workspace): Json {
  const direct = channel.kind === 'direct'
  return {
    id: channel.id,
    ...(direct
      ? { user: [...channel.members].find((member) => member !== workspace.botUserId) }
      : { name: channel.name, name_normalized: channel.name }),
    is_channel: channel.kind === 'public',
    is_group: channel.kind === 'private',
    is_im: direct,
    is_private: channel.kind !== 'public',
    is_archived: false,
    is_member: channel.members.has(workspace.botUserId),
    num_members: channel.members.size,
    context_team_id: teamId,
  }
}

/** A channel the bot can see: any public one, others only from inside. */
function visible(args: Json, workspace: Workspace): Channel {
  const channel = workspace.channels.get(requiredArg(args, 'channel', 'channel_not_found'))
  if (channel === undefined || (channel.kind !== 'public' && !channel.members.has(workspace.botUserId))) {
    throw new SlackRefusal('channel_not_found')
  }
  return channel
}

function readable(args: Json, workspace: Workspace): Channel {
  const channel = visible(args, workspace)
  if (!channel.members.has(workspace.botUserId)) throw new SlackRefusal('not_in_channel')
  return channel
}

function historyScope(args: Json, { workspace }: MethodWorld): string {
  return workspace.channels.get(textArg(args, 'channel') ?? '')?.kind === 'private'
    ? 'groups:history'
    : 'channels:history'
}

/** Without `include_all_metadata` only the type of metadata is told. https://docs.slack.dev/messaging/message-metadata */
function inHistory(message: Message, args: Json): Json {
  const { metadata, ...shown } = shownOutside(message)
  if (metadata === undefined) return shown
  const { event_type: type } = metadata as { readonly event_type?: string }
  return { ...shown, metadata: flagArg(args, 'include_all_metadata') ? metadata : { event_type: type } }
}

export const conversationMethods: Readonly<Record<string, Method>> = {
  'conversations.info': {
    tier: 3,
    scope: 'channels:read',
    run: (args, { workspace }) => ({ channel: described(visible(args, workspace), workspace) }),
  },
  'conversations.members': {
    tier: 4,
    scope: (args, { workspace }) =>
      workspace.channels.get(String(args['channel']))?.kind === 'private' ? 'groups:read' : 'channels:read',
    run(args, { workspace }) {
      const { items, metadata } = page([...visible(args, workspace).members], args)
      return { members: items, response_metadata: metadata }
    },
  },
  'conversations.list': {
    tier: 2,
    scope: 'channels:read',
    run(args, { workspace }) {
      const seen = [...workspace.channels.values()].filter(
        (channel) => channel.kind === 'public' || channel.members.has(workspace.botUserId),
      )
      const { items, metadata } = page(seen, args)
      return { channels: items.map((channel) => described(channel, workspace)), response_metadata: metadata }
    },
  },
  'conversations.open': {
    tier: 3,
    scope: 'im:write',
    run(args, { workspace }) {
      const users = requiredArg(args, 'users').split(',')
      if (users.length > 1)
        throw new SlackRefusal('not_supported', { detail: 'the sandbox has no group conversations' })
      if (!workspace.users.has(users[0]!)) throw new SlackRefusal('user_not_found')
      const channel = workspace.directChannel(users[0]!)
      return { channel: args.return_im === undefined ? { id: channel.id } : described(channel, workspace) }
    },
  },
  'conversations.join': {
    tier: 3,
    scope: 'channels:join',
    run(args, { workspace }) {
      const channel = visible(args, workspace)
      if (channel.kind !== 'public') throw new SlackRefusal('method_not_supported_for_channel_type')
      channel.members.add(workspace.botUserId)
      return { channel: described(channel, workspace) }
    },
  },
  'conversations.history': {
    tier: 3,
    scope: historyScope,
    run(args, { workspace }) {
      const channel = readable(args, workspace)
      const oldest = textArg(args, 'oldest')
      const latest = textArg(args, 'latest')
      const top = workspace
        .messagesIn(channel.id)
        .filter((message) => message.is_ephemeral !== true)
        .filter((message) => message.thread_ts === undefined || message.reply_broadcast === true)
        .filter(
          (message) => (oldest === undefined || message.ts > oldest) && (latest === undefined || message.ts < latest),
        )
      const { items, metadata } = page(top.toReversed(), args)
      return {
        messages: items.map((message) => inHistory(message, args)),
        has_more: metadata.next_cursor !== '',
        response_metadata: metadata,
      }
    },
  },
  'conversations.replies': {
    tier: 3,
    scope: historyScope,
    run(args, { workspace }) {
      const channel = readable(args, workspace)
      const ts = requiredArg(args, 'ts')
      const root = workspace.findMessage(channel.id, ts)
      if (root === undefined || root.is_ephemeral === true) throw new SlackRefusal('thread_not_found')
      const thread = workspace
        .messagesIn(channel.id)
        .filter((message) => message.is_ephemeral !== true && (message.ts === ts || message.thread_ts === ts))
      const { items, metadata } = page(thread, args)
      return {
        messages: items.map((message) => inHistory(message, args)),
        has_more: metadata.next_cursor !== '',
        response_metadata: metadata,
      }
    },
  },
  'users.info': {
    tier: 4,
    scope: 'users:read',
    run(args, { workspace }) {
      const user = workspace.users.get(requiredArg(args, 'user', 'user_not_found'))
      if (user === undefined) throw new SlackRefusal('user_not_found')
      return { user: person(user) }
    },
  },
  'usergroups.users.list': {
    tier: 2,
    scope: 'usergroups:read',
    run(args, { workspace }) {
      const group = workspace.userGroups.get(requiredArg(args, 'usergroup', 'no_such_subteam'))
      if (group === undefined) throw new SlackRefusal('no_such_subteam')
      return { users: group.users }
    },
  },
}

/** As `users.info` shows a person: https://docs.slack.dev/reference/objects/user-object */
function person(user: User): Json {
  const about = {
    id: user.id,
    team_id: user.teamId,
    name: user.name,
    deleted: user.deleted === true,
    real_name: user.realName,
    is_bot: user.isBot,
    is_app_user: false,
    updated: 0,
    profile: { real_name: user.realName, display_name: user.name, team: user.teamId },
  }
  // Slack has less to say of who is gone, and marks strangers only where they are.
  if (user.deleted === true) return about
  return {
    ...about,
    tz: 'Etc/UTC',
    tz_label: 'Coordinated Universal Time',
    tz_offset: 0,
    is_admin: false,
    is_owner: false,
    is_primary_owner: false,
    is_restricted: user.guest !== undefined,
    is_ultra_restricted: user.guest === 'single-channel',
    ...(user.teamId === teamId ? {} : { is_stranger: true }),
  }
}
