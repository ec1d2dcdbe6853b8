import type { Message } from './slack/model.ts'
import type { SlackSimulator } from './slack/simulator.ts'
import { channels } from './people.ts'

/** Writes down what is said in the channel, as it is said. Edits of a board are shown when its words change. */
export function followChannel(slack: SlackSimulator, write: (line: string) => void): () => void {
  const shown = new Map<string, string>()
  const began = Date.now()
  const show = (message: Message, mark: string) => {
    if (message.channel !== channels.deploys.id) return
    const text = slack.control.plainText(message).trimEnd()
    if (shown.get(message.ts) === text) return
    const before = shown.get(message.ts)
    shown.set(message.ts, text)
    const lines = before === undefined ? text.split('\n') : newLines(before, text)
    if (lines.length === 0) return
    const seconds = ((Date.now() - began) / 1_000).toFixed(1).padStart(6)
    const indent = message.thread_ts === undefined ? '' : '    '
    const who = slack.control.nameOf(message.user) ?? 'Purser'
    write(`${seconds} s  ${indent}${who}${mark}`)
    for (const line of lines) write(`          ${indent}${line}`)
  }
  const stops = [
    slack.control.on('message', (message) => show(message, message.thread_ts === undefined ? '' : ' (in the thread)')),
    slack.control.on('update', (message) => show(message, ' (board)')),
    slack.control.on('ephemeral', (message) => show(message, ' (only the person sees it)')),
  ]
  return () => stops.forEach((stop) => stop())
}

/** The lines of an edited message that were not there before; times that merely tick are not worth a line. */
function newLines(before: string, after: string): readonly string[] {
  const still = (line: string) => line.replace(/\d+(\.\d+)?\s?(ms|s|m|min|h)\b/g, '#').trim()
  const known = new Set(before.split('\n').map(still))
  return after.split('\n').filter((line) => line.trim() !== '' && !known.has(still(line)))
}
