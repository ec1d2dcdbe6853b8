import { type ReactNode, useState } from 'react'
import type { Address, PageState } from '../page-state.ts'
import { Avatar } from './avatar.tsx'
import { Icon } from './icons.tsx'
import type { Theme } from './stored.ts'

interface TopBarProps {
  readonly state: PageState
  readonly theme: Theme
  readonly inspecting: boolean
  readonly stripShown: boolean
  readonly onMenu: () => void
  readonly onBecome: (user: string, byPointer: boolean) => void
  readonly onTheme: () => void
  readonly onInspect: () => void
  readonly onStrip: () => void
}

export function TopBar(props: TopBarProps): ReactNode {
  const { state, theme, inspecting, stripShown } = props
  return (
    <header className="top">
      <button type="button" className="plain burger" aria-label="Channels" onClick={props.onMenu}>
        <Icon name="menu" />
      </button>
      <strong className="workspace">Sandbox</strong>
      <fieldset className="switch">
        <legend className="hidden">You are</legend>
        {state.users
          .filter((user) => !user.isBot && user.name !== 'slackbot')
          .map((user) => (
            <label key={user.id} className={user.id === state.me ? 'person chosen' : 'person'}>
              <input
                type="radio"
                name="person"
                checked={user.id === state.me}
                // An arrow key is a click without a button.
                onChange={({ nativeEvent }) => props.onBecome(user.id, (nativeEvent as UIEvent).detail > 0)}
              />
              <Avatar id={user.id} user={user} />
              <span className="person-name">{user.realName}</span>
            </label>
          ))}
      </fieldset>
      <div className="tools">
        {state.addresses.length > 0 && (
          <Tool label="Addresses" icon="link" pressed={stripShown} onClick={props.onStrip} />
        )}
        <Tool label="Inspector" icon="traffic" pressed={inspecting} onClick={props.onInspect} />
        <Tool
          label={theme === 'dark' ? 'Light colours' : 'Dark colours'}
          icon={theme === 'dark' ? 'sun' : 'moon'}
          onClick={props.onTheme}
        />
      </div>
    </header>
  )
}

function Tool({
  label,
  icon,
  pressed,
  onClick,
}: {
  readonly label: string
  readonly icon: 'link' | 'traffic' | 'sun' | 'moon'
  readonly pressed?: boolean
  readonly onClick: () => void
}): ReactNode {
  return (
    <button type="button" className="plain" aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>
      <Icon name={icon} />
    </button>
  )
}

/** The sandbox's addresses, each a button that copies its command. */
export function AddressStrip({ addresses }: { readonly addresses: readonly Address[] }): ReactNode {
  const [copied, setCopied] = useState('')
  const [revealed, setRevealed] = useState(false)
  const secrets = addresses.filter(({ secret }) => secret === true).length
  const shown = revealed ? addresses : addresses.filter(({ secret }) => secret !== true)
  const copy = async ({ label, command }: Address) => {
    await navigator.clipboard.writeText(command)
    setCopied(label)
  }
  return (
    <section className="strip" aria-label="Addresses of the sandbox">
      {shown.map((address) => (
        <button
          key={address.label}
          type="button"
          title={address.command}
          onClick={() => void copy(address).catch(() => setCopied(''))}
        >
          <span className="hidden">Copy </span>
          <strong>{address.label}</strong>
          <code>{address.command}</code>
          <Icon name={copied === address.label ? 'done' : 'copy'} />
        </button>
      ))}
      {secrets > 0 && (
        <button type="button" aria-pressed={revealed} onClick={() => setRevealed(!revealed)}>
          <Icon name={revealed ? 'lock' : 'eye'} />
          <strong>{revealed ? 'Hide' : `Show ${secrets} with passwords`}</strong>
        </button>
      )}
      <span role="status" className="hidden">
        {copied !== '' && `Copied ${copied}`}
      </span>
    </section>
  )
}
