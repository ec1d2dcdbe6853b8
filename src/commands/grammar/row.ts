import { z } from 'zod'
import type { PolicyConfig } from '../../config/environment-schema.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import type { Answer } from '../respond.ts'
import { tidyWord, wordsOf } from './typed.ts'
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
  /** A phrase without subject, "list …", which every list of commands shows. */
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
      const readWords = (given: readonly string[]): Attempt<Values<S>> => {
        const { typed, problems, left } = sort(name, takes, given, environments)
        const read = schema.safeParse({ ...nothing, ...typed })
        const wrong = read.success ? problems : [...read.error.issues.map(({ message }) => message), ...problems]
        return { values: read.data, problems: wrong, tooMany: left > 0 }
      }
      const whole = wholeOf(takes, rest)
      const given = ignoresRest || whole !== undefined ? [] : wordsOf(rest)
      const first =
        whole === undefined ? readWords(given) : { values: schema.parse({ ...nothing, ...whole }), problems: [] }
      const { values } = first
      if (values === undefined || first.problems.length > 0)
        return {
          ok: false,
          problem: oneTooMany(given, first, readWords) ?? first.problems[0] ?? `Couldn't read the ${name} command.`,
        }
      const problem = refuses?.(values)
      if (problem !== undefined) return { ok: false, problem }
      return { ok: true, name, asked: values, act: (caller, context) => act(caller, values, context) }
    },
  }
}

/** What came of reading some words. */
interface Attempt<V> {
  readonly values: V | undefined
  readonly problems: readonly string[]
  readonly tooMany?: boolean
}

/**
 * Names the word without which all the others fit, the last one first: in `deploy v1.2.0 to staging` that is “to”, not
 * “staging”, which only found its place taken. A single word that is wrong where it stands is told as that.
 */
function oneTooMany<V>(
  words: readonly string[],
  { problems, tooMany = false }: Attempt<V>,
  readWords: (words: readonly string[]) => Attempt<V>,
): string | undefined {
  if (!tooMany && problems.length < 2) return undefined
  for (let at = words.length - 1; at >= 0; at -= 1) {
    const word = tidyWord(words[at] ?? '')
    if (!word.startsWith('-') && readWords(words.toSpliced(at, 1)).problems.length === 0)
      return `Didn't expect ${word}.`
  }
  return undefined
}

/** The text of an argument that is everything that was typed. */
function wholeOf(takes: Shape, rest: string): Readonly<Record<string, string>> | undefined {
  const whole = Object.entries(takes).find(([, schema]) => {
    const word = wordOf(schema)
    return word.takesRest === true && !word.label.startsWith('--')
  })
  if (whole === undefined) return undefined
  return rest.trim() === '' ? {} : { [whole[0]]: rest }
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
  /** How many words found no place. */
  readonly left: number
}

/** Sorts the words by the argument or option for which each was typed. */
function sort(name: string, takes: Shape, given: readonly string[], environments: readonly string[]): Sorted {
  const entries = Object.entries(takes).map(([key, schema]) => ({ key, schema, word: wordOf(schema) }))
  const options = entries.filter(({ word }) => word.label.startsWith('--'))
  const { typed, left, problems } = takeOptions(name, options, given)
  const hasEnvironment = entries.some(({ schema }) => schema === environment)
  let before: string | undefined
  for (const { key, schema, word } of entries) {
    const [next] = left
    if (next === undefined || options.some((option) => option.key === key)) continue
    if (word.after !== undefined && word.after !== before?.toLowerCase()) continue
    const known = environmentNamed(next, environments)
    if (hasEnvironment && schema !== environment && known !== undefined) continue
    typed[key] = schema === environment ? (known ?? next) : next
    before = left.shift()
    if (schema === environment && known === undefined)
      problems.push(`Unknown environment ${next}.${meant(next, environments)}`)
  }
  const unplaced = left.length > 0 ? [`Didn't expect ${left.join(' ')}.`] : []
  return { typed, problems: [...problems, ...unplaced], left: left.length }
}

/** Phones begin a line with a capital. */
function environmentNamed(typed: string, environments: readonly string[]): string | undefined {
  return environments.find((name) => name === typed) ?? environments.find((name) => name === typed.toLowerCase())
}

function takeOptions(name: string, options: readonly { key: string; word: Word }[], words: readonly string[]) {
  const typed: Record<string, string | boolean> = {}
  const left: string[] = []
  const problems: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const given = tidyWord(words[at] ?? '')
    const named = given.split('=', 1)[0] ?? ''
    const option = options.find(
      ({ word: { label, value } }) => named.toLowerCase() === label && (named === given || value !== undefined),
    )
    if (option !== undefined) {
      const { label, value } = option.word
      if (value !== undefined && option.key in typed) problems.push(`${label} is there twice.`)
      if (value === undefined) typed[option.key] = true
      else if (option.word.takesRest) {
        // A reason is for people: it stays as it was typed.
        const raw = words[at] ?? ''
        const first = given === named ? [] : [raw.slice(raw.indexOf('=') + 1)]
        typed[option.key] = [...first, ...words.slice(at + 1)].join(' ')
        at = words.length
      } else typed[option.key] = given === named ? tidyWord(words[(at += 1)] ?? '') : given.slice(label.length + 1)
    } else if (/^-+[a-z]/i.test(given)) problems.push(`${name} has no option ${given}.`)
    else left.push(given)
  }
  return { typed, left, problems }
}
