import { type ReactNode, useMemo, useState } from 'react'
import type { View } from '../model.ts'
import { Blocks } from './blocks/blocks.tsx'
import type { Block, Confirm } from './blocks/parts.ts'
import { type Act, ActContext, type Form, FormContext } from './blocks/contexts.ts'
import { grouped } from './dialogs.tsx'
import { control } from './feed.ts'

interface AppHomeProps {
  readonly view: View | null
  readonly me: string
  readonly ask: (confirm: Confirm | undefined) => Promise<boolean>
  readonly tell: (text: string) => void
}

/** What the app published for this person. */
export function AppHome({ view, me, ask, tell }: AppHomeProps): ReactNode {
  const [values, setValues] = useState<Readonly<Record<string, string>>>({})
  const form: Form = useMemo(
    () => ({ values, errors: {}, set: (key, value) => setValues((before) => ({ ...before, [key]: value })) }),
    [values],
  )
  const blocks = (view?.blocks ?? []) as unknown as readonly Block[]
  const act: Act = async (element, value) => {
    if (!(await ask(element.confirm))) return
    const typed = grouped(values, blocks)
    const answer = await control('pressInView', { userId: me, actionId: element.action_id, value, values: typed })
    if (answer.error !== undefined) tell(`That did not work: ${answer.error}`)
  }
  return (
    <div className="messages" tabIndex={0} role="region" aria-label="App Home">
      {view === null ? (
        <div className="empty">The app has not published anything here yet.</div>
      ) : (
        <div className="home blocks">
          <ActContext value={act}>
            <FormContext value={form}>
              <Blocks blocks={blocks} />
            </FormContext>
          </ActContext>
        </div>
      )}
    </div>
  )
}
