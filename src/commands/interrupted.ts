import { z } from 'zod'
import { PurserError } from '../errors.ts'
import { lateNote, notCarriedOut } from '../messages/answers/interrupted.ts'
import { onlyNotes, withNotes } from '../messages/answers/looks.ts'
import { dialogNotOpened } from '../messages/answers/not-shown.ts'
import type { Message } from '../messages/blocks/message.ts'
import type { InterruptedRequest } from '../store/requests.ts'
import { Asked } from './asked.ts'
import { Claim } from './caller.ts'
import type { CommandContext } from './command-context.ts'
import { boardLimitMs, whyNoBoard } from './deliver.ts'
import { answerTo, type Kept } from './front-door.ts'
import { homeCaller } from './home.ts'

/*
 * What a process acknowledged and did not get done before it ended. Slack does not send it again, so another process carries it
 * out, as if it came now: the same guards, the same audit. A run or a decision ends the request in its own transaction, so neither
 * is made twice. A look or a lock may be: it comes to the same.
 */

/** The age up to which something is still carried out: whoever waited longer has asked again, or decided otherwise. */
const lateMs = 5 * 60_000
/** A request that ended so many processes may be what ends them. */
const mostProcesses = 3

const KeptRequest = z.object({ claim: Claim, asked: Asked })

/** Answers a request that another process left; whoever asked is told that it is late. Safe to repeat. */
export async function answerInterrupted(interrupted: InterruptedRequest, context: CommandContext): Promise<void> {
  const { id, ageMs, takenOver } = interrupted
  const kept = KeptRequest.safeParse(interrupted.request).data
  if (kept === undefined) {
    context.log.error({ request: id }, 'a kept request of Slack is of another release, and cannot be carried out')
    return context.requests.done(id)
  }
  context.log.warn({ user: kept.claim.user, what: whatOf(kept), ageMs, takenOver }, 'taking over a request of Slack')
  const caller = { user: kept.claim.user, channel: await placeOf(kept, context) }
  if (ageMs > lateMs || takenOver > mostProcesses) await context.tellPrivately(caller, notCarriedOut(whatOf(kept)))
  else
    for (const message of await carriedOut(kept, { ...context, request: id }))
      await context.tellPrivately(caller, message)
  await context.requests.done(id)
}

/** Carries it out. Returns what to tell whoever asked: that it is late, also where a board or a thread tells the rest. */
async function carriedOut(kept: Kept, context: CommandContext): Promise<readonly Message[]> {
  const answer = await answerTo(kept, context)
  const notes = [lateNote(whatOf(kept))]
  switch (answer.kind) {
    case 'tell':
      return [withNotes(answer.message, notes)]
    // What was pressed opens no dialog any more: Slack gives three seconds.
    case 'open':
      return [withNotes(dialogNotOpened(), notes)]
    case 'silent':
      return [onlyNotes(notes)]
    case 'board': {
      const refused = await whyNoBoard(answer.run, boardLimitMs, context)
      return [answer.beside, refused, onlyNotes(notes)].filter((message) => message !== undefined)
    }
  }
}

/**
 * Where they can be told: the channel in which they asked. App Home has none, so it is told where the same press would act.
 * Raises where nobody can be told, and while Slack does not tell who somebody is: it is tried again then.
 */
async function placeOf({ claim, asked }: Kept, context: CommandContext): Promise<string> {
  await context.directory.person(claim.user).catch((error: unknown) => {
    // What stays so is told by the guard.
    if (!(error instanceof PurserError) || error.transient) throw error
  })
  if (claim.channel !== '' || asked.kind !== 'press') return claim.channel
  return (await homeCaller(claim.user, asked.value, context)).channel
}

/** As it was typed; undefined for a button. */
function whatOf({ asked }: Kept): string | undefined {
  return asked.kind === 'command' ? `${asked.command} ${asked.text}`.trim() : undefined
}
