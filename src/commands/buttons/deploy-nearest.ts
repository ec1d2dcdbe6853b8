import { z } from 'zod'
import { type Answer, refuse } from '../respond.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import { deploy } from '../deploy.ts'

/** What the button carries: a value that Slack brings back as it was sent. */
const Asked = z.object({
  version: z.string(),
  environment: z.string(),
  dryRun: z.boolean(),
  rotateSecret: z.boolean(),
  overrideFreeze: z.string().optional(),
})

/** Carries out the button that a mistyped version was answered with: the same command, with the tag that is there. */
export async function deployNearest(caller: Caller, value: string, context: CommandContext): Promise<Answer> {
  const asked = Asked.safeParse(parsed(value)).data
  return asked === undefined
    ? refuse('This button is out of date. Type the command again.')
    : deploy(caller, asked, context)
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
