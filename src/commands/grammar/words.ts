import { z } from 'zod'
import { type Subject, subjects } from '../../model/diagnosis.ts'
import { mistyped } from '../../nearest.ts'

/** What people are told of one argument or option: in the usage text, in the help and in docs/commands.md. */
export interface Word {
  /**
   * `VERSION` or `--dry-run`. What begins with two hyphens is an option: it may stand anywhere, an argument has its
   * place.
   */
  readonly label: string
  /** A phrase that says what the word is for. */
  readonly does: string
  /** How the usage text writes it between brackets, where that is more than the label. */
  readonly usage?: string
  /** The usage text's name for the value that an option takes; an option without one is on or off. */
  readonly value?: string
  /** The words that an argument may be: the usage text lists them in place of the label. */
  readonly choices?: readonly string[]
  /** The choice of the argument before that this argument belongs to; after any other choice it is left out. */
  readonly after?: string
  /** The argument is everything that follows, as it was typed, with its spaces. */
  readonly takesRest?: true
}

/** Each argument and option is a zod schema that reads it; this registry has what people are told of it. */
const told = z.registry<Word>()

export function wordOf(schema: z.core.$ZodType): Word {
  const word = told.get(schema)
  if (word === undefined) throw new Error('an argument of the grammar is not registered')
  return word
}

/** Reads one word by `schema`. Whatever is wrong with it, there is one sentence that says so. */
function word<S extends z.ZodType<unknown, string>>(schema: S, problem: (text: string) => string) {
  return z.string().transform((text, { issues }): z.output<S> => {
    const read = schema.safeParse(text)
    if (read.success) return read.data
    issues.push({ code: 'custom', message: problem(text), input: text })
    return z.NEVER
  })
}

/** Takes what git and registries allow in a tag, and nothing that a shell or a URL could read another way. */
const versionText = z
  .string()
  .regex(/^v?\d+\.\d+\.\d+(-[0-9A-Za-z][0-9A-Za-z.-]*)?$/)
  .max(128)
const reasonText = z.string().trim().min(3).max(300)

export function isVersion(text: string): boolean {
  return versionText.safeParse(text).success
}

export function isReason(text: string): boolean {
  return reasonText.safeParse(text).success
}

export const version = word(
  versionText,
  (text) => `${text} isn't a version. Versions look like v1.2.0 and are tags of the repository.`,
)
  .optional()
  .register(told, {
    label: 'VERSION',
    does: 'a tag of the repository, such as v1.2.0 (default: choose in a dialog)',
  })

/**
 * Takes the name of an environment. purser.yaml knows which names there are, so `row.ts` compares. It is never read as
 * an argument before it.
 */
export const environment = z
  .string()
  .optional()
  .register(told, { label: 'ENV', does: 'an environment of purser.yaml (default: the default environment)' })

const runNumber = z
  .string()
  .regex(/^#?[1-9]\d{0,9}$/)
  .transform((text) => Number(text.replace('#', '')))

/** Takes a run's number; `without` says which run is meant when none is named. */
export function run(without: string) {
  return word(runNumber, (text) => `${text} isn't a run. Runs have numbers, such as #42.`)
    .optional()
    .register(told, { label: '#N', does: `the number of a run, such as #42 (default: ${without})` })
}

export const backup = word(
  z
    .string()
    // What other tools call a backup has a date or a number in it; six digits are in no name of an environment.
    .regex(/^(#?[1-9]\d{0,9}|backup_[\w.-]+|(?=(?:\D*\d){6})[A-Za-z0-9][\w.:/@+=-]+)$/)
    .max(200),
  (text) => `${text} isn't a backup. Name its run, such as #42, or its file.`,
)
  .optional()
  .register(told, {
    label: 'BACKUP',
    does: 'the run that made the backup, such as #42, or its file (default: the latest)',
  })

export const subject = z
  .string()
  .transform((text, { issues }): Subject => {
    const typed = text.toLowerCase()
    const known = subjects.find((subject) => subject === typed)
    if (known !== undefined) return known
    const message = `Can't diagnose ${text}.${meant(typed, subjects)}`
    issues.push({ code: 'custom', message, input: text })
    return z.NEVER
  })
  .optional()
  .register(told, { label: 'SUBJECT', choices: subjects, does: "what isn't working (default: choose in a dialog)" })

export const cronJob = word(
  // Kubernetes names things by this rule.
  z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .max(52),
  (text) => `${text} isn't the name of a CronJob.`,
)
  .optional()
  .register(told, { label: 'NAME', after: 'cronjob', does: 'a CronJob of purser.yaml (default: all of them)' })

/** Read by `lock-time.ts`, which needs the clock of the environment. */
export const lockWords = z.string().optional().register(told, {
  label: 'REASON',
  usage: 'until TIME | for DURATION] [REASON',
  takesRest: true,
  does: 'why, in 3–300 characters (default: a dialog asks). Before it, if you like, an end: `until 18:00`, `until 2026-12-24 18:00`, `for 2h`',
})

export const dryRun = z.boolean().default(false).register(told, { label: '--dry-run', does: 'stop after the plan' })

export const rotateSecret = z
  .boolean()
  .default(false)
  .register(told, { label: '--rotate-secret', does: 'rotate the signing secret' })

export const breakGlass = z.boolean().default(false).register(told, {
  label: '--break-glass',
  does: 'skip approvals, if `breakGlass` names you (every channel is told)',
})

export const overrideFreeze = word(
  reasonText,
  () => 'Give a reason after --override-freeze (3–300 characters). Everyone sees it.',
)
  .optional()
  .register(told, {
    label: '--override-freeze',
    value: 'REASON',
    takesRest: true,
    does: 'deploy despite a freeze, with one more approval (everything after it is the reason)',
  })

export const revision = word(
  z
    .string()
    .regex(/^[1-9]\d{0,9}$/)
    .transform(Number),
  (text) => `${text === '' ? 'That' : text} isn't a revision. Revisions have numbers, such as 3.`,
)
  .optional()
  .register(told, { label: '--to-revision', value: 'K', does: 'roll back to revision K of the Deployment' })

/** Ends a sentence that refuses a word: what was probably meant, and what there is. */
export function meant(typed: string, known: readonly string[]): string {
  const near = mistyped(typed, known)
  return `${near === undefined ? '' : ` Did you mean ${near}?`} Available: ${known.join(', ')}.`
}
