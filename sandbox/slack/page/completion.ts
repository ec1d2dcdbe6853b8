import type { CommandHint } from '../page-state.ts'

/** What the composer offers for a line: commands to choose from, or the arguments of the one that was chosen. */
type Completion =
  | { readonly kind: 'none' }
  | { readonly kind: 'choose'; readonly hints: readonly CommandHint[] }
  | {
      readonly kind: 'arguments'
      readonly hint: CommandHint
      /** Which of its parts is being typed; past the end when all are there. */
      readonly current: number
    }

export function completionOf(line: string, command: string, hints: readonly CommandHint[]): Completion {
  if (!line.startsWith('/') || line.includes('\n')) return { kind: 'none' }
  const [name = '', ...words] = line.split(/\s+/)
  if (words.length === 0) return command.startsWith(name) ? { kind: 'choose', hints } : { kind: 'none' }
  if (name !== command) return { kind: 'none' }
  const [verb = '', ...rest] = words
  if (rest.length === 0) {
    const fitting = hints.filter((hint) => hint.name.startsWith(verb.toLowerCase()))
    return fitting.length === 0 ? { kind: 'none' } : { kind: 'choose', hints: fitting }
  }
  const hint = hints.find((known) => known.name === verb.toLowerCase())
  if (hint === undefined || hint.parts.length === 0) return { kind: 'none' }
  return { kind: 'arguments', hint, current: rest.length - 1 }
}

/** The line after choosing this command. */
export function chosen(hint: CommandHint, command: string): string {
  return `${command} ${hint.name}${hint.parts.length > 0 ? ' ' : ''}`
}

/** Whether Enter sends this line: what is complete is sent, what is begun is completed. */
export function isWhole(line: string, command: string, hints: readonly CommandHint[]): boolean {
  const trimmed = line.trim()
  return trimmed === command || hints.some((hint) => trimmed === `${command} ${hint.name}`)
}
