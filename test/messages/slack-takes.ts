import type { View } from '@slack/types'
import { expect } from 'vitest'
import { problemText, textLength, validateMessageBlocks, validateView } from '../../sandbox/slack/block-kit/validate.ts'
import { messageBudget, type Message } from '../../src/messages/message.ts'

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

/** Every text that a reader of these blocks would see, one a line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(shown).join('\n')
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .filter(
      ([key]) => !['type', 'value', 'action_id', 'block_id', 'task_id', 'style', 'private_metadata'].includes(key),
    )
    .map(([, entry]) => shown(entry))
    .join('\n')
}
