import { notEverybodyTold } from '../messages/answers/refused.ts'
import type { Message } from '../messages/blocks/message.ts'
import type { CommandContext } from './command-context.ts'
import { type Answer, silent, tell } from './respond.ts'

/** Says something in every one of these channels; where Slack does not take it, whoever caused it is told. */
export async function announced(
  channels: readonly string[],
  message: Message,
  context: CommandContext,
): Promise<Answer> {
  const outcomes = await Promise.allSettled(channels.map((channel) => context.announce(channel, message)))
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  if (failed.length === 0) return silent
  for (const err of failed) context.log.warn({ err }, 'announcing in a channel')
  return tell(notEverybodyTold(message))
}
