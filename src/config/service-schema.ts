import { z } from 'zod'
import { type DeployPhase, deployPhases } from '../model/phases.ts'
import {
  argv,
  checkFields,
  distinctBy,
  environmentVariable,
  minutes,
  movedVariables,
  objectName,
  repositoryPath,
  unknownPlaceholders,
} from './fields.ts'
import { imageSchema } from './image-schema.ts'
import { migrationsSchema } from './migrations-schema.ts'
import { phaseLimitMinutes } from './phase-limit.ts'
import { stripeSchema } from './stripe-schema.ts'
import { diagnoseSchema, monitorSchema, verifySchema } from './watch-schema.ts'

const preflightSchema = z.strictObject({
  commands: distinctBy(
    z.strictObject({
      name: z.string().min(1).describe('Shown on the board.'),
      run: argv.describe('Program and arguments. Runs without a shell at the top of a checkout of the planned commit.'),
      timeoutMinutes: minutes.default(10),
    }),
    'name',
  )
    .default([])
    .describe(
      'Tests and builds that must pass before anything changes. They run one after the other, beside the other checks.',
    ),
})

const credentialSchema = z.strictObject({
  env: environmentVariable.describe('Environment variable of Purser that holds it.'),
  kind: z
    .enum(['stripe-secret-key', 'postgres-url', 'stripe-webhook-secret', 'text'])
    .describe('What it must look like. Its value is never printed.'),
  optional: z.boolean().default(false),
})

const cronJobSchema = z.strictObject({
  name: objectName.describe('metadata.name of the CronJob.'),
  manifest: repositoryPath.describe('Manifest file in the repository.'),
  tryOnce: z.boolean().default(false).describe('Run it once by hand, suspended, before its schedule is resumed.'),
})

const gitSchema = z
  .strictObject({
    lfs: z
      .boolean()
      .default(false)
      .describe(
        'Whether a checkout gets the content of files in Git LFS, which needs git-lfs where Purser runs. false: their pointers.',
      ),
    submodules: z
      .boolean()
      .default(false)
      .describe('Whether a checkout gets submodules, from the host of the repository. false: empty directories.'),
  })
  .describe('What a checkout, in which commands run, gets beside the files of the commit. A plan says what it lacks.')

const commandPlaceholders = ['environment', 'version']
const valuePlaceholders = [...commandPlaceholders, 'webhookUrl', 'baseUrl']

const e2eSchema = checkFields(
  z.strictObject({
    run: argv.describe('Program and arguments. {environment} and {version} are filled in.'),
    timeoutMinutes: minutes.default(10),
    env: z
      .record(environmentVariable, z.string())
      .default({})
      .describe('Environment of the script. {environment}, {version}, {webhookUrl} and {baseUrl} are filled in.'),
    envFrom: movedVariables('e2e'),
  }),
  ['run', 'env'],
  ({ run, env }, problem) => {
    for (const [index, word] of run.entries()) {
      unknownPlaceholders(word, commandPlaceholders).forEach((text) => problem(['run', index], text))
    }
    for (const [name, value] of Object.entries(env)) {
      unknownPlaceholders(value, valuePlaceholders).forEach((text) => problem(['env', name], text))
    }
  },
)

function budget(defaultMinutes: number) {
  return z.strictObject({ minutes: minutes.default(defaultMinutes) }).prefault({})
}

/** The schema of the phases' minutes, derived from their table: a phase that is added there has its minutes here. */
const phasesSchema = z.strictObject(
  Object.fromEntries(deployPhases.map(({ name, minutes }) => [name, budget(minutes)])) as Readonly<
    Record<DeployPhase, ReturnType<typeof budget>>
  >,
)

