import { Fragment, type ReactNode, useEffect, useState } from 'react'
import { dateWords } from '../../dates.ts'
import emojiNames from '../../emoji.json'
import type { Text } from './parts.ts'
import { useWorkspace } from './contexts.ts'

type Names = (id: string) => string | undefined

const emoji: Readonly<Record<string, string>> = emojiNames

export function emojiOf(name: string): string | undefined {
  return Object.hasOwn(emoji, name) ? emoji[name] : undefined
}

export function plain(text: string): string {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name: string) => emojiOf(name) ?? whole)
}

function decoded(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

/** Only addresses a browser may open from a message. */
export function safeUrl(url: string | undefined): string | undefined {
  return url !== undefined && /^(https?:|mailto:|slack:)/i.test(url) ? url : undefined
}

export function Link({ href, children }: { readonly href: string; readonly children: ReactNode }): ReactNode {
  const safe = safeUrl(href)
  if (safe === undefined) return children
  if (safe.startsWith(location.origin)) return <a href={safe}>{children}</a>
  return (
    <a href={safe} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  )
}

export function Mention({ children }: { readonly children: ReactNode }): ReactNode {
  return <span className="mention">{children}</span>
}

interface TimeProps {
  readonly seconds: number
  readonly format: string
  readonly fallback?: string | undefined
  readonly timeZone?: string | undefined
  readonly url?: string | undefined
}

/** A date in the reader's own time zone; what stands in for it is shown only when Slack would show that. */
export function Time({ seconds, format, fallback = '', timeZone, url = '' }: TimeProps): ReactNode {
  const now = useMinute()
  const words = dateWords(seconds, format, { now, timeZone })
  if (words === undefined) return fallback
  const at = new Date(seconds * 1000)
  const shown = (
    <time dateTime={at.toISOString()} title={at.toString()}>
      {words}
    </time>
  )
  return url === '' ? shown : <Link href={url}>{shown}</Link>
}

/** The time now, anew each minute: what was "today" becomes "yesterday" while it is looked at. */
function useMinute(): Date {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 60_000)
    return () => clearInterval(timer)
  }, [])
  return now
}

type Rule = readonly [pattern: RegExp, build: (match: readonly string[], names: Names) => ReactNode]

const rules: readonly Rule[] = [
  [/`([^`\n]+)`/, ([, code = '']) => <code>{decoded(code)}</code>],
  [/<([^<>]+)>/, ([, inside = ''], names) => reference(inside, names)],
  [/(?<![\w*])\*(?=\S)([^*\n]*\S)\*(?![\w*])/, ([, inner = ''], names) => <strong>{inline(inner, names)}</strong>],
  [/(?<![\w_])_(?=\S)([^_\n]*\S)_(?![\w_])/, ([, inner = ''], names) => <em>{inline(inner, names)}</em>],
  [/(?<![\w~])~(?=\S)([^~\n]*\S)~(?![\w~])/, ([, inner = ''], names) => <s>{inline(inner, names)}</s>],
  [/:([a-z0-9_+-]+):/, ([whole = '', name = '']) => emojiOf(name) ?? whole],
]

/**
 * Slack's mrkdwn. Not the library's: it drops what follows a code block and breaks links whose label holds an entity.
 */
export function mrkdwn(text: string, names: Names): ReactNode {
  const [before = '', ...rest] = text.split(/```/)
  if (rest.length < 2) return prose(text, names)
  const [code = '', ...after] = rest
  // A code block stands on lines of its own: the line breaks around it are not drawn again.
  const follows = after.join('```').replace(/^\n/, '')
  return (
    <>
      {before.trim() === '' ? null : prose(before.replace(/\n$/, ''), names)}
      <pre>{decoded(code.replace(/^\n|\n$/g, ''))}</pre>
      {follows === '' ? null : mrkdwn(follows, names)}
    </>
  )
}

function prose(text: string, names: Names): ReactNode {
  return /^(&gt;|>)/m.test(text) ? quoted(text, names) : inline(text, names)
}

function inline(text: string, names: Names): ReactNode {
  const nodes: ReactNode[] = []
  let rest = text
  for (;;) {
    let first: { readonly match: RegExpExecArray; readonly build: Rule[1] } | undefined
    for (const [pattern, build] of rules) {
      const match = pattern.exec(rest)
      if (match !== null && (first === undefined || match.index < first.match.index)) first = { match, build }
    }
    if (first === undefined) break
    const { match, build } = first
    nodes.push(decoded(rest.slice(0, match.index)), build(match, names))
    rest = rest.slice(match.index + match[0].length)
  }
  return numbered([...nodes, decoded(rest)])
}

function quoted(text: string, names: Names): ReactNode {
  const runs: { readonly quote: boolean; readonly lines: string[] }[] = []
  for (const line of text.split('\n')) {
    const match = /^(?:&gt;|>)\s?(.*)$/.exec(line)
    const quote = match !== null
    if (runs.at(-1)?.quote !== quote) runs.push({ quote, lines: [] })
    runs.at(-1)?.lines.push(match?.[1] ?? line)
  }
  return runs.map(({ quote, lines }, index) => {
    const inner = inline(lines.join('\n'), names)
    return quote ? <blockquote key={index}>{inner}</blockquote> : <div key={index}>{inner}</div>
  })
}

function numbered(nodes: readonly ReactNode[]): ReactNode {
  return nodes.map((node, index) => <Fragment key={index}>{node}</Fragment>)
}

function reference(inside: string, names: Names): ReactNode {
  const [target = '', label] = inside.split('|')
  const id = target.slice(1)
  if (target.startsWith('@')) return <Mention>@{names(id) ?? label ?? id}</Mention>
  if (target.startsWith('#')) return <Mention>#{names(id) ?? label ?? id}</Mention>
  if (target.startsWith('!subteam^')) return <Mention>@{names(target.slice(9)) ?? label ?? 'group'}</Mention>
  if (target.startsWith('!date^')) {
    const [, seconds, format = '', url] = target.split('^')
    return (
      <Time
        seconds={Number(seconds)}
        format={decoded(format)}
        fallback={decoded(label ?? '')}
        url={url === undefined ? undefined : decoded(url)}
      />
    )
  }
  if (target.startsWith('!')) return <Mention>@{id}</Mention>
  return <Link href={decoded(target)}>{decoded(label ?? target)}</Link>
}

/** A text object, or the bare text of a block that has no other. */
export function Words({ text }: { readonly text: Text | string | undefined }): ReactNode {
  const { names } = useWorkspace()
  if (text === undefined) return null
  if (typeof text === 'string') return plain(text)
  return text.type === 'mrkdwn' ? mrkdwn(text.text, names) : plain(text.text)
}
