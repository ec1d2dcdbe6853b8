import { code, type Message } from '../blocks/message.ts'
import { refusal } from './answers.ts'

/** Beside the answer to what a process left that has ended. `what`: as it was typed; undefined for a button. */
export function lateNote(what: string | undefined): string {
  return `Purser was restarted after ${whatWords(what)}, which was taken up only now.`
}

/** To whoever asked for what nobody has carried out, and nobody will. */
export function notCarriedOut(what: string | undefined): Message {
  return refusal(
    `Purser was restarted after ${whatWords(what)}, which is not carried out any more.`,
    'Look at `/billing status`, then ask again.',
  )
}

function whatWords(what: string | undefined): string {
  return what === undefined ? 'you pressed a button' : `you typed ${code(what)}`
}
