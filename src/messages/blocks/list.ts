import type { RichTextBlock, RichTextList } from '@slack/types'
import { clip } from '../../outside-text/cut.ts'
import type { Cap } from './message.ts'
import { oneLine } from '../../text.ts'

interface ListStyle {
  /** Whether the lines are numbered, because their order matters. */
  readonly ordered?: boolean
  readonly cap: Cap
  /** The most characters of one line. */
  readonly line?: number
}

const blockLimit = 2800

/**
 * Makes a heading and a list as rich text, in which nothing is read as Slack's marks: file names, cron schedules and
 * whatever else comes from outside stay as they are. A long list takes several blocks; what is left out is counted.
 */
export function list(heading: string, lines: readonly string[], style: ListStyle): readonly RichTextBlock[] {
  const longest = Math.min(style.line ?? 1400, blockLimit)
  const groups = packed(
    lines.map((line) => clip(oneLine(line), longest) || '–'),
    style.cap,
  )
  const shown = groups.reduce((sum, group) => sum + group.length, 0)
  const left = lines.length - shown
  const blocks = (groups.length === 0 ? [[]] : groups).map((group, index): RichTextBlock => {
    const before = groups.slice(0, index).reduce((sum, group) => sum + group.length, 0)
    return {
      type: 'rich_text',
      elements: [
        ...(index === 0 ? [line(heading, true)] : []),
        ...(group.length === 0 ? [] : [items(group, before, style.ordered ?? false)]),
        ...(left > 0 && before + group.length === shown ? [line(`… and ${left} more ${style.cap.rest}`, false)] : []),
      ],
    }
  })
  return blocks
}

function line(text: string, bold: boolean): RichTextBlock['elements'][number] {
  return {
    type: 'rich_text_section',
    elements: [{ type: 'text', text: oneLine(text) || '–', ...(bold ? { style: { bold: true } } : {}) }],
  }
}

function items(lines: readonly string[], offset: number, ordered: boolean): RichTextList & { offset?: number } {
  return {
    type: 'rich_text_list',
    style: ordered ? 'ordered' : 'bullet',
    ...(ordered && offset > 0 ? { offset } : {}),
    elements: lines.map((text) => ({ type: 'rich_text_section', elements: [{ type: 'text', text }] })),
  }
}

function packed(lines: readonly string[], cap: Cap): readonly (readonly string[])[] {
  const groups: string[][] = []
  let inGroup = 0
  let length = 0
  let count = 0
  for (const text of lines) {
    length += text.length
    if (count === cap.lines || length > cap.chars) break
    const group = groups[groups.length - 1]
    if (group !== undefined && inGroup + text.length <= blockLimit) {
      group.push(text)
      inGroup += text.length
    } else {
      groups.push([text])
      inGroup = text.length
    }
    count += 1
  }
  return groups
}
