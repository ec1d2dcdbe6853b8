import type { ReactNode } from 'react'
import type { Message } from '../model.ts'
import type { PageChannel } from '../page-state.ts'
import { useFocusWithin } from './focus.ts'
import { Icon } from './icons.tsx'
import { MessageList } from './message-list.tsx'
import type { Press } from './press.ts'

interface ThreadProps {
  readonly root: Message
  readonly channel: PageChannel
  readonly me: string
  readonly target: string
  readonly onPress: Press
  readonly onClose: () => void
  readonly composer: ReactNode
}

export function Thread({ root, channel, me, target, onPress, onClose, composer }: ThreadProps): ReactNode {
  const pane = useFocusWithin<HTMLElement>('textarea')
  const messages = [root, ...channel.messages.filter((message) => message.thread_ts === root.ts)]
  return (
    <aside
      ref={pane}
      className="thread"
      aria-label="Thread"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header className="title">
        <h2>Thread</h2>
        <span className="muted">#{channel.name}</span>
        <button type="button" className="plain" aria-label="Close thread" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <MessageList
        label="Replies"
        messages={messages}
        me={me}
        target={messages.some((message) => message.ts === target) ? target : ''}
        onPress={onPress}
      />
      {composer}
    </aside>
  )
}
