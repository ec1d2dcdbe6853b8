import { z } from 'zod'
import type { PolicyConfig } from '../../config/environment-schema.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import type { Answer } from '../respond.ts'
import { environment, meant, type Word, wordOf } from './words.ts'

/*
 * How a row of the grammar is declared, and what is derived from the declaration: the usage text and the parser both
 * walk the same schemas, so an option that is parsed cannot be missing from the usage text. Words that look like
 * options are taken out first, wherever they stand. What is left fills the arguments in their order. Every argument may
 * be left out: the name of an environment is never taken for an argument before ENV, so that `deploy staging` leaves
 * the version open.
 */

/** A line that was understood: what was asked, by the names of the row's `takes`, and how it is carried out. */
export interface Understood {
  readonly ok: true
  readonly name: string
  readonly asked: Readonly<Record<string, unknown>>
  readonly act: (caller: Caller, context: CommandContext) => Promise<Answer> | Answer
}

/** The text of `/billing NAME …`, understood, or one sentence that says what is wrong with it. */
type Reading = Understood | { readonly ok: false; readonly problem: string }

interface About {
  /** A phrase without subject, "lists …", which every list of commands shows. */
  readonly does: string
  /** Further sentences for docs/commands.md, in Markdown. */
  readonly more?: string
  /**
   * The people who may type it: `channel` is everyone in a channel of the environment, `everyone` also in any other.
   */
  readonly may: 'deployers' | 'deployers and approvers' | 'channel' | 'everyone'
  /** The setting that says how many approvers have to agree; left out when nobody is asked. */
  readonly approvals?: Extract<keyof PolicyConfig, 'approvals' | 'rollbackApprovals' | 'restoreApprovals'>
  /** The place of the answer: on the board of a run, in a message that only the typist sees, or told in the channel. */
  readonly answer: 'board' | 'message' | 'announcement'
  /** What can be typed after `/billing`. */
  readonly examples: readonly string[]
}

/** One command of Purser. */
export interface Row extends About {
  readonly name: string
  readonly usage: string
  /** The usage text after the name, argument by argument: `[VERSION]`, `[--to-revision K]`. */
  readonly parts: readonly string[]
  readonly words: readonly Word[]
  /** Reads what was typed. `rest` is the text after the name, `environments` are the names in purser.yaml. Pure. */
  readonly parse: (rest: string, environments: readonly string[]) => Reading
}

type Shape = Readonly<Record<string, z.ZodType>>
type Values<S extends Shape> = z.output<ReturnType<typeof z.object<S>>>

interface Declaration<S extends Shape> extends About {
  /** The arguments in their order, then the options; each is a schema of `words.ts`. */
  readonly takes: S
  /** Whether anything else that is typed is passed over: whoever asks for help is not corrected. */
  readonly ignoresRest?: true
  /** Says why these values do not go together. */
  readonly refuses?: (values: Values<S>) => string | undefined
  /** Carries it out. What people left open may be asked for in a dialog. Raises what guards raise. */
  readonly act: (caller: Caller, asked: Values<S>, context: CommandContext) => Promise<Answer> | Answer
}

export const slashCommand = '/billing'

export function command<S extends Shape>(
  name: string,
  { takes, ignoresRest, refuses, act, ...about }: Declaration<S>,
): Row {
  const words = Object.values(takes).map(wordOf)
  const parts = words.filter(({ after }) => after === undefined).map((word) => `[${inBrackets(word, words)}]`)
  const schema = z.object(takes)
  const nothing = Object.fromEntries(Object.keys(takes).map((key) => [key, undefined]))
  return {
    ...about,
    name,
    words,
    parts,
    usage: [slashCommand, name, ...parts].join(' '),
    parse: (rest, environments) => {
      const { typed, problems } = sort(name, takes, ignoresRest ? '' : rest, environments)
      const read = schema.safeParse({ ...nothing, ...typed })
      if (!read.success) return { ok: false, problem: read.error.issues[0]?.message ?? `${name} was not understood.` }
      const problem = problems[0] ?? refuses?.(read.data)
      if (problem !== undefined) return { ok: false, problem }
      return { ok: true, name, asked: read.data, act: (caller, context) => act(caller, read.data, context) }
    },
  }
}

function inBrackets({ label, usage, value, choices }: Word, words: readonly Word[]): string {
  if (usage !== undefined) return usage
  if (choices === undefined) return value === undefined ? label : `${label} ${value}`
  const withName = (choice: string) => {
    const name = words.find(({ after }) => after === choice)
    return name === undefined ? choice : `${choice} [${name.label}]`
  }
  return choices.map(withName).join(' | ')
}

interface Sorted {
  /** What was typed for each key of the shape; keys for which nothing was typed are missing. */
  readonly typed: Readonly<Record<string, string | boolean>>
  /** The words that fit nowhere; the first is told. */
  readonly problems: readonly string[]
}

/** Sorts the words by the argument or option for which each was typed. */
function sort(name: string, takes: Shape, rest: string, environments: readonly string[]): Sorted {
  const entries = Object.entries(takes).map(([key, schema]) => ({ key, schema, word: wordOf(schema) }))
  const whole = entries.find(({ word }) => word.takesRest && !word.label.startsWith('--'))
  if (whole !== undefined) return { typed: rest.trim() === '' ? {} : { [whole.key]: rest }, problems: [] }
  const options = entries.filter(({ word }) => word.label.startsWith('--'))
  const { typed, left, problems } = takeOptions(name, options, wordsIn(rest))
  const hasEnvironment = entries.some(({ schema }) => schema === environment)
  let before: string | undefined
  for (const { key, schema, word } of entries) {
    const [next] = left
    if (next === undefined || options.some((option) => option.key === key)) continue
    if (word.after !== undefined && word.after !== before?.toLowerCase()) continue
    if (hasEnvironment && schema !== environment && environments.includes(next)) continue
    typed[key] = next
    before = left.shift()
    if (schema === environment && !environments.includes(next))
      problems.push(`There is no environment ${next}.${meant(next, environments)}`)
  }
  return { typed, problems: left.length > 0 ? [`${left.join(' ')} is unexpected.`, ...problems] : problems }
}

function takeOptions(name: string, options: readonly { key: string; word: Word }[], words: readonly string[]) {
  const typed: Record<string, string | boolean> = {}
  const left: string[] = []
  const problems: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const given = words[at] ?? ''
    const option = options.find(
      ({ word: { label, value } }) => given === label || (value !== undefined && given.startsWith(`${label}=`)),
    )
    if (option !== undefined) {
      const { label, value } = option.word
      if (value !== undefined && option.key in typed) problems.push(`${label} is given twice.`)
      if (value === undefined) typed[option.key] = true
      else if (option.word.takesRest) {
        const first = given === label ? [] : [given.slice(label.length + 1)]
        typed[option.key] = [...first, ...words.slice(at + 1)].join(' ')
        at = words.length
      } else typed[option.key] = given === label ? (words[(at += 1)] ?? '') : given.slice(label.length + 1)
    } else if (/^-+[a-z]/i.test(given)) problems.push(`${name} has no option ${given}.`)
    else left.push(given)
  }
  return { typed, left, problems }
}

function wordsIn(text: string): readonly string[] {
  return (
    text
      .split(/\s+/)
      // Phones turn two hyphens into a dash.
      .map((word) => word.replace(/^[—–](?=[a-z])/, '--'))
      .filter((word) => word !== '')
  )
}
