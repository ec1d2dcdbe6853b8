import type { NewRun } from '../../model/new-run.ts'
import { ago } from '../../text.ts'
import { mrkdwn } from '../blocks/marks.ts'
import { context, mention, message, type Message, paragraph, words } from '../blocks/message.ts'

/** To somebody who asks for what is being looked at. `link`: of the board; undefined while there is none. */
export function lookUnderWay(
  { kind, environment }: Pick<NewRun, 'kind' | 'environment'>,
  run: number,
  link: string | undefined,
): Message {
  const doing = kind === 'verify' ? 'verifying' : 'diagnosing'
  const number = link === undefined ? `#${run}` : `<${link}|#${run}>`
  const whole = `Run ${number} is already ${doing} ${words(environment, 100)}. Follow its board.`
  return message(whole, [paragraph(whole)])
}

/** That members of a group or channel counted as they were: Slack could not be asked again. */
export function listsCounted(
  lists: readonly { readonly list: string; readonly readAt: Date; readonly why: string }[],
  now: Date,
): readonly string[] {
  const once = lists.filter(({ list }, index) => lists.findIndex((other) => other.list === list) === index)
  return once.map(
    ({ list, readAt, why }) =>
      `Couldn't refresh the members of ${list.startsWith('S') ? mention(list) : `<#${list}>`}, last read ${ago(readAt, now)}: ${words(why, 300)}.`,
  )
}

/** The same answer, with what else is to be known of it; `notes` is not empty. */
export function withNotes({ text, blocks = [] }: Message, notes: readonly string[]): Message {
  // The text is one with Slack's marks already, only the notes are not.
  return { text: `${text}\n${mrkdwn(notes.join('\n'))}`, blocks: [...blocks, context(...notes)] }
}

/** For an answer that only the board would have given. */
export function onlyNotes(notes: readonly string[]): Message {
  return message(notes.join('\n'), [paragraph(notes.join('\n'))])
}
