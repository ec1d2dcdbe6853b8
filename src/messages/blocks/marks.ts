import type { RichTextBlock, RichTextElement } from '@slack/types'
import { clip } from '../../outside-text/cut.ts'
import { utc } from '../../text.ts'

/**
 * Templates are written with Slack's marks (`*bold*`, a mention, a date). Slack has no way to quote a mark in mrkdwn,
 * so a branch named `_wip_` would lose its underscores. Here text from outside is escaped, marks and all, and a
 * paragraph goes to Slack as rich text, in which nothing is read as a mark.
 */
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '*': '&#42;',
  _: '&#95;',
  '~': '&#126;',
  '`': '&#96;',
  ':': '&#58;',
}
const characters = Object.fromEntries(Object.entries(entities).map(([character, entity]) => [entity, character]))

/** Escapes text from outside, for use between marks. */
export function escape(text: string): string {
  return text.replace(/[&<>*_~`:]/g, (character) => entities[character] ?? character)
}

function unescape(marked: string): string {
  return marked.replace(/&(?:amp|lt|gt|#42|#95|#126|#96|#58);/g, (entity) => characters[entity] ?? entity)
}

/** Turns marks into mrkdwn, where Slack takes nothing else: https://docs.slack.dev/messaging/formatting-message-text */
export function mrkdwn(marked: string): string {
  return marked.replace(/&#(?:42|95|126|96|58);/g, (entity) => characters[entity] ?? entity)
}

const mark = new RegExp(
  [
    /<@(?<user>[UW]\w+)>/,
    /<!subteam\^(?<group>S\w+)>/,
    /<#(?<channel>\w+)>/,
    /<!date\^(?<seconds>\d+)\^(?<format>[^|>]+)\|(?<fallback>[^>]+)>/,
    /<(?<url>https?:[^|>]+)\|(?<label>[^>]+)>/,
    /\*(?<bold>[^*\n]+)\*/,
    /`(?<code>[^`\n]+)`/,
    /:(?<emoji>[a-z0-9_+-]+):/,
  ]
    .map((one) => one.source)
    .join('|'),
  'g',
)

/** Turns text with marks into one block of rich text. Lines that begin with `>` are a quotation. */
export function richText(marked: string, max: number): RichTextBlock {
  const elements: RichTextBlock['elements'] = []
  let lines: string[] = []
  let room = max
  const flush = () => {
    const pieces = cut(inline(lines.join('\n'), {}), room)
    room -= lengthOf(pieces)
    if (pieces.length > 0) elements.push({ type: 'rich_text_section', elements: pieces })
    lines = []
  }
  for (const line of marked.split('\n')) {
    if (!line.startsWith('>')) {
      lines.push(line)
      continue
    }
    flush()
    const pieces = cut(inline(line.slice(1), {}), room)
    room -= lengthOf(pieces)
    if (pieces.length > 0) elements.push({ type: 'rich_text_quote', elements: pieces })
  }
  flush()
  if (elements.length === 0) elements.push({ type: 'rich_text_section', elements: [{ type: 'text', text: '–' }] })
  return { type: 'rich_text', elements }
}

interface Style {
  readonly bold?: true
  readonly code?: true
}

function inline(marked: string, style: Style): RichTextElement[] {
  const pieces: RichTextElement[] = []
  let from = 0
  for (const match of marked.matchAll(mark)) {
    pieces.push(...plain(marked.slice(from, match.index), style), ...piece(match.groups ?? {}, style))
    from = match.index + match[0].length
  }
  return [...pieces, ...plain(marked.slice(from), style)]
}

function plain(marked: string, style: Style): RichTextElement[] {
  const text = unescape(marked)
  if (text === '') return []
  return [{ type: 'text', text, ...(Object.keys(style).length === 0 ? {} : { style }) }]
}

function piece(found: Readonly<Record<string, string | undefined>>, style: Style): RichTextElement[] {
  const { user, group, channel, seconds, format, fallback, url, label, bold, code, emoji } = found
  if (user !== undefined) return [{ type: 'user', user_id: user }]
  if (group !== undefined) return [{ type: 'usergroup', usergroup_id: group }]
  if (channel !== undefined) return [{ type: 'channel', channel_id: channel }]
  if (seconds !== undefined)
    return [{ type: 'date', timestamp: Number(seconds), format: format ?? '', fallback: fallback ?? '' }]
  if (url !== undefined) return [{ type: 'link', url, text: unescape(label ?? url) }]
  if (bold !== undefined) return inline(bold, { ...style, bold: true })
  if (code !== undefined) return plain(code, { ...style, code: true })
  return emoji === undefined ? [] : [{ type: 'emoji', name: emoji }]
}

/** Keeps whole pieces while there is room; the last text is shortened, and says so. */
function cut(pieces: readonly RichTextElement[], room: number): RichTextElement[] {
  const kept: RichTextElement[] = []
  let left = room
  for (const piece of pieces) {
    const length = piece.type === 'text' ? piece.text.length : 0
    if (piece.type === 'text' && length > left) {
      return [...kept, { ...piece, text: clip(piece.text, Math.max(1, left)) }]
    }
    left -= length
    kept.push(piece)
  }
  return kept
}

function lengthOf(pieces: readonly RichTextElement[]): number {
  return pieces.reduce((sum, piece) => sum + (piece.type === 'text' ? piece.text.length : 0), 0)
}

/**
 * Writes a time in mrkdwn, for each reader in the own time zone:
 * https://docs.slack.dev/messaging/formatting-message-text#date-formatting
 */
export function localTime(at: Date, format: '{time}' | '{date_short_pretty} {time}' = '{time}'): string {
  return `<!date^${Math.floor(at.getTime() / 1_000)}^${format}|${utc(at)}>`
}
