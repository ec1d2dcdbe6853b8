import { useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import type { Message } from '../model.ts'
import type { PageChannel, PageState } from '../page-state.ts'
import { AppHome } from './app-home.tsx'
import type { Confirm, Element } from './blocks/parts.ts'
import { SurroundingsContext, type Surroundings } from './blocks/surroundings.ts'
import { Composer } from './composer.tsx'
import { useConfirm } from './confirm.tsx'
import { Dialogs } from './dialogs.tsx'
import { control, useFeed } from './feed.ts'
import { useFocusWithin } from './focus.ts'
import { Icon } from './icons.tsx'
import { Inspector } from './inspector.tsx'
import { MessageList } from './message-list.tsx'
import { placeFrom, type Place } from './place.ts'
import { Sidebar } from './sidebar.tsx'
import { useSeen, useStored, useTheme, type Theme } from './stored.ts'
import { AddressStrip, TopBar } from './top-bar.tsx'

export function App(): ReactNode {
  const [user, setUser] = useStored('user', '')
  const [theme, toggleTheme] = useTheme()
  const feed = useFeed(user)
  if (feed.state === undefined) return <p className="loading">Opening the workspace…</p>
  return (
    <Workspace
      state={as(user, feed.state)}
      offline={feed.offline}
      refresh={feed.refresh}
      theme={theme}
      onTheme={toggleTheme}
      onBecome={setUser}
    />
  )
}

/**
 * Whoever was chosen acts from that moment on, even before the workspace came as this person sees it. Until then
 * nothing is shown that is for the one before alone.
 */
function as(user: string, state: PageState): PageState {
  if (user === state.me || !state.users.some((known) => known.id === user)) return state
  const channels = state.channels.map((channel) => ({
    ...channel,
    messages: channel.messages.filter((message) => message.is_ephemeral !== true),
  }))
  return { ...state, me: user, channels, views: [], home: null }
}

interface WorkspaceProps {
  readonly state: PageState
  readonly offline: boolean
  readonly theme: Theme
  readonly refresh: () => Promise<void>
  readonly onTheme: () => void
  readonly onBecome: (user: string) => void
}

function Workspace({ state, offline, theme, refresh, onTheme, onBecome }: WorkspaceProps): ReactNode {
  const [place, setPlace] = useState<Place>(() => placeFrom(location))
  const [menu, setMenu] = useState(false)
  const [inspecting, setInspecting] = useState(false)
  const [strip, setStrip] = useStored('strip', 'shown')
  const [toast, tell] = useToast()
  const [confirmDialog, ask] = useConfirm()
  const surroundings = useSurroundingsOf(state, theme)
  const me = state.me
  const channel = state.channels.find((it) => it.id === place.channel) ?? firstRoom(state)
  const reading = useReading(state, channel, place.home)
  const root = place.home ? undefined : channel?.messages.find((message) => message.ts === place.thread)
  const press = usePress(me, ask, tell)
  const openThread = useCallback((ts: string) => setPlace((before) => ({ ...before, thread: ts })), [])
  const title = place.home ? 'Purser' : channel?.kind === 'direct' ? 'Purser' : (channel?.name ?? '')
  useEffect(() => {
    document.title = `${title} · Sandbox workspace`
  }, [title])

  const visit = (id: string) => {
    setPlace({ channel: id, thread: '', target: '', home: false })
    setMenu(false)
  }
  const openHome = () => {
    setPlace({ channel: '', thread: '', target: '', home: true })
    setMenu(false)
    void control('openHome', { userId: me })
  }
  const send = async (text: string, threadTs?: string) => {
    const answer = await control('type', { userId: me, channelId: channel?.id, text, threadTs })
    if (answer.error !== undefined && answer.ok === undefined) tell(answer.error)
  }
  const shownStrip = strip === 'shown' && state.addresses.length > 0
  const composer = { command: state.command, hints: state.commandHints }

  return (
    <SurroundingsContext value={surroundings}>
      <div className={`app ${root === undefined ? '' : 'threaded'} ${menu ? 'menu-open' : ''}`}>
        <TopBar
          state={state}
          theme={theme}
          inspecting={inspecting}
          stripShown={shownStrip}
          onMenu={() => setMenu(!menu)}
          onBecome={onBecome}
          onTheme={onTheme}
          onInspect={() => setInspecting(!inspecting)}
          onStrip={() => setStrip(shownStrip ? 'hidden' : 'shown')}
        />
        {shownStrip && <AddressStrip addresses={state.addresses} />}
        <Sidebar
          state={state}
          place={{ ...place, channel: channel?.id ?? '' }}
          open={menu}
          unread={reading.unread}
          onVisit={visit}
          onHome={openHome}
          onClose={() => setMenu(false)}
        />
        <main>
          <Title state={state} place={place} channel={channel} onHome={openHome} onVisit={visit} />
          <Banner offline={offline} unreachable={state.connections === 0 && !state.http} />
          {place.home ? (
            <AppHome key={me} view={state.home} me={me} ask={ask} tell={tell} />
          ) : (
            channel !== undefined && (
              <>
                <MessageList
                  key={`${me} ${channel.id}`}
                  label="Messages"
                  messages={channel.messages.filter((it) => it.thread_ts === undefined || it.reply_broadcast === true)}
                  readUntil={reading.readUntil}
                  me={me}
                  target={place.target}
                  empty={<Beginning channel={channel} command={state.command} />}
                  onPress={press}
                  onThread={openThread}
                />
                <Composer
                  key={channel.id}
                  label="Message"
                  placeholder={`Message ${channel.kind === 'direct' ? title : `#${title}`}, or ${state.command}`}
                  onSend={send}
                  {...composer}
                />
              </>
            )
          )}
        </main>
        {root !== undefined && channel !== undefined && (
          <Thread
            key={root.ts}
            root={root}
            channel={channel}
            me={me}
            target={place.target}
            onPress={press}
            onClose={() => openThread('')}
            composer={
              <Composer
                label="Reply"
                placeholder="Reply…"
                onSend={(text) => send(text, root.ts)}
                command="/"
                hints={[]}
              />
            }
          />
        )}
        {inspecting && <Inspector onClose={() => setInspecting(false)} />}
        <Dialogs views={state.views} me={me} ask={ask} refresh={refresh} tell={tell} />
        {confirmDialog}
        {toast !== '' && (
          <div className="toast" role="alert">
            {toast}
          </div>
        )}
      </div>
    </SurroundingsContext>
  )
}

function firstRoom(state: PageState): PageChannel | undefined {
  return state.channels.find((channel) => channel.kind !== 'direct') ?? state.channels[0]
}

function useSurroundingsOf(state: PageState, theme: Theme): Surroundings {
  const { users, channels, userGroups } = state
  // Channels change with every message; what blocks need of them does not.
  const rooms = JSON.stringify(channels.map(({ id, name, kind }) => ({ id, name, kind, messages: [] })))
  return useMemo(() => {
    const known = JSON.parse(rooms) as readonly PageChannel[]
    return {
      users,
      userGroups,
      channels: known,
      theme,
      names: (id: string) =>
        users.find((user) => user.id === id)?.realName ??
        known.find((channel) => channel.id === id)?.name ??
        userGroups.find((group) => group.id === id)?.handle,
    }
  }, [users, rooms, userGroups, theme])
}

/** Marks the open channel as read while it is looked at, and counts what is unread in the others. */
function useReading(state: PageState, channel: PageChannel | undefined, home: boolean) {
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
    const fresh = other.messages.filter((it) => it.ts > since && it.user !== me && it.thread_ts === undefined)
    const loud = other.kind === 'direct' || JSON.stringify(fresh).includes(`<@${me}>`)
    return { count: fresh.length, loud }
  }
  return { readUntil: visit.readUntil, unread }
}

function usePress(
  me: string,
  ask: (confirm: Confirm | undefined) => Promise<boolean>,
  tell: (text: string) => void,
): (message: Message, element: Element, value: string | undefined) => Promise<void> {
  return useCallback(
    async (message, element, value) => {
      if (!(await ask(element.confirm))) return
      const answer = await control('press', {
        userId: me,
        channelId: message.channel,
        messageTs: message.ts,
        actionId: element.action_id,
        value,
      })
      if (answer.error !== undefined) tell(`That did not work: ${answer.error}`)
    },
    [me, ask, tell],
  )
}

const toastMs = 6000

function useToast(): [string, (text: string) => void] {
  const [toast, setToast] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setToast(''), toastMs)
    return () => clearTimeout(timer)
  }, [toast])
  return [toast, setToast]
}

