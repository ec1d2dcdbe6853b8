import type { Directory, SlackInstallation } from '../adapters/slack/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { Finding } from '../model/finding.ts'
import { counted } from '../text.ts'
import { lookBehind, missing, note, type Seen, works } from './look.ts'

/** What slack-manifest.yaml asks for. */
const neededScopes = [
  'commands',
  'chat:write',
  'files:write',
  'usergroups:read',
  'users:read',
  'channels:read',
  'groups:read',
] as const

/** With these a board is found that was posted just before a crash. */
const optionalScopes = ['channels:history', 'groups:history'] as const

interface SlackParts {
  readonly installation: SlackInstallation
  readonly directory: Directory
  readonly environments: PurserConfig['environments']
  /** Whether commands come by a socket, for which the app-level token is asked to open one. */
  readonly socket: boolean
}

/** Looks at the bot, its scopes, its channels, and the people and groups whom purser.yaml names. */
export function lookAtSlack(parts: SlackParts): Promise<readonly Finding[]> {
  const { installation, socket, environments } = parts
  return lookBehind('Slack', (signal) => botAndScopes(installation, signal), [
    ...(socket ? [(signal: AbortSignal) => appToken(installation, signal)] : []),
    ...channelsOf(environments).map((channel) => (signal: AbortSignal) => inChannel(parts, channel, signal)),
    (signal) => peopleAndGroups(parts, signal),
  ])
}

async function botAndScopes(installation: SlackInstallation, signal: AbortSignal): Promise<readonly Seen[]> {
  const { name, team, scopes } = await installation.bot(signal)
  const withoutHistory = optionalScopes.filter((scope) => !scopes.includes(scope))
  const lacking = neededScopes.filter((scope) => !scopes.includes(scope))
  return [
    works(`The bot is ${name} in ${team}.`),
    lacking.length === 0
      ? works(`The bot token has all ${neededScopes.length} scopes.`)
      : missing(
          `The bot token lacks ${lacking.join(', ')}.`,
          'Add them in the app under OAuth & Permissions, install it again, and set the new SLACK_BOT_TOKEN (slack-manifest.yaml).',
        ),
    ...(withoutHistory.length === 0
      ? []
      : [
          note(
            `The bot token lacks ${withoutHistory.join(', ')}, which are optional: after a crash a run can have two boards.`,
            'Add them to find the first one again (docs/slack-setup.md).',
          ),
        ]),
  ]
}

async function appToken(installation: SlackInstallation, signal: AbortSignal): Promise<readonly Seen[]> {
  await installation.opensSockets(signal)
  return [works('The app-level token may open connections.')]
}

function channelsOf(environments: PurserConfig['environments']): readonly string[] {
  return [...new Set(Object.values(environments).flatMap(({ policy }) => policy.channels))]
}

async function inChannel({ installation }: SlackParts, id: string, signal: AbortSignal): Promise<readonly Seen[]> {
  const channel = await installation.channel(id, signal)
  const invite = 'Type `/invite` with the name of the bot in that channel.'
  if (channel === undefined) return [missing(`The bot can't see the channel ${id}.`, `Correct its id, or: ${invite}`)]
  if (channel.isArchived)
    return [missing(`The channel #${channel.name} is archived.`, 'Unarchive it, or name a different one.')]
  return [
    channel.isMember ? works(`The bot is in #${channel.name}.`) : missing(`The bot isn't in #${channel.name}.`, invite),
  ]
}

async function peopleAndGroups({ directory, environments }: SlackParts, signal: AbortSignal): Promise<readonly Seen[]> {
  const named = Object.values(environments).flatMap(({ policy }) => [
    ...policy.deployers,
    ...policy.approvers,
    ...(policy.viewers ?? []),
    ...policy.breakGlass,
  ])
  const ids = [...new Set(named)]
  const troubles: Seen[] = []
  for (const id of ids)
    troubles.push(...(id.startsWith('S') ? await group(directory, id, signal) : await person(directory, id, signal)))
  const fine = ids.length - troubles.length
  return [
    ...(fine === 0
      ? []
      : [works(`Slack knows ${counted(fine, 'person or group', 'people and groups')} of purser.yaml.`)]),
    ...troubles,
  ]
}

async function group(directory: Directory, id: string, signal: AbortSignal): Promise<readonly Seen[]> {
  const { value: members } = await directory.groupMembers(id, signal)
  return members.length > 0 ? [] : [note(`The user group ${id} has no members.`, 'Fill it, or name people.')]
}

async function person(directory: Directory, id: string, signal: AbortSignal): Promise<readonly Seen[]> {
  const seen = await directory.person(id, signal)
  const mend = 'Correct the id in purser.yaml, or take it out.'
  if (seen === undefined) return [missing(`Slack knows nobody by ${id}.`, mend)]
  const why = seen.isDeactivated ? 'is deactivated' : seen.isBot ? 'is a bot' : seen.isGuest ? 'is a guest' : undefined
  return why === undefined ? [] : [missing(`${id} ${why}, so Purser refuses them.`, mend)]
}
