import { z } from 'zod'
import {
  argv,
  checkFields,
  distinctBy,
  envFromFor,
  environmentVariable,
  isSchedule,
  minutes,
  objectName,
  timeZone,
  variablesFor,
} from './fields.ts'

const person = z
  .string()
  .regex(/^[UWS][A-Z0-9]+$/, 'must be a Slack user id (U…) or user group id (S…), not a name')
  .describe('A Slack user id (U…) or user group id (S…).')

const channel = z
  .string()
  .regex(/^[CGD][A-Z0-9]+$/, 'must be a Slack channel id (C…), not its name: channel details show it at the bottom')
  .describe('A Slack channel id (C…).')

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL, as in https://api.example.com/health' })

const localTime = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, 'must be a local time as in 2026-12-23T18:00')
  .refine((text) => isSchedule(`${text}:00`), "isn't a day of the calendar")

const freezeName = z.string().min(3).max(80).describe('Why, in a few words: whoever deploys will read it.')

const freezesSchema = distinctBy(
  z.union(
    [
      z.strictObject({
        name: freezeName,
        starts: z
          .string()
          .refine(
            (text) => text.trim().split(/\s+/).length === 5 && isSchedule(text),
            'must be five fields, as in 0 18 * * FRI',
          )
          .describe('When it begins, as a cron expression of five fields, by the clock of `timeZone`.'),
        hours: z.number().positive().max(744).describe('How long it lasts.'),
      }),
      z
        .strictObject({ name: freezeName, from: localTime, to: localTime })
        .refine(({ from, to }) => from < to, { path: ['to'], error: 'must be after from' }),
    ],
    { error: 'must have starts and hours, or from and to' },
  ),
  'name',
)
  .default([])
  .describe('Times in which no deploy begins or is approved, but for --override-freeze with one approval more.')

const policySchema = checkFields(
  z.strictObject({
    deployers: z.array(person).min(1).describe('Who may start, retry, cancel and roll back runs here.'),
    approvers: z.array(person).min(1).describe('Who may approve a plan.'),
    viewers: z
      .array(person)
      .min(1)
      .exactOptional()
      .describe(
        'Who may look here: status, history, verify, diagnose, details, App Home. Deployers and approvers always may. Default: everybody in the channels.',
      ),
    approvals: z.int().min(1).default(1).describe('How many different people must approve a plan.'),
    selfApproval: z.boolean().default(false).describe('Whether the person who asked for a run may approve it.'),
    rollbackApprovals: z
      .int()
      .min(0)
      .default(0)
      .describe('How many must approve a rollback. 0: it starts as soon as a deployer confirms the dialog.'),
    restoreApprovals: z
      .int()
      .min(1)
      .default(2)
      .describe('How many must approve a restore: it takes back what was written since the backup.'),
    fixApprovals: z
      .int()
      .min(1)
      .default(1)
      .describe('How many approvers a fix of a diagnosis needs. The approver who presses its button is the first.'),
    breakGlass: z
      .array(person)
      .default([])
      .describe('Who may roll back without any approval (--break-glass). Default: nobody.'),
    lockAfterRollback: z
      .union([z.boolean(), z.number().positive().max(720)], { error: 'must be true, false, or a number of hours' })
      .default(false)
      .describe('Whether a successful rollback leaves a lock: true until it is unlocked, or for so many hours.'),
    freezes: freezesSchema,
    unlock: z
      .enum(['approvers', 'deployers'])
      .default('approvers')
      .describe("Who can unlock a different person's lock. Your own lock you can always unlock."),
    channels: z.array(channel).min(1).describe('The channels in which commands for this environment are taken.'),
    approvalExpiryMinutes: z.number().positive().default(60).describe('How long a plan waits for its approval.'),
    after: z
      .string()
      .min(1)
      .exactOptional()
      .describe(
        'Only releases that have succeeded in this other environment, with the same commit and image, are planned here.',
      ),
    autoRollback: z
      .boolean()
      .default(false)
      .describe('Whether a release that breaks a rule while it is watched is rolled back without asking.'),
    rollbackButtonHours: z.number().min(0).default(24).describe('How long a finished run keeps its Roll back button.'),
  }),
  ['deployers', 'approvers', 'approvals', 'selfApproval', 'rollbackApprovals', 'restoreApprovals', 'autoRollback'],
  ({ deployers, approvers, approvals, selfApproval, rollbackApprovals, restoreApprovals, autoRollback }, problem) => {
    if (autoRollback && rollbackApprovals > 0)
      problem(
        ['autoRollback'],
        `rolls back without asking, but rollbackApprovals wants ${rollbackApprovals} to approve each rollback. Set rollbackApprovals to 0, or autoRollback to false`,
      )
    // The size of a group is unknown here.
    if ([...approvers].some(isGroup)) return
    for (const [field, needed] of Object.entries({ approvals, rollbackApprovals, restoreApprovals })) {
      const distinct = new Set(approvers)
      if (needed > distinct.size) {
        problem([field], `asks for ${needed} people, but only ${distinct.size} can approve. Lower it, or add approvers`)
        continue
      }
      if (selfApproval) continue
      const stuck = deployers.filter((id) => !isGroup(id) && distinct.has(id) && distinct.size - 1 < needed)
      if (stuck.length > 0) {
        problem(
          [field],
          `${stuck.join(', ')} could never get a run approved. Add an approver, lower it, or set selfApproval`,
        )
      }
    }
  },
)

