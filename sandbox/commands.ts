import { grammar, parseCommand } from '../src/commands/grammar.ts'
import { people, type PersonName } from './people.ts'
import type { CommandHint } from './slack/page-state.ts'

/*
 * What the sandbox knows of Purser's commands. All of it is read from Purser's own table, the one thing of `src/commands`
 * that the sandbox may import: what is typed goes to Slack as it stands, and only Purser says what it means.
 */

/** What the page's composer completes after `/billing`. */
export const commandHints: readonly CommandHint[] = grammar.map(({ name, parts, does }) => ({
  name,
  parts,
  description: does,
}))

/** The command that a line begins with; undefined when Purser has none of that name. */
export function commandOf(line: string): (typeof grammar)[number] | undefined {
  const [name] = line.trim().toLowerCase().split(/\s/, 1)
  return grammar.find((row) => row.name === name)
}

/** One line of a script that `--play` plays, and who types it. */
export interface Line {
  readonly who: PersonName
  readonly text: string
}

/**
 * The lines of `deploy v1.2.0; sam: verify; break clock-skew`. A `;` divides only before a command, or before what looks
 * like one that was mistyped: `deploy v1.2.0; rm -rf /` is one line, as somebody might type it.
 */
export function linesOf(script: string): readonly Line[] {
  const lines: Line[] = []
  for (const part of script.split(';')) {
    const line = lineOf(part)
    const last = lines.at(-1)
    if (last === undefined || line.text === '' || beginsLine(line.text)) lines.push(line)
    else lines.splice(-1, 1, { ...last, text: `${last.text};${part.trimEnd()}` })
  }
  return lines.filter(({ text }) => text !== '')
}

const names = Object.keys(people) as PersonName[]

function lineOf(part: string): Line {
  const text = part.trim()
  const who = names.find((name) => text.startsWith(`${name}:`))
  return who === undefined ? { who: 'dana', text } : { who, text: text.slice(who.length + 1).trim() }
}

function beginsLine(text: string): boolean {
  if (/^(break|mend)\b/.test(text)) return true
  const parsed = parseCommand(text, [])
  return parsed.ok || parsed.kind === 'wrong' || parsed.nearest !== undefined
}
