import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import { AppHome } from './app-home.tsx'
import { WorkspaceContext } from './blocks/contexts.ts'
import { Composer } from './composer.tsx'
import { useConfirm } from './confirm.tsx'
import { Dialogs } from './dialogs.tsx'
import { control, useFeed } from './feed.ts'
import { Inspector } from './inspector.tsx'
import { type Place, placeFrom } from './place.ts'
import { usePress } from './press.ts'
import { useReading } from './reading.ts'
import { Room } from './room.tsx'
import { Sidebar } from './sidebar.tsx'
import { type Theme, useStored, useTheme } from './stored.ts'
import { useWorkspaceData } from './workspace-data.ts'
import { Thread } from './thread.tsx'
import { Banner, Title } from './title.tsx'
import { useToast } from './toast.ts'
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
  const [switches, setSwitches] = useState(0)
  const [toast, tell] = useToast()
  const [confirmDialog, ask] = useConfirm()
  const workspace = useWorkspaceData(state, theme)
  const me = state.me
  const channel = state.channels.find((channel) => channel.id === place.channel) ?? firstRoom(state)
  const reading = useReading(state, channel, place.home)
  const root = place.home ? undefined : channel?.messages.find((message) => message.ts === place.thread)
  const pressAs = usePress(ask, tell)
  const press = useMemo(() => pressAs(me), [pressAs, me])
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
  /** Whoever is chosen goes on typing, unless arrow keys go through the people. */
  const become = (user: string, goesOn = true) => {
    onBecome(user)
    if (goesOn) setSwitches((before) => before + 1)
  }
  const reply = async (text: string) => {
    const answer = await control('type', { userId: me, channelId: channel?.id, text, threadTs: root?.ts })
    if (answer.error !== undefined && answer.ok === undefined) tell(answer.error)
  }
  const shownStrip = strip === 'shown' && state.addresses.length > 0

  return (
    <WorkspaceContext value={workspace}>
      <div className={`app ${root === undefined ? '' : 'threaded'} ${menu ? 'menu-open' : ''}`}>
        <TopBar
          state={state}
          theme={theme}
          inspecting={inspecting}
          stripShown={shownStrip}
          onMenu={() => setMenu(!menu)}
          onBecome={become}
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
              <Room
                key={channel.id}
                state={state}
                channel={channel}
                readUntil={reading.readUntil}
                target={place.target}
                pressAs={pressAs}
                onPress={press}
                onThread={openThread}
                onBecome={become}
                tell={tell}
                focus={switches}
              />
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
            composer={<Composer label="Reply" placeholder="Reply…" onSend={reply} command="/" hints={[]} />}
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
    </WorkspaceContext>
  )
}

function firstRoom(state: PageState): PageChannel | undefined {
  return state.channels.find((channel) => channel.kind !== 'direct') ?? state.channels[0]
}
