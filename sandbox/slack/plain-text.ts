import { readFileSync } from 'node:fs'
import { dateWords, type Reader } from './dates.ts'
import type { Block, Json, Message } from './model.ts'

const emoji = JSON.parse(readFileSync(new URL('emoji.json', import.meta.url), 'utf8')) as Record<string, string>

/** The name of a person, channel or group by its id. */
type NameOf = (id: string) => string | undefined

const taskMarks: Readonly<Record<string, string>> = { pending: '·', in_progress: '▸', complete: '✓', error: '✗' }

/** What a text needs to know of who reads it. */
interface Eyes {
  readonly nameOf: NameOf
  readonly reader: Reader
}

/** A message as people would read it aloud: for transcripts in a terminal. Dates are those of this machine unless told. */
export function plainText(
  message: Pick<Message, 'text' | 'blocks' | 'files'>,
  nameOf: NameOf = () => undefined,
  reader: Reader = {},
): string {
  const eyes = { nameOf, reader }
  const body = message.blocks === undefined ? markup(message.text, eyes) : blocksText(message.blocks, eyes)
  const files = (message.files ?? []).map((file) => `[file ${file.name}, ${file.size} bytes]`)
  return [body, ...files].filter((part) => part !== '').join('\n')
}

function blocksText(blocks: readonly Json[], eyes: Eyes): string {
  return blocks
    .map((block) => blockText(block as Block, eyes))
    .filter((part) => part !== '')
    .join('\n')
}

function blockText(block: Block, eyes: Eyes): string {
  const read = (part: unknown) => textOf(part, eyes)
  switch (block.type) {
    case 'header':
      return `# ${read(block.text)}`
    case 'section':
      return lines(read(block.text), ...list(block.fields).map(read), elementText(block.accessory, eyes))
    case 'context':
      return list(block.elements).map(read).join('  ·  ')
    case 'divider':
      return '────────'
    case 'markdown':
    case 'alert':
      return read(block.text)
    case 'image':
      return `[image: ${String(block.alt_text)}]`
    case 'plan':
      return lines(String(block.title), ...list(block.tasks).map((task) => taskText(task, eyes)))
    case 'task_card':
      return taskText(block, eyes)
    case 'rich_text':
      return richText(block, eyes)
    case 'table':
    case 'data_table':
      return lines(typeof block.caption === 'string' ? block.caption : '', tableText(block, eyes))
    case 'data_visualization':
      return chartText(block)
    case 'actions':
    case 'context_actions':
      return list(block.elements)
        .map((element) => elementText(element, eyes))
        .join(' ')
    case 'input':
      return `${read(block.label)}: ${elementText(block.element, eyes)}`
    case 'card':
      return lines(
        read(block.title),
        read(block.subtitle),
        read(block.body),
        ...list(block.actions).map((element) => elementText(element, eyes)),
      )
    case 'carousel':
      return blocksText(list(block.elements), eyes)
    case 'container':
      return lines(read(block.title ?? block.rich_text_title), blocksText(list(block.child_blocks), eyes))
    default:
      return ''
  }
}

function taskText(task: Json, eyes: Eyes): string {
  const mark = taskMarks[String(task.status ?? 'pending')] ?? '·'
  const more = [task.details, task.output]
    .filter((part) => part !== undefined)
    .flatMap((part) => richText(part as Json, eyes).split('\n'))
  return lines(`  ${mark} ${String(task.title)}`, ...more.map((line) => `      ${line}`))
}

function elementText(element: unknown, eyes: Eyes): string {
  if (typeof element !== 'object' || element === null) return ''
  const it = element as Json
  if (it.type === 'image') return `[image: ${String(it.alt_text)}]`
  const label = textOf(it.text ?? it.placeholder, eyes)
  return `[${label === '' ? String(it.type).replaceAll('_', ' ') : label}]`
}

function textOf(part: unknown, eyes: Eyes): string {
  if (part === undefined || part === null) return ''
  if (typeof part === 'string') return part
  const it = part as Json
  if (it.type === 'rich_text') return richText(it, eyes)
  if (it.type === 'image') return `[image: ${String(it.alt_text)}]`
  if (it.type === 'plain_text') return shortcodes(String(it.text))
  if (it.type === 'raw_number') return String(it.text ?? it.value)
  return typeof it.text === 'string' ? markup(it.text, eyes) : ''
}

