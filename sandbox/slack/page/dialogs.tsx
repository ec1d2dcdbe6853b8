import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import type { View } from '../model.ts'
import { Blocks } from './blocks/blocks.tsx'
import { fieldTypes, keyOf } from './blocks/fields.tsx'
import type { Block, Confirm, Element, Text } from './blocks/parts.ts'
import { type Act, ActContext, type Form, FormContext } from './blocks/contexts.ts'
import { Words } from './blocks/text.tsx'
import { useModal } from './confirm.tsx'
import { control } from './feed.ts'
import { Icon } from './icons.tsx'

interface DialogProps {
  readonly views: readonly View[]
  readonly me: string
  readonly ask: (confirm: Confirm | undefined) => Promise<boolean>
  readonly refresh: () => Promise<void>
  readonly tell: (text: string) => void
}

const fields = 'input, textarea, select'

type Values = Readonly<Record<string, string>>

/** The dialog on top of the person's screen. What was typed in those below it stays. */
export function Dialogs(props: DialogProps): ReactNode {
  const [typed, setTyped] = useState<Readonly<Record<string, Values>>>({})
  const view = props.views.at(-1)
  const set = useCallback(
    (viewId: string, key: string, value: string) =>
      setTyped((before) => ({ ...before, [viewId]: { ...before[viewId], [key]: value } })),
    [],
  )
  if (view === undefined) return null
  return (
    <Frame label={view.title?.text ?? 'Dialog'} onClose={() => void close(props, false)}>
      <OneDialog key={view.id} {...props} view={view} values={typed[view.id] ?? {}} set={set} />
    </Frame>
  )
}

async function close({ me, refresh }: DialogProps, all: boolean): Promise<void> {
  await control('closeView', { userId: me, all })
  await refresh()
}

function Frame({
  label,
  onClose,
  children,
}: {
  readonly label: string
  readonly onClose: () => void
  readonly children: ReactNode
}): ReactNode {
  const box = useModal()
  return (
    <dialog
      ref={box}
      className="modal"
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      {children}
    </dialog>
  )
}

function OneDialog(
  props: DialogProps & {
    readonly view: View
    readonly values: Values
    readonly set: (viewId: string, key: string, value: string) => void
  },
): ReactNode {
  const { view, values, set, me, ask, refresh, tell } = props
  const [errors, setErrors] = useState<Values>({})
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState(false)
  const blocks = view.blocks as unknown as readonly Block[]
  const submit = view['submit'] as Text | undefined
  const closing = view['close'] as Text | undefined

  useEffect(() => {
    const wrong = document.querySelector<HTMLElement>(`dialog.modal .wrong :is(${fields})`)
    wrong?.focus()
  }, [errors])
  useEffect(() => {
    const body = document.querySelector('dialog.modal .body')
    const first = body?.querySelector<HTMLElement>('[data-focus]') ?? body?.querySelector<HTMLElement>(fields)
    if (first instanceof HTMLElement) first.focus()
    else if (body instanceof HTMLElement) body.focus()
  }, [])

  const form: Form = useMemo(
    () => ({ values, errors, set: (key, value) => set(view.id, key, value) }),
    [values, errors, set, view.id],
  )
  const act: Act = async (element, value) => {
    if (!(await ask(element.confirm))) return
    const answer = await control('pressInView', {
      userId: me,
      actionId: element.action_id,
      value,
      values: grouped(values, blocks),
    })
    if (answer.error !== undefined) tell(`That did not work: ${answer.error}`)
  }
  const send = async () => {
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    const result = await control('submitView', { userId: me, values: grouped(values, blocks) })
    setErrors(result.errors ?? {})
    if (result.error !== undefined) setProblem(`That did not work: ${result.error}`)
    await refresh()
    setBusy(false)
  }

  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <header className="head">
        <h2>
          <Words text={view.title?.text} />
        </h2>
        <button type="button" className="plain" aria-label="Close" onClick={() => void close(props, true)}>
          <Icon name="close" />
        </button>
      </header>
      {/* Long texts are scrolled by keyboard only when they can be focused. */}
      <div className="body" tabIndex={0} role="group" aria-label={view.title?.text ?? 'Dialog'}>
        <ActContext value={act}>
          <FormContext value={form}>
            <Blocks blocks={blocks} />
          </FormContext>
        </ActContext>
        {problem !== undefined && (
          <div className="error" role="alert">
            {problem}
          </div>
        )}
      </div>
      <div className="foot">
        <button type="button" className="button" onClick={() => void close(props, false)}>
          {closing === undefined ? submit === undefined ? 'Close' : 'Cancel' : <Words text={closing} />}
        </button>
        {submit !== undefined && (
          <button type="submit" className="button primary" aria-disabled={busy}>
            {busy ? 'One moment…' : <Words text={submit} />}
          </button>
        )}
      </div>
    </form>
  )
}

/** Values by block and action, of the fields that the view still has: it may have changed since they were typed. */
export function grouped(values: Values, blocks: readonly Block[]): Record<string, Record<string, string>> {
  const result: Record<string, Record<string, string>> = {}
  for (const block of blocks) {
    const elements: readonly (Element | undefined)[] = [block.element, block.accessory, ...(block.elements ?? [])]
    for (const element of elements) {
      if (element?.action_id === undefined || !fieldTypes.has(element.type)) continue
      const value = values[keyOf(block.block_id, element)]
      if (value !== undefined) (result[block.block_id ?? ''] ??= {})[element.action_id] = value
    }
  }
  return result
}
