import { type ReactNode, useCallback, useLayoutEffect, useRef, useState } from 'react'
import type { Confirm } from './blocks/parts.ts'
import { Words } from './blocks/text.tsx'

interface Asked {
  readonly confirm: Confirm
  readonly answer: (yes: boolean) => void
}

/** Asks "are you sure?" as a `confirm` object says. Returns the dialog to draw and what asks. */
export function useConfirm(): [ReactNode, (confirm: Confirm | undefined) => Promise<boolean>] {
  const [asked, setAsked] = useState<Asked>()
  const ask = useCallback((confirm: Confirm | undefined): Promise<boolean> => {
    if (confirm === undefined) return Promise.resolve(true)
    return new Promise((resolve) => {
      setAsked({
        confirm,
        answer: (yes) => {
          setAsked(undefined)
          resolve(yes)
        },
      })
    })
  }, [])
  return [asked === undefined ? null : <ConfirmDialog key="confirm" {...asked} />, ask]
}

function ConfirmDialog({ confirm, answer }: Asked): ReactNode {
  const box = useModal()
  return (
    <dialog
      ref={box}
      className="confirm"
      aria-labelledby="confirm-title"
      onCancel={(event) => {
        event.preventDefault()
        answer(false)
      }}
    >
      <h2 id="confirm-title">
        <Words text={confirm.title} />
      </h2>
      <div className="text">
        <Words text={confirm.text} />
      </div>
      <div className="foot">
        <button type="button" className="button" onClick={() => answer(false)}>
          <Words text={confirm.deny} />
        </button>
        <button type="button" className={`button ${confirm.style ?? 'primary'}`} onClick={() => answer(true)}>
          <Words text={confirm.confirm} />
        </button>
      </div>
    </dialog>
  )
}

/** Shows a dialog above everything for as long as it is drawn; the focus returns to where it was. */
export function useModal(): React.RefObject<HTMLDialogElement | null> {
  const box = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const { current } = box
    const before = document.activeElement
    current?.showModal()
    return () => {
      current?.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return box
}
