import { Fragment, type ReactNode, useEffect, useLayoutEffect, useRef } from 'react'
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

/** Messages, oldest first. It stays at its end while it is there, whatever grows. */
export function MessageList(props: MessageListProps): ReactNode {
  const { label, messages, readUntil, me, target, empty, onPress, onThread } = props
  const list = useRef<HTMLDivElement>(null)
  const inner = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)

  useLayoutEffect(() => {
    if (atEnd.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight
  }, [messages])
  useEffect(() => {
    const content = inner.current
    const scrolled = list.current
    if (content === null || scrolled === null) return undefined
    const observer = new ResizeObserver(() => {
      if (atEnd.current) scrolled.scrollTop = scrolled.scrollHeight
    })
    observer.observe(content)
    observer.observe(scrolled)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    const found =
      target === undefined ? null : (list.current?.querySelector(`[data-ts="${CSS.escape(target)}"]`) ?? null)
    if (found === null) return
    atEnd.current = false
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
      onScroll={({ currentTarget: it }) => {
        atEnd.current = it.scrollHeight - it.scrollTop - it.clientHeight < nearEndPx
      }}
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
