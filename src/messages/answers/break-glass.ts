import type { Run } from '../../model/run.ts'
import { mention, message, type Message, paragraph, words } from '../blocks/message.ts'

/** Tells everybody that a rollback began without approval. */
export function breakGlassAnnouncement(run: Run, onCall: string | undefined): Message {
  const called = onCall === undefined || onCall === '' ? '' : ` ${mention(onCall)}`
  const text = `${breakGlassLine(run)}${called}`
  return message(text, [paragraph(text)])
}

/** One line that says who broke the glass, what for, and why. */
export function breakGlassLine({ number, environment, parent, requestedBy, reason = '' }: Run): string {
  const what = parent === undefined ? '' : `run *#${parent}* in `
  return (
    `:warning: *Break-glass:* ${mention(requestedBy)} is rolling back ${what}*${words(environment, 60)}* ` +
    `without approval (run *#${number}*): ${words(reason, 300)}`
  )
}
