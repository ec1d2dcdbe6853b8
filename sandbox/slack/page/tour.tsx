import { type ReactNode, useRef } from 'react'
import { interactiveElements } from '../elements.ts'
import type { Message } from '../model.ts'
import type { Failure, Tour, TourStep } from '../page-state.ts'
import type { Element } from './blocks/parts.ts'
import { control } from './feed.ts'
import { Icon } from './icons.tsx'
import type { Press } from './press.ts'

interface Hands {
  readonly me: string
  readonly bot: string
  readonly command: string
  readonly messages: readonly Message[]
  readonly become: (user: string) => void
  readonly press: (as: string) => Press
  readonly tell: (text: string) => void
}

interface TourChipsProps extends Hands {
  readonly tour: Tour
  /** Missing where the tour cannot be hidden. */
  readonly onHide?: () => void
}

/** Three numbered chips that do a whole deploy, and a list of what can go wrong. */
export function TourChips({ tour, onHide, ...hands }: TourChipsProps): ReactNode {
  const next = nextStep(tour, hands)
  return (
    <section className={onHide === undefined ? 'tour' : 'tour slim'} aria-label="Try it">
      {tour.steps.map((step, index) => {
        const missing = step.presses !== undefined && found(hands.messages, step.presses) === undefined
        return (
          <button
            key={step.label}
            type="button"
            className={index === next ? 'chip next' : 'chip'}
            disabled={missing}
            title={missing ? 'There is nothing to press yet' : undefined}
            onClick={() => void take(step, tour, hands)}
          >
            <span className="number">{index + 1}</span> {step.label}
          </button>
        )
      })}
      <Failures tour={tour} hands={hands} />
      {onHide !== undefined && (
        <button type="button" className="plain" aria-label="Hide the tour" title="Hide the tour" onClick={onHide}>
          <Icon name="close" />
        </button>
      )}
    </section>
  )
}

function Failures({ tour, hands }: { readonly tour: Tour; readonly hands: Hands }): ReactNode {
  const list = useRef<HTMLDetailsElement>(null)
  const close = () => list.current?.removeAttribute('open')
  const choose = (act: () => Promise<void>) => {
    close()
    void act()
  }
  return (
    <details
      ref={list}
      className="failures"
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <summary className="chip">Try a failure</summary>
      <div className="failure-list">
        {tour.failures.map(({ title, failures }) => (
          <div key={title}>
            <h3>{title}</h3>
            {failures.map((failure) => (
              <button key={failure.name} type="button" onClick={() => choose(() => fail(failure, tour, hands))}>
                <strong>{failure.name}</strong> <span className="muted">{failure.about}</span>
              </button>
            ))}
          </div>
        ))}
        <button type="button" onClick={() => choose(() => mend(hands))}>
          <strong>Mend everything</strong> <span className="muted">whatever was broken from this list</span>
        </button>
      </div>
    </details>
  )
}

/** What is to be done next; none while the app is at work. */
function nextStep(tour: Tour, { me, bot, messages }: Hands): number | undefined {
  const press = tour.steps.findIndex(
    (step) => step.presses !== undefined && found(messages, step.presses) !== undefined,
  )
  if (press < 0) return messages.some((message) => message.user === bot) ? undefined : 0
  return tour.steps[press]?.as === me ? press : press - 1
}

/** The newest message with this button, and the button. */
function found(messages: readonly Message[], actionId: string) {
  for (const message of messages.toReversed()) {
    const placed = interactiveElements(message.blocks ?? []).find(({ element }) => element.action_id === actionId)
    if (placed !== undefined) return { message, element: placed.element as unknown as Element }
  }
  return undefined
}

async function take(step: TourStep, tour: Tour, hands: Hands): Promise<void> {
  hands.become(step.as)
  if (step.types !== undefined) await type(step.types, step.as, tour, hands)
  const button = step.presses === undefined ? undefined : found(hands.messages, step.presses)
  if (button !== undefined) await hands.press(step.as)(button.message, button.element, button.element.value)
}

async function fail(failure: Failure, tour: Tour, hands: Hands): Promise<void> {
  const [first] = tour.steps
  if (first === undefined) return
  hands.become(first.as)
  if (failure.breaks === true) {
    const answer = await control('break', { name: failure.name })
    if (answer.error !== undefined) return hands.tell(`${failure.name}: ${answer.error}`)
  }
  await type(failure.command, first.as, tour, hands)
}

async function mend({ tell }: Hands): Promise<void> {
  const answer = await control('mend', {})
  if (answer.error !== undefined) tell(answer.error)
}

async function type(line: string, userId: string, tour: Tour, { command, tell }: Hands): Promise<void> {
  const answer = await control('type', { userId, channelId: tour.channel, text: `${command} ${line}` })
  if (answer.error !== undefined && answer.ok === undefined) tell(answer.error)
}
