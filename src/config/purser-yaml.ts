import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ConfigError } from './config-error.ts'
import { environmentSchema } from './environment-schema.ts'
import { checkFields, environmentVariable } from './fields.ts'
import { placeholdersIn } from './placeholders.ts'
import { describeIssues } from './problems.ts'
import { serviceSchema } from './service-schema.ts'
import { placeOf, sharedUses } from './environment/shared-variables.ts'
import { readYaml } from './yaml-text.ts'

const environments = checkFields(z.record(z.string(), environmentSchema), [], (all, problem) => {
  const names = Object.keys(all)
  if (names.length === 0) problem([], 'must name at least one environment')
  for (const name of names) {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      problem([name], 'the name must be lower-case letters, digits and dashes, as in production or eu-staging')
    }
  }
  orderOf(all, problem)
}).describe('Where the service runs: each environment with its own database, cluster, Stripe account and policy.')

/** Says what is wrong with `policy.after`: an environment that there is not, or a circle. */
function orderOf(
  all: Readonly<Record<string, { readonly policy: { readonly after?: string } }>>,
  problem: (path: readonly string[], message: string) => void,
): void {
  for (const [name, { policy }] of Object.entries(all)) {
    const { after } = policy
    if (after !== undefined && !Object.hasOwn(all, after)) {
      problem(
        [name, 'policy', 'after'],
        `names ${after}, which doesn't exist. Write one of: ${Object.keys(all).join(', ')}`,
      )
      continue
    }
    const passed = new Set([name])
    for (let before = after; before !== undefined; before = all[before]?.policy.after) {
      if (passed.has(before)) {
        problem([name, 'policy', 'after'], `leads back to ${before}: nothing could ever be deployed first`)
        break
      }
      passed.add(before)
    }
  }
}

/** What Purser itself needs to be who it is: no command of a service gets it. */
const ownVariables = /^(PURSER_|SLACK_|AWS_)|^(STATE_DATABASE_URL|REDIS_URL|KUBECONFIG)$/

const describedFile = checkFields(
  z.strictObject({
    service: serviceSchema,
    environments,
    runner: z
      .enum(['required', 'optional'], { error: 'must be required or optional' })
      .default('optional')
      .describe(
        "Whether Purser starts only where a version's commands are kept apart from it. optional: it also runs them as its own user, and says so.",
      ),
    sharedEnv: z
      .array(environmentVariable)
      .default([])
      .describe('Variables that may be the database or the key of one environment and be used by another one too.'),
    retention: z
      .strictObject({
        days: z
          .int({ error: 'must be a whole number of days' })
          .min(7, { error: 'must be 7 or more: whoever looks into a failure needs what was sampled' })
          .default(90)
          .describe('So long after its end a run keeps its samples, log errors, steps and posts.'),
      })
      .prefault({})
      .describe(
        'How long the details of runs are kept. Runs, effects, approvals, backups and the audit stay for ever.',
      ),
    defaultEnvironment: z
      .string()
      .exactOptional()
      .describe('The environment of a command that names none. Default: production, or the only one.'),
  }),
  ['defaultEnvironment'],
  ({ defaultEnvironment, ...file }, problem) => {
    const names = environmentNames(file)
    if (names.length === 0) return
    if (defaultEnvironment !== undefined && !names.includes(defaultEnvironment)) {
      problem(
        ['defaultEnvironment'],
        `names ${defaultEnvironment}, which doesn't exist. Write one of: ${names.join(', ')}`,
      )
    }
    if (defaultEnvironment === undefined && names.length > 1 && !names.includes('production')) {
      problem(
        ['defaultEnvironment'],
        `is missing, and no environment is called production. Write one of: ${names.join(', ')}`,
      )
    }
  },
)

