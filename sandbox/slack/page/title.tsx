import type { ReactNode } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import type { Place } from './place.ts'

interface TitleProps {
  readonly state: PageState
  readonly place: Place
  readonly channel: PageChannel | undefined
  readonly onHome: () => void
  readonly onVisit: (channel: string) => void
}

/** What is open: a channel, or the app with its two tabs. */
export function Title({ state, place, channel, onHome, onVisit }: TitleProps): ReactNode {
  const direct = state.channels.find((channel) => channel.kind === 'direct')
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

export function Banner({
  offline,
  unreachable,
}: {
  readonly offline: boolean
  readonly unreachable: boolean
}): ReactNode {
  if (!offline && !unreachable) return null
  return (
    <div className="banner" role="status">
      {offline
        ? 'The sandbox does not answer. This page goes on as soon as it does.'
        : 'No app is connected: commands will fail until the bot runs.'}
    </div>
  )
}

/** What stands in a channel in which nobody has written yet; the children are what to try in it. */
export function Beginning({
  channel,
  command,
  children,
}: {
  readonly channel: PageChannel
  readonly command: string
  readonly children?: ReactNode
}): ReactNode {
  return (
    <>
      <h2>
        {channel.kind === 'direct' ? 'Only you and the app see this' : `This is the beginning of #${channel.name}`}
      </h2>
      {children}
      <p>
        Type <code>/</code> to see the commands, or try <code>{command} help</code>.
      </p>
    </>
  )
}