const describedService = checkFields(
  z.strictObject({
    name: objectName.describe('What people call it. Every message shows it.'),
    repository: z
      .string()
      .min(1)
      // A user alone belongs to ssh; where it is a token, or a password follows, everybody who lists processes can read it.
      .refine(
        (address) =>
          !/^(?:https?:\/\/[^/]*@|[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/]*@|[^/]*(?:ghp_|github_pat_|glpat-))/i.test(address),
        {
          error: 'must not hold a user, a password or a token: name the variable of the token in repositoryTokenEnv',
        },
      )
      .describe('Git URL or path of the repository, without a login. Versions are its tags.'),
    repositoryTokenEnv: environmentVariable
      .exactOptional()
      .describe('Environment variable that holds a token for a private https repository.'),
    repositoryUser: z
      .string()
      .regex(/^[^:\s]+$/, 'must be a user name, without colon or spaces')
      .default('x-access-token')
      .describe(
        'User that goes with the token: x-access-token for GitHub, oauth2 for GitLab, x-token-auth for Bitbucket.',
      ),
    forge: z
      .enum(['github', 'gitlab', 'bitbucket', 'bitbucket-server', 'gitea'])
      .exactOptional()
      .describe(
        'Kind of the host of the repository, where its name does not tell: plans link to its page of the difference.',
      ),
    paths: z
      .array(
        z
          .string()
          .min(1)
          .regex(
            /^(?![:/!])(?!.*(^|\/)\.\.(\/|$))[^\0\n]*$/,
            'must be a glob inside the repository, as in src/billing/**',
          ),
      )
      .default([])
      .describe('Globs of files, as git reads them: a plan lists those of them that the new version changes.'),
    git: gitSchema.prefault({}),
    image: imageSchema,
    deployment: objectName.describe('Name of the Kubernetes Deployment.'),
    container: objectName.describe('Name of the container in it that gets the image.'),
    migrations: migrationsSchema,
    preflight: preflightSchema.prefault({}),
    credentials: distinctBy(credentialSchema, 'env')
      .default([])
      .describe('Checked before anything changes: present, well-formed, of the right mode.'),
    stripe: stripeSchema,
    cronJobs: distinctBy(cronJobSchema, 'name').default([]),
    e2e: e2eSchema,
    monitor: monitorSchema.prefault({}),
    verify: verifySchema.prefault({}),
    diagnose: diagnoseSchema,
    phases: phasesSchema.prefault({}).describe('Expected duration of each phase, shown against the real one.'),
    rollback: z
      .strictObject({
        strict: z
          .boolean()
          .default(false)
          .describe("true: the runbook's literal steps. false: put back what stood there before."),
      })
      .prefault({}),
    rollout: z
      .strictObject({
        graceSeconds: z.number().min(0).default(20).describe('How long a bad sign must last before it is a verdict.'),
        timeoutMinutes: minutes.default(15),
      })
      .prefault({}),
  }),
  ['repository', 'repositoryTokenEnv'],
  ({ repository, repositoryTokenEnv }, problem) => {
    if (repositoryTokenEnv === undefined || /^(https:|http:\/\/(127\.0\.0\.1|localhost)[:/])/.test(repository)) return
    problem(
      ['repositoryTokenEnv'],
      'goes only with an https:// repository: elsewhere the token would be readable or unused',
    )
  },
)

export const serviceSchema = checkFields(describedService, ['image', 'phases'], ({ image, phases }, problem) => {
  const limit = phaseLimitMinutes(phases.preflight.minutes)
  if (image.build === 'none' || image.build.timeoutMinutes <= limit) return
  problem(
    ['phases', 'preflight', 'minutes'],
    `ends the phase after ${limit} minutes, before the time limit of service.image.build. Raise it`,
  )
}).describe('The service that is deployed.')

export type ServiceConfig = z.infer<typeof serviceSchema>
export type MigrationsConfig = ServiceConfig['migrations']
export type PreflightCommandConfig = ServiceConfig['preflight']['commands'][number]
export type CredentialConfig = ServiceConfig['credentials'][number]
export type CronJobConfig = ServiceConfig['cronJobs'][number]
export type MonitorConfig = ServiceConfig['monitor']
export type VerifyConfig = ServiceConfig['verify']
export type VerifyQueryConfig = VerifyConfig['queries'][number]
export type InvariantConfig = VerifyConfig['invariants'][number]