/** purser.yaml: the service and its environments. Secrets are never in it, only the names of environment variables. */
export const purserSchema = checkFields(
  describedFile,
  ['service', 'environments', 'sharedEnv', 'retention'],
  ({ service, environments: all, sharedEnv, retention }, problem) => {
    for (const [name, { policy }] of Object.entries(all))
      if (policy.rollbackButtonHours > retention.days * 24)
        problem(
          ['retention', 'days'],
          `is shorter than environments.${name}.policy.rollbackButtonHours (${policy.rollbackButtonHours} hours). ` +
            `Write ${Math.ceil(policy.rollbackButtonHours / 24)} or more`,
        )
    const shared = sharedUses(all)
    for (const use of shared.filter(({ variable }) => !sharedEnv.includes(variable)))
      problem(
        ['environments', use.environment, ...use.path],
        `names ${use.variable}, which is the ${use.owner.as} of ${use.owner.environment} (${placeOf(use.owner)}). ` +
          `give ${use.environment} a variable of its own, or write sharedEnv: [${use.variable}]`,
      )
    for (const [index, name] of sharedEnv.entries())
      if (!shared.some(({ variable }) => variable === name))
        problem(['sharedEnv', index], `names ${name}, which no two environments use. Remove it`)
    const { build } = service.image
    const plain = { build: build === 'none' ? undefined : build.env, e2e: service.e2e.env }
    for (const [name, { backups }] of Object.entries(all))
      for (const [child, variable] of Object.entries(backups.command?.envFrom ?? {}))
        if (ownVariables.test(variable))
          problem(
            ['environments', name, 'backups', 'command', 'envFrom', child],
            `names ${variable}, which is Purser's own. Give the command its own variable`,
          )
    for (const [name, environment] of Object.entries(all))
      for (const part of ['build', 'e2e'] as const)
        for (const [child, variable] of Object.entries(environment[part].envFrom)) {
          const path = ['environments', name, part, 'envFrom', child]
          if (ownVariables.test(variable))
            problem(path, `names ${variable}, which is Purser's own. Give the command its own variable`)
          if (plain[part] === undefined) problem(path, 'is for a build, but service.image.build is none. Remove it')
          else if (Object.hasOwn(plain[part], child))
            problem(
              path,
              `is set in ${part === 'e2e' ? 'service.e2e.env' : 'service.image.build.env'} too. Remove one of them`,
            )
        }
  },
).transform((file) => ({
  ...file,
  defaultEnvironment: file.defaultEnvironment ?? defaultOf(Object.keys(file.environments)),
}))

/** Reads the names only, so an environment with a problem inside still counts. */
function environmentNames(file: object): readonly string[] {
  return 'environments' in file && typeof file.environments === 'object' ? Object.keys(file.environments ?? {}) : []
}

function defaultOf(names: readonly string[]): string {
  return names.includes('production') ? 'production' : (names[0] ?? 'production')
}

export type PurserConfig = z.infer<typeof purserSchema>

/**
 * Reads the file for a start. Raises ConfigError listing every problem, placeholders that nobody has filled in among
 * them.
 */
export function readPurserYaml(path: string): PurserConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(path, [`the file cannot be read: ${reason}`], 'Set PURSER_CONFIG to the path of purser.yaml.')
  }
  return parsePurserYaml(text, path, placeholdersIn)
}

interface Flaw {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/**
 * Parses the text. `fileName` is only for messages; `alsoWrong` finds what the schema allows and this reader does not.
 */
export function parsePurserYaml(
  text: string,
  fileName: string,
  alsoWrong: (file: unknown) => readonly Flaw[] = () => [],
): PurserConfig {
  const read = readYaml(text)
  if (!read.ok) throw new ConfigError(fileName, read.problems)
  const file = read.value ?? {}
  const parsed = purserSchema.safeParse(file)
  const flaws = alsoWrong(file).map((flaw) => ({ code: 'custom' as const, ...flaw, path: [...flaw.path] }))
  if (parsed.success && flaws.length === 0) return parsed.data
  throw new ConfigError(
    fileName,
    describeIssues([...(parsed.error?.issues ?? []), ...flaws], purserSchema, read.lineOf),
  )
}
