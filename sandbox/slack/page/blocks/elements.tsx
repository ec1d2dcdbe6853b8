import { type ReactNode, useState } from 'react'
import { Field, fieldTypes } from './fields.tsx'
import type { Element } from './parts.ts'
import { useAct } from './contexts.ts'
import { plain, safeUrl, Words } from './text.tsx'

/** An element outside of an input block: what is pressed or chosen goes to the app at once. */
export function Interactive({
  element,
  blockId,
}: {
  readonly element: Element
  readonly blockId: string | undefined
}): ReactNode {
  const act = useAct()
  if (element.type === 'image') return <Picture image={element} />
  if (element.type === 'overflow') return <Overflow element={element} />
  if (element.type === 'feedback_buttons') {
    return [element.positive_button, element.negative_button].map(
      (one) =>
        one !== undefined && (
          <Press key={one.value} element={{ ...element, text: one.text }} onPress={() => act(element, one.value)} />
        ),
    )
  }
  if (fieldTypes.has(element.type)) {
    return <Field element={element} blockId={blockId} onChoose={(value) => void act(element, value)} />
  }
  return <Press element={element} onPress={() => act(element, element.value)} />
}

function Press({ element, onPress }: { readonly element: Element; readonly onPress: () => Promise<void> }): ReactNode {
  const [busy, setBusy] = useState(false)
  const press = async () => {
    const url = safeUrl(element.url)
    if (url !== undefined) window.open(url, '_blank', 'noopener')
    setBusy(true)
    await onPress()
    setBusy(false)
  }
  return (
    <button
      type="button"
      className={`button ${element.style ?? ''}`}
      data-action={element.action_id}
      aria-label={element.accessibility_label}
      aria-busy={busy}
      // Not `disabled`: that would take the focus away from whoever uses the keyboard.
      aria-disabled={busy}
      onClick={() => {
        if (!busy) void press()
      }}
    >
      <Words text={element.text} />
    </button>
  )
}

function Overflow({ element }: { readonly element: Element }): ReactNode {
  const act = useAct()
  const [open, setOpen] = useState(false)
  return (
    <div
      className="overflow"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false)
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return
        event.stopPropagation()
        setOpen(false)
        event.currentTarget.querySelector('button')?.focus()
      }}
    >
      <button
        type="button"
        className="button"
        aria-label="More actions"
        aria-expanded={open}
        data-action={element.action_id}
        onClick={() => setOpen(!open)}
      >
        ⋯
      </button>
      {open && (
        <div className="menu">
          {element.options?.map((option) => (
            <button
              key={option.value}
              type="button"
              onClick={() => {
                setOpen(false)
                void act(element, option.value)
              }}
            >
              <Words text={option.text} />
            </button>
          ))}
        </div>
      )}
    </div>
  )
}

export function Picture({ image }: { readonly image: Element }): ReactNode {
  const url = safeUrl(image.image_url ?? image.slack_file?.url)
  const words = plain(image.alt_text ?? '')
  return url === undefined ? <span className="muted">{words}</span> : <img src={url} alt={words} loading="lazy" />
}
