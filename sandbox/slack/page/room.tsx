import { type ReactNode, useState } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import { Composer } from './composer.tsx'
import { control } from './feed.ts'
import { MessageList } from './message-list.tsx'
import type { Press } from './press.ts'
import { useStored } from './stored.ts'
import { Beginning } from './title.tsx'
import { TourChips } from './tour.tsx'

interface RoomProps {
  readonly state: PageState
  readonly channel: PageChannel
  readonly readUntil: string
  readonly target: string
  readonly pressAs: (userId: string) => Press
  readonly onPress: Press
  readonly onThread: (ts: string) => void
  readonly onBecome: (userId: string) => void
  readonly tell: (text: string) => void
  /** The composer takes the focus anew when this changes. */
  readonly focus: number
}

/** A channel: what was said in it, what to try in it, and where to type. */
export function Room(props: RoomProps): ReactNode {
  const { state, channel, readUntil, target, pressAs, onPress, onThread, onBecome, tell, focus } = props
  const { me, bot, command } = state
  const [shown, setShown] = useStored('tour', 'shown')
  const [chatted, setChatted] = useState(false)
  const messages = channel.messages.filter(
    (message) => message.thread_ts === undefined || message.reply_broadcast === true,
  )
  const direct = channel.kind === 'direct'
  const send = async (text: string) => {
    setChatted(!direct && !text.startsWith('/'))
    const answer = await control('type', { userId: me, channelId: channel.id, text })
    if (answer.error !== undefined && answer.ok === undefined) tell(answer.error)
  }
  const tour = state.tour?.channel === channel.id ? state.tour : null
  const hands = { me, bot, command, messages, become: onBecome, press: pressAs, tell }
  return (
    <>
      <MessageList
        key={`${me} ${channel.id}`}
        label="Messages"
        messages={messages}
        readUntil={readUntil}
        me={me}
        target={target}
        empty={
          <Beginning channel={channel} command={command}>
            {tour !== null && <TourChips tour={tour} {...hands} />}
          </Beginning>
        }
        onPress={onPress}
        onThread={onThread}
      />
      {chatted && (
        <p className="pointer" role="status">
          This channel takes commands: try{' '}
          <button type="button" onClick={() => void send(`${command} help`)}>
            {command} help
          </button>
        </p>
      )}
      {tour !== null && messages.length > 0 && shown === 'shown' && (
        <TourChips tour={tour} {...hands} onHide={() => setShown('hidden')} />
      )}
      <Composer
        label="Message"
        placeholder={`Message ${direct ? 'Purser' : `#${channel.name}`}, or ${command}`}
        onSend={send}
        command={command}
        hints={state.commandHints}
        focus={focus}
      />
    </>
  )
}
