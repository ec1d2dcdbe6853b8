import { h, safeUrl } from './dom.js'

let emoji = {}
export async function loadEmoji() {
  emoji = await (await fetch('/page/emoji.json')).json()
}

export function emojiOf(name) {
  return emoji[name] ?? `:${name}:`
}

function decoded(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

export function plain(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emoji[name] ?? whole)
}

export function link(url, label) {
  const safe = safeUrl(url)
  if (safe === undefined) return label ?? url
  const inside = safe.startsWith(location.origin)
  return h('a', { href: safe, ...(inside ? {} : { target: '_blank', rel: 'noreferrer noopener' }) }, label ?? url)
}

const rules = [
  [/```\n?([^]*?)\n?```/, (m) => h('pre', {}, decoded(m[1]))],
  [/`([^`\n]+)`/, (m) => h('code', {}, decoded(m[1]))],
  [/<([^<>]+)>/, (m, names) => reference(m[1], names)],
  [/(?<![\w*])\*(?=\S)([^*\n]*\S)\*(?![\w*])/, (m, names) => h('strong', {}, mrkdwn(m[1], names))],
  [/(?<![\w_])_(?=\S)([^_\n]*\S)_(?![\w_])/, (m, names) => h('em', {}, mrkdwn(m[1], names))],
  [/(?<![\w~])~(?=\S)([^~\n]*\S)~(?![\w~])/, (m, names) => h('s', {}, mrkdwn(m[1], names))],
  [/:([a-z0-9_+-]+):/, (m) => emoji[m[1]] ?? m[0]],
]

/** Slack's mrkdwn as DOM nodes. */
export function mrkdwn(text, names) {
  const nodes = []
  const lines = text.split(/(\n)/)
  if (lines.some((line) => /^(&gt;|>)/.test(line)) && !text.includes('```')) return quoted(text, names)
  let rest = text
  while (rest !== '') {
    let first
    for (const [pattern, build] of rules) {
      const match = pattern.exec(rest)
      if (match !== null && (first === undefined || match.index < first.match.index)) first = { match, build }
    }
    if (first === undefined) break
    const { match, build } = first
    nodes.push(decoded(rest.slice(0, match.index)), build(match, names))
    rest = rest.slice(match.index + match[0].length)
  }
  nodes.push(decoded(rest))
  return nodes
}

function quoted(text, names) {
  const nodes = []
  let quote = []
  const flush = () => {
    if (quote.length > 0) nodes.push(h('blockquote', {}, mrkdwn(quote.join('\n'), names)))
    quote = []
  }
  const plainLines = []
  const flushPlain = () => {
    if (plainLines.length > 0) nodes.push(h('div', {}, mrkdwn(plainLines.join('\n'), names)))
    plainLines.length = 0
  }
  for (const line of text.split('\n')) {
    const match = /^(?:&gt;|>)\s?(.*)$/.exec(line)
    if (match === null) {
      flush()
      plainLines.push(line)
    } else {
      flushPlain()
      quote.push(match[1])
    }
  }
  flush()
  flushPlain()
  return nodes
}

function reference(inside, names) {
  const [target, label] = inside.split('|')
  if (target.startsWith('@')) return mention(`@${names(target.slice(1)) ?? label ?? target.slice(1)}`)
  if (target.startsWith('#')) return mention(`#${names(target.slice(1)) ?? label ?? target.slice(1)}`)
  if (target.startsWith('!subteam^')) return mention(`@${names(target.slice(9)) ?? label ?? 'group'}`)
  if (target.startsWith('!date^')) return date(Number(target.split('^')[1]), target.split('^')[2], label)
  if (target.startsWith('!')) return mention(`@${target.slice(1)}`)
  return link(decoded(target), label === undefined ? undefined : decoded(label))
}

export function mention(text) {
  return h('span.mention', {}, text)
}

export function date(seconds, format, fallback) {
  const at = new Date(seconds * 1000)
  if (Number.isNaN(at.getTime())) return fallback ?? ''
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  const day = at.toLocaleDateString([], { year: 'numeric', month: 'long', day: 'numeric' })
  const shown = (format ?? '{date} {time}')
    .replace('{time_secs}', at.toLocaleTimeString())
    .replace('{time}', time)
    .replace('{ago}', day)
    .replace(/\{date[a-z_]*\}/g, day)
  return h('time', { datetime: at.toISOString(), title: at.toString() }, shown)
}