function Banner({ offline, unreachable }: { readonly offline: boolean; readonly unreachable: boolean }): ReactNode {
  if (!offline && !unreachable) return null
  return (
    <div className="banner" role="status">
      {offline
        ? 'The sandbox does not answer. This page goes on as soon as it does.'
        : 'No app is connected: commands will fail until the bot runs.'}
    </div>
  )
}

function Beginning({ channel, command }: { readonly channel: PageChannel; readonly command: string }): ReactNode {
  return (
    <>
      <h2>
        {channel.kind === 'direct' ? 'Only you and the app see this' : `This is the beginning of #${channel.name}`}
      </h2>
      <p>
        Type <code>/</code> to see the commands, or try <code>{command} help</code>.
      </p>
    </>
  )
}

interface TitleProps {
  readonly state: PageState
  readonly place: Place
  readonly channel: PageChannel | undefined
  readonly onHome: () => void
  readonly onVisit: (channel: string) => void
}

function Title({ state, place, channel, onHome, onVisit }: TitleProps): ReactNode {
  const direct = state.channels.find((it) => it.kind === 'direct')
  if (!place.home && channel?.kind !== 'direct') {
    return (
      <header className="title">
        <h1>
          <span className="sign">#</span> {channel?.name}
        </h1>
      </header>
    )
  }
  return (
    <header className="title">
      <h1>{state.users.find((user) => user.id === state.bot)?.realName}</h1>
      <div className="tabs">
        <button type="button" aria-pressed={place.home} onClick={onHome}>
          Home
        </button>
        {direct !== undefined && (
          <button type="button" aria-pressed={!place.home} onClick={() => onVisit(direct.id)}>
            Messages
          </button>
        )}
      </div>
    </header>
  )
}

interface ThreadProps {
  readonly root: Message
  readonly channel: PageChannel
  readonly me: string
  readonly target: string
  readonly onPress: (message: Message, element: Element, value: string | undefined) => Promise<void>
  readonly onClose: () => void
  readonly composer: ReactNode
}

function Thread({ root, channel, me, target, onPress, onClose, composer }: ThreadProps): ReactNode {
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
        target={messages.some((it) => it.ts === target) ? target : ''}
        onPress={onPress}
      />
      {composer}
    </aside>
  )
}
