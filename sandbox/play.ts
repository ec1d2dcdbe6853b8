import type { Message } from './slack/model.ts'
import { plainText } from './slack/plain-text.ts'
import type { SlackSimulator } from './slack/simulator.ts'
import { breakWorld, mendWorld } from './breakages/breakages.ts'
import { commandOf, linesOf } from './commands.ts'
import type { Outcome } from './outcomes.ts'
import { channels, people, type PersonName } from './people.ts'
import type { World } from './world.ts'

/** Whether a dialog wants the name of the environment typed; its block has a text field then, not a select. */
function wantsName(blocks: readonly object[]): boolean {
  return blocks.some((block) => {
    const { block_id: id, element } = block as { block_id?: string; element?: { type?: string } }
    return id === 'environment' && element?.type === 'plain_text_input'
  })
}

/** States in which the board will still say something else. */
const unfinished = /^Planning |: (planning|waiting for approval|running|being cancelled)/
const bad = /: (failed|cancelled|rejected|expired|.*\b(failed|couldn't|without enough data|not well))/
const runLimitMs = 240_000
const answerLimitMs = 15_000

/**
 * Plays commands as people would: `deploy v1.2.0; verify; rollback`. Dana types, Alex approves; `sam: deploy v1.2.0` has
 * somebody else type. `break NAME` and `mend [NAME]` are nobody's: they happen to the world (breakages/). Every line is
 * played, whatever became of the one before.
 */
export async function play(world: World, script: string, write: (line: string) => void): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const line of linesOf(script)) {
    const worldly = /^(break|mend)\b\s*(.*)$/.exec(line.text)
    write(worldly === null ? `\n── ${line.who}: /billing ${line.text}` : `\n── ${line.text}`)
    outcomes.push(
      worldly === null
        ? await playLine(world.slack, line.who, line.text)
        : await happens(world, line.text, worldly[1] ?? '', (worldly[2] ?? '').trim()),
    )
  }
  return outcomes
}

async function happens(world: World, line: string, verb: string, name: string): Promise<Outcome> {
  try {
    await (verb === 'break' ? breakWorld(world, name) : mendWorld(world, name === '' ? undefined : name))
    return { line, ok: true, why: verb === 'break' ? 'broken' : 'mended', ran: false }
  } catch (error) {
    return { line, ok: false, why: error instanceof Error ? error.message : String(error), ran: false }
  }
}

async function playLine(slack: SlackSimulator, who: PersonName, text: string): Promise<Outcome> {
  const { control } = slack
  const user = people[who].id
  const channel = channels.deploys.id
  const before = new Set(control.messagesSeenBy(user, channel).map((message) => message.ts))
  const fresh = () => control.messagesSeenBy(user, channel).filter((message) => !before.has(message.ts))
  await control.type(user, channel, `/billing ${text}`)
  const first = await control.waitFor(() => fresh()[0] ?? completeView(slack, user), answerLimitMs, 'an answer')
  if ('callback_id' in first && first['submit'] === undefined) {
    const why = plainText({ text: '', blocks: [...first.blocks] })
    await control.closeView(user, true)
    return { line: text, ok: false, why, ran: false }
  }
  if ('blocks' in first && 'callback_id' in first) {
    const result = await control.submitView(user, {
      reason: { reason: 'played in the sandbox' },
      // What takes back data wants the environment typed; elsewhere it is chosen, or not asked for.
      ...(wantsName(first.blocks) ? { environment: { environment: 'production' } } : {}),
    })
    if (result.result !== 'closed')
      return { line: text, ok: false, why: `the dialog answered: ${result.result}`, ran: false }
  } else if (first.is_ephemeral === true) {
    const command = commandOf(text)
    if (command === undefined) return { line: text, ok: false, why: first.text.split('\n', 1)[0] ?? '', ran: false }
    return { line: text, ok: command.answer !== 'board', why: first.text, ran: false }
  }
  return followRun(slack, text, fresh)
}

/** A dialog that is still being filled in cannot be answered yet. */
function completeView({ control }: SlackSimulator, user: string) {
  const view = control.openView(user)
  const complete = view?.['submit'] !== undefined || !JSON.stringify(view?.blocks ?? '').includes('hourglass')
  return complete ? view : undefined
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
        if (!unfinished.test(titleOf(message))) return { message, done: true }
        const state = titleOf(message)
        return /waiting for approval/.test(state) && !pressed.has(state) ? { message, done: false } : undefined
      },
      runLimitMs,
      `the end of ${text}`,
    )
    if (seen.done) {
      const title = titleOf(seen.message)
      await quiet(slack)
      return { line: text, ok: !bad.test(title), why: title, ran: true }
    }
    pressed.add(titleOf(seen.message))
    await control.press(people.alex.id, channel, seen.message.ts, 'approve')
  }
}

const quietMs = 2_500

/** Until the bot has said nothing for a while: evidence and reports follow the board. */
async function quiet(slack: SlackSimulator): Promise<void> {
  let last = Date.now()
  const stops = [
    slack.control.on('message', () => (last = Date.now())),
    slack.control.on('upload', () => (last = Date.now())),
  ]
  const deadline = Date.now() + 30_000
  while (Date.now() - last < quietMs && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100))
  stops.forEach((stop) => stop())
}

/** The board's header: what the run is, and its state in words. */
function titleOf(message: Message): string {
  const header = message.blocks?.find((block) => block.type === 'header') as { text?: { text?: string } } | undefined
  return header?.text?.text ?? message.text.split('\n')[0] ?? ''
}
