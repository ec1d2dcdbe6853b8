import type { UsersInfoResponse, WebClient } from '@slack/web-api'
import { AnswerMemory } from './answer-memory.ts'
import { type SlackCode, SlackTrouble } from './errors.ts'
import type { Directory, SlackPerson, SlackWorkspace } from './port.ts'
import { type SlackAccess, type SlackCall, slackCalls } from './web-client.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Answers about the list itself: there is none, so the one that is remembered is over. */
const finalCodes: ReadonlySet<SlackCode> = new Set<SlackCode>(['no_such_subteam', 'channel_not_found'])

function isFinal(error: unknown): boolean {
  return error instanceof SlackTrouble && finalCodes.has(error.code)
}

/** Slack gives `usergroups.users.list` only about twenty calls a minute. */
const listLimits = { freshMs: minute, usableMs: 24 * hour, most: 200 }
/** Whoever was let go is refused after this, and after five times this when Slack cannot be asked. */
const personLimits = { freshMs: 3 * minute, usableMs: 15 * minute, most: 1_000 }
/** A token never changes its workspace. */
const workspaceLimits = { freshMs: Number.POSITIVE_INFINITY, usableMs: Number.POSITIVE_INFINITY, most: 1 }

/** Asks Slack who people are, and remembers the answers in this process. */
export function openDirectory(access: SlackAccess): Directory {
  const call = slackCalls(access)
  const people = new AnswerMemory<SlackPerson | undefined>(personLimits)
  const groups = new AnswerMemory<readonly string[]>(listLimits, isFinal)
  const channels = new AnswerMemory<readonly string[]>(listLimits, isFinal)
  const workspace = new AnswerMemory<SlackWorkspace>(workspaceLimits)
  return {
    workspace: async (signal) =>
      (await workspace.recall('', () => call('asking whose the bot token is', signal, workspaceOf))).value,
    person: async (user, signal) => (await people.recall(user, () => personOf(user, signal, call))).value,
    groupMembers: async (group, signal) =>
      groups.recall(group, () =>
        call(`reading the members of group ${group}`, signal, async (client) => {
          const answer = await client.usergroups.users.list({ usergroup: group })
          return answer.users ?? []
        }),
      ),
    channelMembers: async (channel, signal) => channels.recall(channel, () => membersOf(channel, signal, call)),
  }
}

async function workspaceOf(client: WebClient): Promise<SlackWorkspace> {
  const { team_id: team, enterprise_id: enterprise } = await client.auth.test()
  if (team === undefined) throw new Error('auth.test names no workspace')
  return { team, enterprise }
}

async function personOf(user: string, signal: AbortSignal, call: SlackCall): Promise<SlackPerson | undefined> {
  try {
    return await call(`asking who ${user} is`, signal, async (client) => seen((await client.users.info({ user })).user))
  } catch (error) {
    if (error instanceof SlackTrouble && (error.code === 'user_not_found' || error.code === 'user_not_visible'))
      return undefined
    throw error
  }
}

/** Slack leaves flags out that it thinks do not matter for somebody: a missing one is false. */
function seen(user: UsersInfoResponse['user'] = {}): SlackPerson {
  return {
    teams: [user.team_id ?? '', ...(user.enterprise_user?.teams ?? [])].filter((team) => team !== ''),
    isStranger: user.is_stranger === true,
    isGuest: user.is_restricted === true || user.is_ultra_restricted === true,
    isBot: user.is_bot === true || user.is_workflow_bot === true || user.is_connector_bot === true,
    isDeactivated: user.deleted === true,
  }
}

/** Slack gives at most a thousand a page; the time limit of the signal ends a channel that has too many. */
async function membersOf(channel: string, signal: AbortSignal, call: SlackCall): Promise<readonly string[]> {
  const members: string[] = []
  let cursor = ''
  do {
    const page = await call(`reading the members of ${channel}`, signal, (client) =>
      client.conversations.members({ channel, limit: 1_000, ...(cursor === '' ? {} : { cursor }) }),
    )
    members.push(...(page.members ?? []))
    cursor = page.response_metadata?.next_cursor ?? ''
  } while (cursor !== '')
  return members
}