/** mrkdwn without its marks: links show their label and address, mentions their name. */
function markup(text: string, eyes: Eyes): string {
  const named = text.replace(/<([^<>]+)>/g, (_whole, inside: string) => {
    const [target = '', label] = inside.split('|')
    if (target.startsWith('@')) return `@${eyes.nameOf(target.slice(1)) ?? label ?? target.slice(1)}`
    if (target.startsWith('#')) return `#${eyes.nameOf(target.slice(1)) ?? label ?? target.slice(1)}`
    if (target.startsWith('!subteam^')) return `@${eyes.nameOf(target.slice('!subteam^'.length)) ?? label ?? 'group'}`
    if (target.startsWith('!date^')) {
      const [, seconds, format = ''] = target.split('^')
      return dateWords(Number(seconds), format, eyes.reader) ?? label ?? ''
    }
    if (target.startsWith('!')) return `@${target.slice(1)}`
    return label === undefined || label === target ? target : `${label} (${target})`
  })
  const blocks = named.split(/```\n?([^]*?)\n?```|`([^`\n]+)`/)
  // Every third piece is outside code, the two after it are what one kind of code holds.
  const unmarked = blocks.map((piece, index) => (index % 3 === 0 ? withoutMarks(piece ?? '') : (piece ?? ''))).join('')
  return shortcodes(unmarked).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

/**
 * A mark counts where a word may begin and its pair where one may end, with no space on the inside: `*bold*` does,
 * a schedule like `*\/5 * * * *` does not.
 */
function withoutMarks(text: string): string {
  return ['*', '_', '~'].reduce((left, mark) => {
    const [open, close] = [`(?<![\\p{L}\\p{N}${mark}])[${mark}](?![\\s${mark}])`, `[${mark}](?![\\p{L}\\p{N}${mark}])`]
    return left.replace(new RegExp(`${open}([^\\n${mark}]*[^\\s${mark}])${close}`, 'gu'), '$1')
  }, text)
}

function shortcodes(text: string): string {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name: string) => emoji[name] ?? whole)
}

function richText(block: Json, eyes: Eyes): string {
  return list(block.elements)
    .map((part) => {
      if (part.type !== 'rich_text_list') return inline(part, eyes)
      const indent = '  '.repeat(typeof part.indent === 'number' ? part.indent : 0)
      const items = list(part.elements).map((item) => inline(item, eyes))
      return items
        .map((item, index) => `${indent}${part.style === 'ordered' ? `${index + 1}.` : '•'} ${item}`)
        .join('\n')
    })
    .join('\n')
}

function inline(part: Json, eyes: Eyes): string {
  return list(part.elements)
    .map((piece) => {
      if (piece.type === 'emoji') return emoji[String(piece.name)] ?? `:${String(piece.name)}:`
      if (piece.type === 'link')
        return piece.text === undefined ? String(piece.url) : `${String(piece.text)} (${String(piece.url)})`
      if (piece.type === 'user') return `@${eyes.nameOf(String(piece.user_id)) ?? String(piece.user_id)}`
      if (piece.type === 'usergroup') return `@${eyes.nameOf(String(piece.usergroup_id)) ?? String(piece.usergroup_id)}`
      if (piece.type === 'channel') return `#${eyes.nameOf(String(piece.channel_id)) ?? String(piece.channel_id)}`
      if (piece.type === 'broadcast') return `@${String(piece.range)}`
      if (piece.type === 'date') return dateOf(piece, eyes)
      return String(piece.text ?? piece.value ?? '')
    })
    .join('')
    .replace(/\n$/, '')
}

function dateOf(piece: Json, { reader }: Eyes): string {
  const timeZone = typeof piece.timezone === 'string' ? piece.timezone : reader.timeZone
  const words = dateWords(Number(piece.timestamp), String(piece.format), { ...reader, timeZone })
  return words ?? (typeof piece.fallback === 'string' ? piece.fallback : '')
}

function tableText(block: Json, eyes: Eyes): string {
  const rows = (block.rows as Json[][]).map((row) => row.map((cell) => textOf(cell, eyes).replaceAll('\n', ' ')))
  const widths = rows[0]?.map((_head, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function chartText(block: Json): string {
  const chart = (block.chart ?? {}) as Json
  const series = list(chart.series).map((one) => {
    const points = list(one.data).map((point) => `${String(point.label)} ${String(point.value)}`)
    return `  ${String(one.name)}: ${inShort(points).join(', ')}`
  })
  const segments = list(chart.segments).map((one) => `  ${String(one.label)}: ${String(one.value)}`)
  return lines(`[chart] ${String(block.title)}`, ...series, ...segments)
}

/** A chart that grows would fill a transcript. */
function inShort(points: readonly string[]): readonly string[] {
  return points.length <= 4 ? points : [...points.slice(0, 1), '…', ...points.slice(-2)]
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : []
}

function lines(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n')
}