/** The Markdown of a `markdown` block: what reports use, not all of CommonMark. */
export function markdown(text, names) {
  const nodes = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]
    if (/^```/.test(line)) {
      const end = lines.findIndex((other, index) => index > i && /^```/.test(other))
      const stop = end < 0 ? lines.length : end
      nodes.push(h('pre', {}, lines.slice(i + 1, stop).join('\n')))
      i = stop
    } else if (/^#{1,6}\s/.test(line)) {
      const level = /^#+/.exec(line)[0].length
      nodes.push(h(`h${Math.min(level + 2, 6)}`, {}, inlineMarkdown(line.replace(/^#+\s*/, ''), names)))
    } else if (/^\s*([-*]|\d+\.)\s/.test(line)) {
      const items = []
      while (i < lines.length && /^\s*([-*]|\d+\.)\s/.test(lines[i])) {
        const item = lines[i++].replace(/^\s*([-*]|\d+\.)\s+/, '')
        const task = /^\[([ x])\]\s+(.*)$/.exec(item)
        items.push(
          h(
            'li',
            {},
            task === null
              ? inlineMarkdown(item, names)
              : [task[1] === 'x' ? '☑ ' : '☐ ', inlineMarkdown(task[2], names)],
          ),
        )
      }
      i--
      nodes.push(h(/^\s*\d/.test(line) ? 'ol' : 'ul', {}, items))
    } else if (/^\|.*\|\s*$/.test(line) && /^\|[\s:|-]+\|\s*$/.test(lines[i + 1] ?? '')) {
      const cells = (row) =>
        row
          .trim()
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim())
      const rows = []
      let j = i + 2
      while (j < lines.length && /^\|.*\|\s*$/.test(lines[j])) rows.push(cells(lines[j++]))
      nodes.push(
        h(
          'div.scroll',
          {},
          h(
            'table',
            {},
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                cells(line).map((cell) => h('th', {}, inlineMarkdown(cell, names))),
              ),
            ),
            h(
              'tbody',
              {},
              rows.map((row) =>
                h(
                  'tr',
                  {},
                  row.map((cell) => h('td', {}, inlineMarkdown(cell, names))),
                ),
              ),
            ),
          ),
        ),
      )
      i = j - 1
    } else if (/^(---+|\*\*\*+)$/.test(line)) nodes.push(h('hr'))
    else if (/^>\s?/.test(line)) nodes.push(h('blockquote', {}, inlineMarkdown(line.replace(/^>\s?/, ''), names)))
    else if (line.trim() !== '') nodes.push(h('p', {}, inlineMarkdown(line, names)))
  }
  return nodes
}

const markdownRules = [
  [/`([^`]+)`/, (m) => h('code', {}, m[1])],
  [/!?\[([^\]]+)\]\(([^)\s]+)\)/, (m) => link(m[2], m[1])],
  [/<([^<>\s]+)>/, (m, names) => reference(m[1], names)],
  [/\*\*([^*]+)\*\*/, (m, names) => h('strong', {}, inlineMarkdown(m[1], names))],
  [/(?<!\w)[*_]([^*_]+)[*_](?!\w)/, (m, names) => h('em', {}, inlineMarkdown(m[1], names))],
  [/~~([^~]+)~~/, (m, names) => h('s', {}, inlineMarkdown(m[1], names))],
  [/:([a-z0-9_+-]+):/, (m) => emoji[m[1]] ?? m[0]],
]

function inlineMarkdown(text, names) {
  const nodes = []
  let rest = text
  for (;;) {
    let first
    for (const [pattern, build] of markdownRules) {
      const match = pattern.exec(rest)
      if (match !== null && (first === undefined || match.index < first.match.index)) first = { match, build }
    }
    if (first === undefined) return [...nodes, rest]
    nodes.push(rest.slice(0, first.match.index), first.build(first.match, names))
    rest = rest.slice(first.match.index + first.match[0].length)
  }
}