function isGroup(id: string): boolean {
  return id.startsWith('S')
}

const backupLocation = z
  .string()
  .regex(
    /^(\/\S*|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^\s/]+)*\/?)$/,
    'must be an absolute directory, or s3://bucket/prefix',
  )

const backupCommand = z.strictObject({
  create: argv.describe(
    'Makes a backup. It gets a name as its last word and prints the id, the same for the same name.',
  ),
  describe: argv.describe('Tells of a backup when it was made, its size, and whether and how it is proven.'),
  verify: argv.describe('Proves a backup, and tells how. Until it has said so, no backup counts as proven.'),
  restore: argv
    .exactOptional()
    .describe('Brings a backup into a new, empty database. Without it, Purser refuses to restore these backups.'),
  remove: argv
    .exactOptional()
    .describe("Removes a backup that `keep` and `days` let go. Without it, that is the tool's own business."),
  quietMinutes: minutes.default(30).describe('A command that has printed nothing for so long is ended.'),
  envFrom: envFromFor('these commands'),
})

const backupsSchema = z
  .strictObject({
    by: z
      .enum(['pg_dump', 'command'], { error: 'must be pg_dump or command' })
      .default('pg_dump')
      .describe(
        'What makes backups: pg_dump, or a command of your own for databases that are too big to be dumped before each deploy.',
      ),
    command: backupCommand
      .exactOptional()
      .describe(
        'The command, with by: command. Each part is a list of words. The id of the backup is added as the last one.',
      ),
    location: backupLocation
      .exactOptional()
      .describe('A directory that all workers see, or s3://bucket/prefix. Default: PURSER_BACKUP_DIR.'),
    s3: z
      .strictObject({
        region: z.string().min(1).exactOptional().describe('Default: AWS_REGION, else us-east-1.'),
        endpoint: httpUrl.exactOptional().describe("Of a storage that is compatible with Amazon's. Default: Amazon's."),
        forcePathStyle: z
          .boolean()
          .default(false)
          .describe('Whether the bucket is in the path, not in the host name, as many compatible storages want.'),
      })
      .prefault({})
      .describe(
        'How an s3:// location is reached. Credentials are taken from the environment (AWS_ACCESS_KEY_ID, a role …).',
      ),
    schemas: z
      .array(z.string().min(1))
      .min(1)
      .refine((names) => new Set(names).size === names.length, 'names a schema twice')
      .exactOptional()
      .describe('Back up only these schemas. Default: the whole database.'),
    testRestore: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Whether every backup is restore-tested before it counts.'),
        databaseUrlEnv: environmentVariable
          .exactOptional()
          .describe(
            "Environment variable with the address of another server for it. Default: the service's own server.",
          ),
      })
      .prefault({}),
    maxAgeMinutes: minutes.default(60).describe('No migration starts with an older backup.'),
    keep: z.int().min(1).default(14).describe('The newest so many backups always stay.'),
    days: z.number().positive().default(30).describe('Older ones stay for so many days.'),
  })
  .check(
    z.superRefine(({ by, command }, context) => {
      if (by === 'command' && command === undefined)
        context.addIssue({ code: 'custom', path: ['command'], message: 'is missing, but by: command wants it' })
      if (by === 'pg_dump' && command !== undefined)
        context.addIssue({
          code: 'custom',
          path: ['by'],
          message: 'must be command, or backups.command counts for nothing',
        })
    }),
  )
  .prefault({})
  .describe('How backups are proven, and how long they are kept. The last proven one always stays.')

