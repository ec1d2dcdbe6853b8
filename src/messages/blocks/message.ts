import type {
  ActionsBlock,
  Block,
  Button,
  ContextBlock,
  HeaderBlock,
  KnownBlock,
  PlainTextElement,
  RichTextBlock,
} from '@slack/types'
import { clip } from '../../outside-text/cut.ts'
import { oneLine } from '../../text.ts'
import { escape, mrkdwn, richText } from './marks.ts'

/** What Purser says. `text` is the whole status in words: notifications and screen readers use nothing else. */
export interface Message {
  readonly text: string
  readonly blocks?: readonly (KnownBlock | Block)[]
  /** The same without charts, which not every workspace takes; missing when there are none. */
  readonly withoutCharts?: readonly (KnownBlock | Block)[]
}

/**
 * Slack does not say how much text the blocks of one message may hold; 11,341 characters were seen refused
 * (slackapi/bolt-js #2509, #2867). Every message stays below this.
 */
export const messageBudget = 10_000
const paragraphLimit = 3000
const textLimit = 3000
const codeLimit = 2800

export function message(text: string, blocks: readonly (KnownBlock | Block)[]): Message {
  return { text: cutAtLine(mrkdwn(text), textLimit), blocks }
}

export function plainText(text: string, max = 150): PlainTextElement {
  return { type: 'plain_text', text: clip(oneLine(text), max) || '–' }
}

export function header(text: string): HeaderBlock {
  return { type: 'header', text: plainText(text, 150) }
}

/** Takes text with marks: whatever comes from outside has to be escaped before, with `words` or `code`. */
export function paragraph(marked: string): RichTextBlock {
  return richText(marked, paragraphLimit)
}

/**
 * Makes a line of context of one element each, without the empty ones. Slack takes mrkdwn here, so text from outside
 * belongs elsewhere.
 */
export function context(...marked: readonly string[]): ContextBlock {
  const elements = marked.filter((text) => text !== '').slice(0, 10)
  return {
    type: 'context',
    elements: (elements.length === 0 ? ['–'] : elements).map((text) => ({
      type: 'mrkdwn',
      text: cutAtLine(mrkdwn(text), paragraphLimit),
    })),
  }
}

/** Makes a block of buttons, or none when there is nothing to press: Slack refuses an empty one. */
export function actions(buttons: readonly Button[]): readonly ActionsBlock[] {
  return buttons.length === 0 ? [] : [{ type: 'actions', elements: [...buttons] }]
}

/** Makes a line of context of text from outside, in which Slack reads no marks. */
export function plainContext(text: string): ContextBlock {
  return { type: 'context', elements: [{ ...plainText(text, 300), emoji: false }] }
}

/** A question that Slack asks before a press is sent; `verb` is on the button that goes on. */
export interface Question {
  readonly title: string
  readonly text: string
  readonly verb: string
  readonly deny: string
}

export interface ButtonLook {
  readonly style?: 'primary' | 'danger'
  readonly label?: string
  readonly confirm?: Question
}

export function button(text: string, actionId: string, value: string, look: ButtonLook = {}): Button {
  return {
    type: 'button',
    text: plainText(text, 75),
    action_id: actionId,
    value,
    ...(look.style === undefined ? {} : { style: look.style }),
    ...(look.label === undefined ? {} : { accessibility_label: clip(look.label, 75) }),
    ...(look.confirm === undefined
      ? {}
      : {
          confirm: {
            title: plainText(look.confirm.title, 100),
            text: plainText(look.confirm.text, 300),
            confirm: plainText(look.confirm.verb, 30),
            deny: plainText(look.confirm.deny, 30),
          },
        }),
  }
}

/**
 * Shows preformatted text as it is. Over the limit its end is kept, because that is where output says what happened.
 */
export function codeBlock(text: string, max = codeLimit): RichTextBlock {
  return {
    type: 'rich_text',
    elements: [
      { type: 'rich_text_preformatted', elements: [{ type: 'text', text: keepEnd(text, max).trimEnd() || '–' }] },
    ],
  }
}

/** Cuts text to one line of at most `max` characters, then escapes it. A command between backticks is code. */
export function words(text: string, max = 300): string {
  return escape(clip(oneLine(text), max)).replace(quotedCommand, '`$1`')
}

/** As `escape` leaves one: errors, hints and refusals are plain text, and name commands so. */
const quotedCommand = /&#96;(\/billing .*?)&#96;/g

/** Makes escaped inline code. */
export function code(text: string, max = 150): string {
  return `\`${words(text.replaceAll('`', "'"), max) || '–'}\``
}

/** Makes a link. What Slack takes for the end of one is written in its percent form. */
export function linkTo({ url, label }: { readonly url: string; readonly label: string }): string {
  const target = url.replace(/[|<>]/g, (character) => encodeURIComponent(character))
  return `<${target}|${escape(label)}>`
}

/** Names someone: a person, a user group, or any other words (a telephone number, "purser"). */
export function mention(who: string): string {
  if (!isId(who)) return words(who, 100)
  return who.startsWith('S') ? `<!subteam^${who}>` : `<@${who}>`
}

/** Tells the id of a person or a user group from other words. */
export function isId(who: string): boolean {
  return /^[UWS][A-Z0-9]{3,}$/.test(who)
}

/** Joins names: "A, B and C". */
export function joined(names: readonly string[], last = 'and'): string {
  if (names.length < 2) return names[0] ?? ''
  return `${names.slice(0, -1).join(', ')} ${last} ${names[names.length - 1]}`
}

export function mentions(who: readonly string[], last = 'and', max = 12): string {
  const shown = who.slice(0, max).map(mention)
  return joined(who.length > max ? [...shown, `${who.length - max} more`] : shown, last)
}

export interface Cap {
  readonly lines: number
  readonly chars: number
  /** The place where the rest can be read: "in the thread". */
  readonly rest: string
}

/** Keeps as many lines as fit; what is left out is counted and its place is named. */
export function capped(lines: readonly string[], cap: Cap): readonly string[] {
  const kept: string[] = []
  let length = 0
  for (const line of lines) {
    length += line.length + 1
    if (kept.length === cap.lines || length > cap.chars) break
    kept.push(line)
  }
  const left = lines.length - kept.length
  return left === 0 ? kept : [...kept, `… and ${left} more ${cap.rest}`]
}

/** Puts all lines into paragraphs, as few as possible. */
export function paragraphs(lines: readonly string[]): readonly RichTextBlock[] {
  const packed: string[] = []
  for (const line of lines) {
    const last = packed[packed.length - 1]
    if (last !== undefined && last.length + line.length + 1 <= paragraphLimit)
      packed[packed.length - 1] = `${last}\n${line}`
    else packed.push(line)
  }
  return packed.map(paragraph)
}

function keepEnd(text: string, max: number): string {
  if (text.length <= max) return text
  const end = text.slice(text.length - (max - 2))
  const newline = end.indexOf('\n')
  const whole = newline >= 0 && newline < end.length / 2 ? end.slice(newline + 1) : end.replace(/^[\uDC00-\uDFFF]/, '')
  return `…\n${whole}`
}

/** Cuts text as a last guard: after a whole line when there is one, and through no entity or mention. */
function cutAtLine(text: string, max: number): string {
  if (text.length <= max) return text
  const end = text.lastIndexOf('\n', max - 2)
  return end > 0 ? `${text.slice(0, end)}\n…` : `${clip(text, max - 1).replace(/(?:&[a-z]{0,4}|<[^>]*)…$/, '')}…`
}
