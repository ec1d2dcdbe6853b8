import { z } from 'zod'
import { refusal, unknownCommand } from '../messages/answers/answers.ts'
import { readTicket } from '../messages/board/actions.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { parseCommand } from './grammar.ts'
import { homeCaller, homePresses } from './home.ts'
import { answerPresses, presses } from './interactions.ts'
import { type Answer, type Received, refuse } from './respond.ts'

/** What somebody typed after the slash command or pressed: all that is needed to carry it out, now or after a restart. */
export const Asked = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('command'), command: z.string(), text: z.string() }),
  z.object({ kind: z.literal('press'), actionId: z.string(), value: z.string() }),
])
export type Asked = z.infer<typeof Asked>

export function isOfHome(asked: Asked): boolean {
  return asked.kind === 'press' && asked.actionId in homePresses
}

/** What the audit keeps of it. Of a press: the run, and the plan that its button showed. */
export function recordOf(asked: Asked): Received {
  if (asked.kind === 'command') return { kind: 'command', text: `${asked.command} ${asked.text}` }
  const { actionId, value } = asked
  if (isOfHome(asked)) return { kind: 'press', text: `button ${actionId} of ${value}` }
  if (actionId in answerPresses) return { kind: 'press', text: `button ${actionId} ${value}` }
  const ticket = readTicket(value)
  if (ticket === undefined) return { kind: 'press', text: `button ${actionId}` }
  const { run, plan } = ticket
  return {
    kind: 'press',
    text: `button ${actionId} of run #${run}`,
    run,
    facts: { action: actionId, shown: plan ?? null },
  }
}

export async function carryOut(asked: Asked, caller: Caller, context: CommandContext): Promise<Answer> {
  if (asked.kind === 'command') return parseAndDispatch(caller, asked.text, context)
  const { actionId, value } = asked
  const ofHome = homePresses[actionId]
  if (ofHome !== undefined) return ofHome(await homeCaller(caller.user, value, context), value, context)
  const ofAnswer = answerPresses[actionId]
  if (ofAnswer !== undefined) return ofAnswer(caller, value, context)
  const [press, ticket] = [presses[actionId], readTicket(value)]
  if (press === undefined || ticket === undefined)
    return refuse('This button is out of date.', 'See `/billing status`.')
  return press(caller, ticket, context)
}

function parseAndDispatch(caller: Caller, text: string, context: CommandContext): Promise<Answer> | Answer {
  const parsed = parseCommand(text, Object.keys(context.config.environments))
  if (parsed.ok) return parsed.act(caller, context)
  if (parsed.kind === 'unknown')
    return { kind: 'tell', message: unknownCommand(parsed.typed, parsed.nearest, parsed.usage) }
  return { kind: 'tell', message: refusal(parsed.text, `Usage: \`${parsed.usage}\``) }
}
