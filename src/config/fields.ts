import { Cron } from 'croner'
import { z } from 'zod'
import { readOnlySqlProblem } from './read-only-sql.ts'

/** Reports a problem at a path below the checked value. */
type Problem = (path: readonly (string | number)[], message: string) => void

/**
 * Checks across fields as soon as *these* fields are sound, whatever else is wrong beside them: zod alone would hold
 * the check back until the whole object is valid, and people would meet their problems one after the other.
 */
export function checkFields<Schema extends z.ZodType<object>, Field extends keyof z.output<Schema> & string>(
  schema: Schema,
  fields: readonly Field[],
  check: (value: Pick<z.output<Schema>, Field>, problem: Problem) => void,
): Schema {
  return schema.check(
    z.superRefine(
      (value, context) => {
        check(value, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }))
      },
      {
        when: ({ value, issues }) =>
          typeof value === 'object' &&
          value !== null &&
          issues.every((issue) => {
            const [first] = issue.path ?? []
            return first === undefined ? issue.code === 'unrecognized_keys' : !fields.some((field) => field === first)
          }),
      },
    ),
  )
}

/** Makes the schema of a list whose items have distinct names. */
export function distinctBy<Item extends z.ZodType>(item: Item, key: string) {
  return z.array(item).superRefine((items, context) => {
    const seen = new Set<unknown>()
    for (const [index, entry] of items.entries()) {
      const name: unknown = (entry as Record<string, unknown>)[key]
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', path: [index, key], message: `${String(name)} is there twice. Rename one` })
      }
      seen.add(name)
    }
  })
}

/** A DNS-1123 subdomain, as Kubernetes wants the names of its objects. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a Kubernetes name: lower-case letters, digits and dashes')
  .max(253)

export const shortName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]*$/, 'must be a short name of letters, digits, dashes and underscores, without spaces')

export const environmentVariable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the NAME of an environment variable, never the secret itself')

/** What of Purser's variables a command gets: the command's name for it, and Purser's. */
export const envFromFor = (commands: string) =>
  z
    .record(environmentVariable, environmentVariable)
    .default({})
    .describe(`Environment of ${commands} taken from Purser's: NAME_IN_THE_COMMAND: NAME_IN_PURSER. For secrets.`)

/** The same in an object of its own. */
export const variablesFor = (commands: string) =>
  z
    .strictObject({ envFrom: envFromFor(commands) })
    .prefault({})
    .describe(`What of Purser's variables ${commands} gets in this environment.`)

/** A place where `envFrom` once was: one for all environments, which handed production's secrets to staging's commands. */
export const movedVariables = (part: 'e2e' | 'build') =>
  z
    .never({
      error: `is given by each environment now: write it as environments.NAME.${part}.envFrom, in each environment with its own variables`,
    })
    .exactOptional()

/** A path below the top of the service's repository, never outside it. */
export const repositoryPath = z
  .string()
  .min(1)
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..'),
    'must be a path inside the repository: without a leading slash and without ..',
  )

export const argv = z.tuple([z.string().min(1)], z.string(), {
  error: 'must be a list of words as in [npm, run, build]: it runs without a shell',
})

export const minutes = z.number().positive()

/** A pattern that is matched without regard to case, as the runbook's `grep -i` does. */
export const pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source, 'i')
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: `isn't a valid regular expression (${error instanceof Error ? error.message : String(error)})`,
    })
  }
})

export const readOnlySql = z.string().superRefine((sql, context) => {
  const message = readOnlySqlProblem(sql)
  if (message !== undefined) context.addIssue({ code: 'custom', message })
})

/** Tells whether the text is a cron expression, or an instant, that comes some day. */
export function isSchedule(text: string): boolean {
  try {
    return new Cron(text).nextRun(new Date(0)) !== null
  } catch {
    return false
  }
}

export const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}, 'must be a time zone, as in Europe/Berlin')

/** Says of each `{word}` in a text that nobody fills in what there is instead. */
export function unknownPlaceholders(text: string, known: readonly string[]): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !known.includes(name))
    .map((name) => `has an unknown placeholder {${name}}. Known: ${known.map((each) => `{${each}}`).join(', ')}`)
}
