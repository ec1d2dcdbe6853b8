import type { CommandHint } from '../page-state.ts'

/** What the composer offers for a line: commands to choose from, or the arguments of the one that was chosen. */
type Completion =
  | { readonly kind: 'none' }
  | { readonly kind: 'choose'; readonly hints: readonly CommandHint[] }
  | {
      readonly kind: 'arguments'
      readonly hint: CommandHint
      /** The arguments, and which of them is being typed; past the end when all are there. */
      readonly words: readonly string[]
      readonly current: number
    }

export const nameOf = (hint: CommandHint): string => hint.usage.split(' ')[0] ?? ''
const argumentsOf = (hint: CommandHint): readonly string[] => hint.usage.split(' ').slice(1)

export function completionOf(line: string, command: string, hints: readonly CommandHint[]): Completion {
  if (!line.startsWith('/') || line.includes('\n')) return { kind: 'none' }
  const [name = '', ...words] = line.split(/\s+/)
  if (words.length === 0) return command.startsWith(name) ? { kind: 'choose', hints } : { kind: 'none' }
  if (name !== command) return { kind: 'none' }
  const [verb = '', ...rest] = words
  if (rest.length === 0) {
    const fitting = hints.filter((hint) => nameOf(hint).startsWith(verb.toLowerCase()))
    return fitting.length === 0 ? { kind: 'none' } : { kind: 'choose', hints: fitting }
  }
  const hint = hints.find((known) => nameOf(known) === verb.toLowerCase())
  if (hint === undefined || argumentsOf(hint).length === 0) return { kind: 'none' }
  return { kind: 'arguments', hint, words: argumentsOf(hint), current: rest.length - 1 }
}

/** The line after choosing this command. */
export function chosen(hint: CommandHint, command: string): string {
  return `${command} ${nameOf(hint)}${argumentsOf(hint).length > 0 ? ' ' : ''}`
}

/** Whether Enter sends this line: what is complete is sent, what is begun is completed. */
export function isWhole(line: string, command: string, hints: readonly CommandHint[]): boolean {
  const trimmed = line.trim()
  return trimmed === command || hints.some((hint) => trimmed === `${command} ${nameOf(hint)}`)
}