export const environmentSchema = checkFields(
  z.strictObject({
    namespace: objectName.describe('Kubernetes namespace of the service.'),
    clusterContext: z.string().min(1).exactOptional().describe('Context of the kubeconfig. Default: its current one.'),
    databaseUrlEnv: environmentVariable.describe("Environment variable that holds the service's database URL."),
    readOnlyDatabaseUrlEnv: environmentVariable
      .exactOptional()
      .describe(
        'Environment variable with the address of a role that may only read: the queries of verify, monitor and diagnose are asked as it. Default: they are asked as the role of databaseUrlEnv, and may call no volatile function.',
      ),
    backups: backupsSchema,
    restore: z
      .enum(['auto', 'swap', 'in-place'], { error: 'must be auto, swap or in-place' })
      .default('auto')
      .describe(
        'How a backup comes back. swap: into a new database that takes the name. in-place: in one transaction, with a longer downtime. auto: in place only where databases cannot be swapped.',
      ),
    stripe: z.strictObject({
      secretKeyEnv: environmentVariable.describe('Environment variable that holds the Stripe API key.'),
      mode: z.enum(['live', 'test']).describe('Which kind of key it must be.'),
      account: z
        .string()
        .regex(/^acct_\w+$/, 'must be a Stripe account id (acct_…)')
        .exactOptional()
        .describe(
          'The account that the key must belong to. A restricted key then needs the right to read it. Deploys need it in test mode, where the keys of all sandboxes look alike.',
        ),
    }),
    webhookUrl: httpUrl.describe('The URL to which Stripe delivers its events.'),
    probeUrl: httpUrl
      .exactOptional()
      .describe(
        'Where test events are posted and missed ones sent again, when an allow list lets only Stripe reach webhookUrl. Default: webhookUrl.',
      ),
    healthUrl: httpUrl.describe('Answers 200 when the service is well.'),
    allowLinkLocal: z
      .boolean()
      .default(false)
      .describe(
        'Whether healthUrl and webhookUrl may be link-local or metadata addresses (169.254.0.0/16 and the like).',
      ),
    baseUrl: httpUrl.describe('Where the service is reached. The end-to-end tests get it.'),
    timeZone: timeZone
      .default('UTC')
      .describe('Whose clock `/billing lock until 18:00` and `policy.freezes` mean, as in Europe/Berlin.'),
    build: variablesFor('the build of the image'),
    e2e: variablesFor('the end-to-end script'),
    policy: policySchema.describe('Who may do what here, and where.'),
    contacts: z
      .strictObject({
        onCall: z.string().min(1).exactOptional().describe('Who is called when a run fails: a user group or a phone.'),
        devops: z.string().min(1).exactOptional().describe('Slack channel of the DevOps team.'),
        database: z.string().min(1).exactOptional().describe('Who knows the database.'),
      })
      .prefault({})
      .describe('Named in the messages about failures.'),
  }),
  ['stripe', 'webhookUrl'],
  ({ stripe, webhookUrl }, problem) => {
    if (stripe.mode === 'live' && !webhookUrl.startsWith('https:')) {
      problem(['webhookUrl'], 'must begin with https: Stripe delivers live events nowhere else')
    }
  },
)

export type EnvironmentConfig = z.infer<typeof environmentSchema>
export type PolicyConfig = EnvironmentConfig['policy']
