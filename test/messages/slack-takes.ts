import type { RichTextElement, View } from '@slack/types'
import { expect } from 'vitest'
import { problemText, textLength, validateMessageBlocks, validateView } from '../../sandbox/slack/block-kit/validate.ts'
import { type Message, messageBudget } from '../../src/messages/blocks/message.ts'

/** Slack would take it, and it keeps the size budget. */
export function expectSlackTakes(message: Message): void {
  expect(message.text.length).toBeGreaterThan(0)
  // chat.update refuses a longer text, although chat.postMessage takes it.
  expect(message.text.length).toBeLessThanOrEqual(4000)
  const verdict = validateMessageBlocks(message.blocks ?? [])
  expect(verdict.ok ? [] : [verdict.error, ...verdict.problems.map(problemText)]).toEqual([])
  expect(textLength(message.blocks ?? [])).toBeLessThanOrEqual(messageBudget)
}

export function expectSlackTakesView(view: View): void {
  expect(validateView(view).map(problemText)).toEqual([])
  expect(Buffer.byteLength(JSON.stringify(view))).toBeLessThan(250_000)
}

/** Every text that a reader of these blocks would see, one a line; rich text with the marks that would show it so. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(shown).join('\n')
  if (typeof value !== 'object' || value === null) return ''
  if ('type' in value && /^rich_text_(section|quote|preformatted)$/.test(String(value.type)) && 'elements' in value)
    return (value.elements as RichTextElement[]).map(marked).join('')
  return Object.entries(value)
    .filter(
      ([key]) => !['type', 'value', 'action_id', 'block_id', 'task_id', 'style', 'private_metadata'].includes(key),
    )
    .map(([, entry]) => shown(entry))
    .join('\n')
}

function marked(piece: RichTextElement): string {
  switch (piece.type) {
    case 'user':
      return `<@${piece.user_id}>`
    case 'usergroup':
      return `<!subteam^${piece.usergroup_id}>`
    case 'channel':
      return `<#${piece.channel_id}>`
    case 'emoji':
      return `:${piece.name}:`
    case 'date':
      return piece.fallback ?? ''
    case 'link':
      return piece.text ?? piece.url
    case 'text':
      return piece.style?.bold ? `*${piece.text}*` : piece.style?.code ? `\`${piece.text}\`` : piece.text
    default:
      return ''
  }
}
