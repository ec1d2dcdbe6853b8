import type { Message } from './slack/model.ts'
import type { SlackSimulator } from './slack/simulator.ts'
import type { PersonName } from './people.ts'
import { channels, people } from './people.ts'

/** How a played line ended. */
export interface Outcome {
  readonly line: string
  readonly ok: boolean
  readonly why: string
}

const endings = /: (succeeded|failed|cancelled|rejected|expired|dry run|\d+ (?:of \d+ )?checks?|all \d+)/
const runLimitMs = 240_000
const answerLimitMs = 15_000

/**
 * Plays commands as people would: `deploy v1.2.0; verify; rollback`. Dana types, Alex approves; `sam: deploy v1.2.0` has
 * somebody else type. Stops at the first line that does not succeed.
 */
export async function play(
  slack: SlackSimulator,
  script: string,
  write: (line: string) => void,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const line of linesOf(script)) {
    write(`\n── ${line.who}: /billing ${line.text}`)
    const outcome = await playLine(slack, line.who, line.text)
    outcomes.push(outcome)
    if (!outcome.ok) break
  }
  return outcomes
}

interface Line {
  readonly who: PersonName
  readonly text: string
}

export function linesOf(script: string): readonly Line[] {
  return script
    .split(/;(?=\s*(?:dana|alex|sam)?:?\s*[a-z]+)/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const named = /^(dana|alex|sam):\s*(.*)$/.exec(part)
      return named === null ? { who: 'dana', text: part } : { who: named[1] as PersonName, text: named[2] ?? '' }
    })
}

async function playLine(slack: SlackSimulator, who: PersonName, text: string): Promise<Outcome> {
  const { control } = slack
  const user = people[who].id
  const channel = channels.deploys.id
  const before = new Set(control.messagesSeenBy(user, channel).map((message) => message.ts))
  const fresh = () => control.messagesSeenBy(user, channel).filter((message) => !before.has(message.ts))
  await control.type(user, channel, `/billing ${text}`)
  const first = await control.waitFor(() => fresh()[0] ?? control.openView(user), answerLimitMs, 'an answer')
  if ('blocks' in first && 'callback_id' in first) {
    const result = await control.submitView(user, { reason: { reason: 'played in the sandbox' } })
    if (result.result !== 'closed') return { line: text, ok: false, why: `the dialog answered: ${result.result}` }
  } else if ((first as Message).is_ephemeral === true) {
    const answers = /^(help|status|history|unlock|lock)\b/.test(text)
    return { line: text, ok: answers, why: (first as Message).text }
  }
  return followRun(slack, text, fresh)
}

/** Approves as Alex when asked, and waits for the board's last word. */
async function followRun(slack: SlackSimulator, text: string, fresh: () => readonly Message[]): Promise<Outcome> {
  const { control } = slack
  const channel = channels.deploys.id
  const board = () => fresh().find((message) => message.is_ephemeral !== true)
  const pressed = new Set<string>()
  for (;;) {
    const seen = await control.waitFor(
      () => {
        const message = board()
        if (message === undefined) return undefined
        if (endings.test(titleOf(message))) return { message, done: true }
        const state = titleOf(message)
        return /waiting for approval/.test(state) && !pressed.has(state) ? { message, done: false } : undefined
      },
      runLimitMs,
      `the end of ${text}`,
    )
    if (seen.done) {
      const title = titleOf(seen.message)
      const ok = !/: (failed|cancelled|rejected|expired)/.test(title) && !/need a look|failed/.test(title)
      return { line: text, ok, why: title }
    }
    pressed.add(titleOf(seen.message))
    await control.press(people.alex.id, channel, seen.message.ts, 'approve')
  }
}

/** The board's header: what the run is, and its state in words. */
function titleOf(message: Message): string {
  const header = message.blocks?.find((block) => block.type === 'header') as { text?: { text?: string } } | undefined
  return header?.text?.text ?? message.text.split('\n')[0] ?? ''
}
