import { Fragment, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef } from 'react'
import type { Message } from '../model.ts'
import type { Element } from './blocks/parts.ts'
import { MessageItem } from './message.tsx'

interface MessageListProps {
  readonly label: string
  readonly messages: readonly Message[]
  /** What is newer was not read before this list was opened. */
  readonly readUntil?: string
  readonly me: string
  readonly target?: string
  readonly empty?: ReactNode
  readonly onPress: (message: Message, element: Element, value: string | undefined) => Promise<void>
  readonly onThread?: (ts: string) => void
}

const nearEndPx = 80
const groupSeconds = 300
const abovePx = 8

/**
 * What the list holds on to while its messages come and grow: the head of the newest message as far as that can be, its very end
 * once the reader went there, or nothing when the reader went elsewhere.
 */
type Hold = 'head' | 'end' | 'nothing'

/** Messages, oldest first. It stays at its end while it is there, and shows how the newest message begins. */
export function MessageList(props: MessageListProps): ReactNode {
  const { label, messages, readUntil, me, target, empty, onPress, onThread } = props
  const list = useRef<HTMLDivElement>(null)
  const inner = useRef<HTMLDivElement>(null)
  const hold = useRef<Hold>('head')
  const held = useRef({ top: -1, end: 0 })
  const newest = messages.at(-1)?.ts

  // A scroll event comes a frame after the scrolling, and a message can come in between: whoever moves the list asks first.
  const noticeReader = useCallback((it: HTMLElement) => {
    const { top, end } = held.current
    const clamped = it.scrollTop < top && it.scrollTop >= endOf(it) - 2
    if (Math.abs(it.scrollTop - top) < 2 || clamped) return
    hold.current = end - it.scrollTop < nearEndPx ? 'end' : 'nothing'
    held.current = { top: it.scrollTop, end }
  }, [])
  const settle = useCallback(() => {
    const it = list.current
    if (it === null) return
    if (held.current.top >= 0) noticeReader(it)
    const end = endOf(it)
    if (hold.current !== 'nothing') it.scrollTop = hold.current === 'end' ? end : Math.min(end, headOf(it))
    held.current = { top: it.scrollTop, end }
  }, [noticeReader])
  useLayoutEffect(() => {
    if (list.current !== null && held.current.top >= 0) noticeReader(list.current)
    if (hold.current === 'end') hold.current = 'head'
  }, [newest, noticeReader])
  useLayoutEffect(settle, [messages, settle])
  useEffect(() => {
    const content = inner.current
    const scrolled = list.current
    if (content === null || scrolled === null) return undefined
    const observer = new ResizeObserver(settle)
    observer.observe(content)
    observer.observe(scrolled)
    return () => observer.disconnect()
  }, [settle])
  useEffect(() => {
    const found =
      target === undefined ? null : (list.current?.querySelector(`[data-ts="${CSS.escape(target)}"]`) ?? null)
    if (found === null) return
    hold.current = 'nothing'
    found.scrollIntoView({ block: 'center' })
    found.classList.add('target')
  }, [target])

  const fresh = messages.find((message) => message.ts > (readUntil ?? '') && message.user !== me)
  return (
    <div
      className="messages"
      ref={list}
      role="log"
      aria-label={label}
      tabIndex={0}
      onScroll={({ currentTarget: it }) => noticeReader(it)}
    >
      <div ref={inner}>
        {messages.length === 0 && <div className="empty">{empty}</div>}
        {messages.map((message, index) => {
          const before = messages[index - 1]
          const newDay = dayOf(before) !== dayOf(message)
          const isFresh = readUntil !== undefined && readUntil !== '' && message === fresh
          return (
            <Fragment key={message.ts}>
              {newDay && <div className="day">{dayOf(message)}</div>}
              {isFresh && <div className="fresh">New</div>}
              <MessageItem
                message={message}
                compact={!newDay && !isFresh && continues(before, message)}
                onPress={onPress}
                onThread={onThread}
              />
            </Fragment>
          )
        })}
      </div>
    </div>
  )
}

/** How far the list can be scrolled, in pixels. */
function endOf(list: HTMLElement): number {
  return list.scrollHeight - list.clientHeight
}

/** Where the newest message begins, in pixels from the top of everything. */
function headOf(list: HTMLElement): number {
  const last = [...list.querySelectorAll('article')].at(-1)
  if (last === undefined) return 0
  return last.getBoundingClientRect().top - list.getBoundingClientRect().top + list.scrollTop - abovePx
}

function continues(before: Message | undefined, message: Message): boolean {
  return (
    before !== undefined &&
    before.user === message.user &&
    before.is_ephemeral === message.is_ephemeral &&
    Number(message.ts) - Number(before.ts) < groupSeconds &&
    (before.reply_count ?? 0) === 0 &&
    before.blocks === undefined &&
    message.blocks === undefined
  )
}

function dayOf(message: Message | undefined): string | undefined {
  if (message === undefined) return undefined
  const at = new Date(Number(message.ts) * 1000)
  if (at.toDateString() === new Date().toDateString()) return 'Today'
  return at.toLocaleDateString([], { weekday: 'long', month: 'long', day: 'numeric' })
}
