import { type ReactNode, useEffect, useRef } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import { Icon } from './icons.tsx'
import type { Place } from './place.ts'

interface SidebarProps {
  readonly state: PageState
  readonly place: Place
  readonly open: boolean
  readonly unread: (channel: PageChannel) => { readonly count: number; readonly loud: boolean }
  readonly onVisit: (channel: string) => void
  readonly onHome: () => void
  readonly onClose: () => void
}

export function Sidebar({ state, place, open, unread, onVisit, onHome, onClose }: SidebarProps): ReactNode {
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    if (open) nav.current?.querySelector('button')?.focus()
  }, [open])
  const rooms = state.channels.filter((channel) => channel.kind !== 'direct')
  const direct = state.channels.find((channel) => channel.kind === 'direct')
  const fromApp = direct === undefined ? 0 : unread(direct).count
  const isApp = place.home || place.channel === direct?.id
  return (
    <>
      <nav
        ref={nav}
        className="sidebar"
        aria-label="Channels"
        onKeyDown={(event) => {
          if (event.key === 'Escape' && open) onClose()
        }}
      >
        <h2>Channels</h2>
        {rooms.map((channel) => (
          <Entry
            key={channel.id}
            name={channel.name}
            sign={channel.kind === 'private' ? <Icon name="lock" /> : '#'}
            here={!place.home && channel.id === place.channel}
            {...unread(channel)}
            onClick={() => onVisit(channel.id)}
          />
        ))}
        <h2>Apps</h2>
        <Entry
          name={state.users.find((user) => user.id === state.bot)?.realName ?? 'App'}
          sign={<Icon name="anchor" />}
          here={isApp}
          count={fromApp}
          loud={fromApp > 0}
          onClick={onHome}
        />
        <p className="sidebar-note">A workspace on this machine: nothing here reaches Slack.</p>
      </nav>
      {open && <div className="veil" onClick={onClose} />}
    </>
  )
}

interface EntryProps {
  readonly name: string
  readonly sign: ReactNode
  readonly here: boolean
  readonly count: number
  readonly loud: boolean
  readonly onClick: () => void
}

function Entry({ name, sign, here, count, loud, onClick }: EntryProps): ReactNode {
  const shown = count > 0 && !here
  return (
    <button
      type="button"
      className={`channel ${here ? 'here' : ''} ${shown ? 'unread' : ''}`}
      aria-current={here ? 'page' : undefined}
      onClick={onClick}
    >
      <span className="sign" aria-hidden="true">
        {sign}
      </span>
      <span className="channel-name">{name}</span>
      {shown && (
        <span className={loud ? 'count loud' : 'count'}>
          {count}
          <span className="hidden"> unread</span>
        </span>
      )}
    </button>
  )
}
