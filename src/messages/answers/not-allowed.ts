import type { Denial } from '../../model/denial.ts'
import { escape } from '../blocks/marks.ts'
import { mentions, message, type Message, paragraph } from '../blocks/message.ts'

/** Says why not, and who can or where; nothing was changed. */
export function notAllowed(denial: Denial): Message {
  const whole = `${escape(denialText(denial))}${elsewhere(denial)} Nothing was changed.`
  return message(whole, [paragraph(whole)])
}

/** Words a denial in one sentence of plain text. */
export function denialText(denial: Denial): string {
  switch (denial.reason) {
    case 'channel':
      return `Commands for ${denial.environment} are not taken in this channel.`
    case 'right': {
      const what = denial.right === 'deploy' ? 'start or change' : 'approve'
      return `You may not ${what} runs in ${denial.environment}.`
    }
    case 'foreign_lock':
      return `The lock of ${denial.environment} was closed by somebody else: they may open it, or an approver.`
    case 'own_run':
      return 'Someone else has to approve a run that you asked for.'
  }
}

function elsewhere(denial: Denial): string {
  if (denial.reason !== 'channel') return denial.ask.length === 0 ? '' : ` Ask ${mentions(denial.ask, 'or')}.`
  const channels = denial.channels.map((id) => `<#${id}>`)
  return channels.length === 0 ? '' : ` Type it in ${channels.join(' or ')}.`
}
