import type { Denial } from '../../model/denial.ts'
import { escape } from '../blocks/marks.ts'
import { mentions, message, type Message, paragraph } from '../blocks/message.ts'

/** Says why not, and who can or where. */
export function notAllowed(denial: Denial): Message {
  const whole = `${escape(denialText(denial))}${elsewhere(denial)}`
  return message(whole, [paragraph(whole)])
}

/** Words a denial in one sentence of plain text. */
export function denialText(denial: Denial): string {
  switch (denial.reason) {
    case 'channel':
      return `This channel doesn't take commands for ${denial.environment}.`
    case 'right':
      return `You can't ${deed(denial)}.`
    case 'foreign_lock':
      return `${denial.environment} was locked by a different person.`
    case 'own_run':
      return "You can't approve your own run."
    case 'unread_group':
      return `Couldn't check whether you can ${deed(denial)}: ${denial.why}.`
    case 'not_member':
      return `You aren't in a channel that takes commands for ${denial.environment}.`
    case 'unread_channel':
      return `Couldn't check whether you are in a channel of ${denial.environment}: ${denial.why}.`
    case 'workspace':
      return 'Purser only takes commands from its own Slack workspace.'
    case 'stranger':
      return 'Purser only takes commands from its own organization.'
    case 'guest':
      return "Purser doesn't take commands from guests."
    case 'bot':
      return "Purser doesn't take commands from bots."
    case 'deactivated':
      return "Purser doesn't take commands from deactivated people."
    case 'unknown':
      return "Slack doesn't know your id."
    case 'unseen':
      return `Couldn't check who you are: ${denial.why}.`
  }
}

function deed({ right, environment }: Extract<Denial, { readonly right: unknown }>): string {
  if (right === 'view') return `see what runs in ${environment}`
  if (right === 'break_glass') return `roll back ${environment} without approval`
  return `${right === 'deploy' ? 'start or change' : 'approve'} runs in ${environment}`
}

function elsewhere(denial: Denial): string {
  switch (denial.reason) {
    case 'channel':
    case 'unread_channel':
      return inChannels('Use', denial.channels)
    case 'not_member':
      return inChannels('Join', denial.channels)
    case 'right':
    case 'own_run':
      return denial.ask.length === 0 ? '' : ` Ask ${mentions(denial.ask, 'or')}.`
    case 'foreign_lock':
      return denial.ask.length === 0 ? '' : ` Ask ${mentions(denial.ask, 'or')} to unlock it.`
    case 'unread_group':
      return ` Purser doesn't know the members of ${mentions(denial.groups, 'and')}. People named by id in purser.yaml can continue.`
    case 'unseen':
      return ' Try again in a minute.'
    case 'workspace':
    case 'stranger':
    case 'guest':
    case 'bot':
    case 'deactivated':
    case 'unknown':
      return ''
  }
}

function inChannels(before: string, ids: readonly string[]): string {
  return ids.length === 0 ? '' : ` ${before} ${ids.map((id) => `<#${id}>`).join(' or ')}.`
}
