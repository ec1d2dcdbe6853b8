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
    case 'right':
      return `You may not ${deed(denial)}.`
    case 'foreign_lock':
      return `The lock of ${denial.environment} was closed by somebody else: they may open it, or an approver.`
    case 'own_run':
      return 'Someone else has to approve a run that you asked for.'
    case 'unread_group':
      return `Whether you may ${deed(denial)} could not be found out: ${denial.why}.`
    case 'not_member':
      return `You are in no channel in which commands for ${denial.environment} are taken.`
    case 'unread_channel':
      return `Whether you are in a channel of ${denial.environment} could not be found out: ${denial.why}.`
    case 'workspace':
      return 'Purser takes commands from its own Slack workspace only.'
    case 'stranger':
      return 'Purser takes commands from people of its own organization only.'
    case 'guest':
      return 'Purser takes no commands from guests of the workspace.'
    case 'bot':
      return 'Purser takes no commands from bots.'
    case 'deactivated':
      return 'Purser takes no commands from deactivated people.'
    case 'unknown':
      return 'Slack knows nobody by your id.'
    case 'unseen':
      return `Who you are could not be found out: ${denial.why}.`
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
      return inChannels('Type it in', denial.channels)
    case 'not_member':
      return inChannels('They are', denial.channels)
    case 'unread_channel':
      return inChannels('Type it in', denial.channels)
    case 'right':
    case 'own_run':
    case 'foreign_lock':
      return denial.ask.length === 0 ? '' : ` Ask ${mentions(denial.ask, 'or')}.`
    case 'unread_group':
      return ` The members of ${mentions(denial.groups, 'and')} are not known; people whom purser.yaml names by id may go on.`
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
