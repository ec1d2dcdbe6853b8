import { plainText } from '../sandbox/slack/plain-text.ts'
import type { Block, Json } from '../sandbox/slack/model.ts'
import type { Message } from '../src/messages/blocks/message.ts'
import * as example from '../test/messages/example-runs.ts'
import { people, type Picture, pictures } from '../test/messages/pictures.ts'

/** Dates are written as the sample's approver in London would read them, whenever and wherever this runs. */
const clock = { now: example.now, timeZone: 'UTC', locale: 'en-GB' }

const names: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.values(people).map(({ id, realName }) => [id, realName])),
  S01ONCALL: 'billing-oncall',
  C01BILLING: 'billing-deploys',
}

/** docs/messages/texts.md: what the pictures of the gallery say, by their names, so that words can be read and compared. */
export function galleryTexts(): string {
  const sorted = pictures.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return `${[head, ...sorted.map(section)].join('\n\n')}\n`
}

const head = [
  '# Every text',
  '<!-- Written by `npm run gallery -- --texts` from test/messages/pictures.ts. -->',
  'The words of [every message, dialog and App Home](README.md) in its typical states, without their looks. _Notification_ is what Slack shows on a locked phone and reads aloud.',
].join('\n\n')

function section(picture: Picture): string {
  return [`## ${picture.name}`, `${picture.title}. ${picture.about}`, `\`\`\`text\n${textOf(picture)}\n\`\`\``].join(
    '\n\n',
  )
}

function textOf(picture: Picture): string {
  if (picture.kind === 'message') {
    const { text, blocks } = picture.message
    if (blocks === undefined) return read({ text })
    const notification = `Notification: ${read({ text }).replaceAll('\n', '\n  ')}`
    return `${notification}\n\n${joined(read({ text: '', blocks }), asides(blocks))}`
  }
  const { view } = picture
  const shown = joined(read({ text: '', blocks: view.blocks }), asides(view.blocks))
  if (view.type !== 'modal') return shown
  const buttons = [view.submit, view.close].flatMap((button) => (button === undefined ? [] : [`[${button.text}]`]))
  return joined(`# ${view.title.text}`, shown, buttons.join(' '))
}

function read({ text, blocks }: Pick<Message, 'text' | 'blocks'>): string {
  // What Slack is sent is JSON, whatever types it has here.
  const sent = blocks === undefined ? {} : { blocks: JSON.parse(JSON.stringify(blocks)) as readonly Block[] }
  return plainText({ text, ...sent }, (id) => names[id], clock).replaceAll('```', "'''")
}

/** Hints below the fields, descriptions of choices, and the questions that Slack asks before a press is sent. */
function asides(part: unknown): string {
  const found: string[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { hint, description, confirm } = value as Json
    for (const aside of [hint, description]) if (isText(aside)) found.push(`(${aside.text})`)
    if (typeof confirm === 'object' && confirm !== null && 'deny' in confirm) {
      const { title, text, confirm: verb, deny } = confirm as Json
      found.push(
        [title, text, verb, deny]
          .map((one, at) => (isText(one) ? (at < 2 ? one.text : `[${one.text}]`) : ''))
          .join(' '),
      )
    }
    for (const inner of Object.values(value)) visit(inner)
  }
  visit(part)
  return [...new Set(found)].join('\n')
}

function isText(value: unknown): value is { readonly text: string } {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string'
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n')
}
