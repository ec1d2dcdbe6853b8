import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import type { CommandHint } from '../page-state.ts'
import { chosen, completionOf, isWhole } from './completion.ts'
import { Icon } from './icons.tsx'

interface ComposerProps {
  readonly label: string
  readonly placeholder: string
  readonly command: string
  readonly hints: readonly CommandHint[]
  readonly onSend: (text: string) => Promise<void>
  /** Takes the focus when it appears and when this changes; not at all when it is left out. */
  readonly focus?: number
}

const tallest = 160

export function Composer({ label, placeholder, command, hints, onSend, focus }: ComposerProps): ReactNode {
  const id = useId()
  const box = useRef<HTMLTextAreaElement>(null)
  const lastSent = useRef('')
  const [line, setLine] = useState('')
  const [open, setOpen] = useState(false)
  const [selected, setSelected] = useState(0)
  const [moved, setMoved] = useState(false)
  const completion = completionOf(line, command, hints)
  const offered = open && completion.kind === 'choose' ? completion.hints : []
  const at = Math.min(selected, Math.max(offered.length - 1, 0))

  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    current.style.height = 'auto'
    current.style.height = `${Math.min(current.scrollHeight, tallest)}px`
  }, [line])
  useLayoutEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' })
  }, [id, at])

  useEffect(() => {
    // On a touch screen the keyboard would cover half of the page.
    const touched = window.matchMedia('(pointer: coarse)').matches
    if (focus !== undefined && !touched) box.current?.focus({ preventScroll: true })
  }, [focus])

  const type = (next: string) => {
    setLine(next)
    setOpen(true)
    setSelected(0)
    setMoved(false)
  }
  const send = () => {
    const text = line.trim()
    if (text === '') return
    lastSent.current = text
    type('')
    void onSend(text)
  }
  const choose = (hint: CommandHint) => {
    type(chosen(hint, command))
    box.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const hint = offered[at]
    const move = (to: number) => {
      event.preventDefault()
      setSelected((to + offered.length) % offered.length)
      setMoved(true)
    }
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault()
      if (hint !== undefined && (moved || !isWhole(line, command, hints))) choose(hint)
      else send()
    } else if (event.key === 'Tab' && !event.shiftKey && hint !== undefined && line !== chosen(hint, command)) {
      event.preventDefault()
      choose(hint)
    } else if (event.key === 'ArrowDown' && hint !== undefined) move(at + 1)
    else if (event.key === 'ArrowUp' && hint !== undefined) move(at - 1)
    else if (event.key === 'ArrowUp' && line === '' && lastSent.current !== '') {
      event.preventDefault()
      type(lastSent.current)
      setOpen(false)
    } else if (event.key === 'Escape' && open && completion.kind !== 'none') {
      event.stopPropagation()
      setOpen(false)
    }
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      {offered.length > 0 && (
        <ul className="hints" role="listbox" id={`${id}-list`} aria-label="Commands">
          {offered.map((hint, index) => (
            <li
              key={hint.name}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseDown={(event) => {
                event.preventDefault()
                choose(hint)
              }}
            >
              <span>
                {command} <strong>{hint.name}</strong> {hint.parts.join(' ')}
              </span>
              <span className="muted">{hint.description}</span>
            </li>
          ))}
        </ul>
      )}
      {open && completion.kind === 'arguments' && (
        <div className="hints arguments" role="status">
          <span>
            {command} {completion.hint.name}{' '}
            {completion.hint.parts.map((part, index) => (
              <span key={part} className={index === completion.current ? 'argument now' : 'argument'}>
                {part}
              </span>
            ))}
          </span>
          <span className="muted">{completion.hint.description}</span>
        </div>
      )}
      <div className="box">
        <textarea
          ref={box}
          rows={1}
          value={line}
          aria-label={label}
          aria-autocomplete="list"
          aria-controls={offered.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={offered.length > 0 ? `${id}-${at}` : undefined}
          placeholder={placeholder}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target }) => type(target.value)}
          onKeyDown={onKeyDown}
          onBlur={() => setOpen(false)}
        />
        <button type="submit" className="send" aria-label="Send" disabled={line.trim() === ''}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  )
}
