import { escape } from '../blocks/marks.ts'
import { mentions, message, type Message, paragraph } from '../blocks/message.ts'

interface NotAllowed {
  readonly text: string
  /** Users and groups who may. */
  readonly ask: readonly string[]
  /** Channels in which it is allowed. */
  readonly channels: readonly string[]
}

/** Why not, and who can or where: nothing was changed. */
export function notAllowed({ text, ask, channels }: NotAllowed): Message {
  const people = ask.length === 0 ? '' : ` Ask ${mentions(ask, 'or')}.`
  const places = channels.length === 0 ? '' : ` Type it in ${channels.map((id) => `<#${id}>`).join(' or ')}.`
  const whole = `${escape(text)}${people}${places} Nothing was changed.`
  return message(whole, [paragraph(whole)])
}
