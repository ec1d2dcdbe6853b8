import { useEffect, useState } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import { useSeen } from './stored.ts'

/** Marks the open channel as read while it is looked at, and counts what is unread in the others. */
export function useReading(state: PageState, channel: PageChannel | undefined, home: boolean) {
  const seen = useSeen()
  const { me } = state
  const last = home ? undefined : channel?.messages.at(-1)?.ts
  const opened = `${me} ${channel?.id ?? ''}`
  const [visit, setVisit] = useState({ opened: '', readUntil: '' })
  if (visit.opened !== opened) setVisit({ opened, readUntil: seen.since(me, channel?.id ?? '') })
  useEffect(() => {
    const mark = () => {
      if (!document.hidden && last !== undefined && channel !== undefined) seen.mark(me, channel.id, last)
    }
    mark()
    document.addEventListener('visibilitychange', mark)
    return () => document.removeEventListener('visibilitychange', mark)
  })
  const unread = (other: PageChannel) => {
    const since = seen.since(me, other.id)
    const fresh = other.messages.filter(
      (message) => message.ts > since && message.user !== me && message.thread_ts === undefined,
    )
    const loud = other.kind === 'direct' || JSON.stringify(fresh).includes(`<@${me}>`)
    return { count: fresh.length, loud }
  }
  return { readUntil: visit.readUntil, unread }
}
