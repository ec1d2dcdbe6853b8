import type { BoardRefusal } from '../../model/board-refusal.ts'
import { escape } from '../blocks/marks.ts'
import { type Message, words } from '../blocks/message.ts'
import { counted } from '../../text.ts'
import { rungs } from '../blocks/ladder.ts'
import { refusal } from './answers.ts'

/** Tells whoever asked for a run that Slack lets nobody see it. */
export function boardNotShown(run: number, { message, hint = '' }: BoardRefusal, hasEnded: boolean): Message {
  const end = hasEnded ? ' It ended. Nothing changed.' : ' It continues, and Purser keeps trying to post its board.'
  return refusal(`Run #${run} can't be shown here: ${message}.${end}`, hint)
}

/** The trigger of a dialog is good for three seconds. */
export function dialogNotOpened(): Message {
  return refusal("Slack didn't open the dialog.", 'Try again.')
}

/** One line of `/billing status`, with marks, for a run of which Slack refuses something. */
export function refusedLine(run: number, { code, message, of, rung, times }: BoardRefusal): string {
  const count = times === 1 ? '' : `, ${counted(times, 'time')} so far`
  const said = words(message, 200)
  if (of === 'channel') return `:warning: *#${run}* can't be shown: ${said}${count}. Purser keeps trying.`
  const form = rung === 0 ? '' : ` Its board is shown ${escape(formWords[rung] ?? '')}.`
  return `:warning: *#${run}* Slack refused its messages (${escape(code)}${count}): ${said}.${form}`
}

/** By the place of the form in the ladder. */
const formWords: readonly string[] = rungs.map((rung) => {
  switch (rung) {
    case 'whole':
      return 'as a whole'
    case 'without_charts':
      return 'without charts'
    case 'plain_blocks':
      return 'without tables'
    case 'text_and_buttons':
      return 'as text with buttons'
    case 'text_alone':
      return 'as text alone, without buttons'
  }
})
