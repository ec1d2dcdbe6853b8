import { whyNot } from '../adapters/slack/port.ts'
import type { Listed } from './authorise.ts'
import type { CommandContext } from './command-context.ts'

/**
 * Whether a list of the policy has somebody in it. Who is named by id is decided without Slack; so is nobody's right lost by
 * a group that cannot be read, as long as another one has them.
 */
export async function listed(context: CommandContext, user: string, list: readonly string[]): Promise<Listed> {
  if (list.includes(user)) return true
  const groups = list.filter((id) => id.startsWith('S'))
  return isAmong(context, user, groups, (group) => context.directory.groupMembers(group))
}

/** The first of some channels in which somebody is; `unread` says why that could not be found out of all of them. */
export interface Place {
  readonly channel: string | undefined
  readonly unread: string | undefined
}

export async function placeIn(context: CommandContext, user: string, channels: readonly string[]): Promise<Place> {
  let unread: string | undefined
  for (const channel of channels) {
    const inside = await isAmong(context, user, [channel], (one) => context.directory.channelMembers(one))
    if (inside === true) return { channel, unread: undefined }
    if (inside !== false) unread ??= inside.why
  }
  return { channel: undefined, unread }
}

async function isAmong(
  context: CommandContext,
  user: string,
  lists: readonly string[],
  membersOf: CommandContext['directory']['groupMembers'],
): Promise<Listed> {
  const read = await Promise.all(
    lists.map(async (list) => {
      try {
        const { value, readAt, trouble } = await membersOf(list)
        return { list, has: value.includes(user), stale: trouble === undefined ? undefined : { readAt, why: trouble } }
      } catch (error) {
        context.log.warn({ err: error, list }, 'reading who is in a group or channel')
        return { list, has: undefined, why: whyNot(error) }
      }
    }),
  )
  const found = read.filter(({ has }) => has === true)
  const unread = read.flatMap((one) => (one.has === undefined ? [one] : []))
  // What decides is told: the list that has them, or all of those that do not.
  const decisive = found.find((one) => one.stale === undefined) ?? found[0]
  for (const one of decisive === undefined ? read : [decisive])
    if (one.stale !== undefined) context.staleLists?.push({ list: one.list, ...one.stale })
  if (decisive !== undefined) return true
  if (unread.length === 0) return false
  return { unread: unread.map(({ list }) => list), why: unread[0]?.why ?? '' }
}
