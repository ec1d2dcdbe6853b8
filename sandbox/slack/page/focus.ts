import { type RefObject, useEffect, useRef } from 'react'

/** Moves the focus into a pane when it opens, to what `first` selects, and back when it closes. */
export function useFocusWithin<Pane extends HTMLElement>(first: string): RefObject<Pane | null> {
  const pane = useRef<Pane>(null)
  useEffect(() => {
    const before = document.activeElement
    const opened = pane.current
    opened?.querySelector<HTMLElement>(first)?.focus()
    return () => {
      const lost = document.activeElement === document.body || opened?.contains(document.activeElement) === true
      if (lost && before instanceof HTMLElement) before.focus()
    }
  }, [first])
  return pane
}
