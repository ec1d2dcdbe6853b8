import { hostname } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { z } from 'zod'
import { Sensitive, straysIn } from '../../sensitive.ts'
import { ConfigError } from '../config-error.ts'
import { withFiles } from './environment-files.ts'
import type { PurserConfig } from '../purser-yaml.ts'
import { SensitiveFile } from './sensitive-file.ts'
import { namedVariables } from './named-variables.ts'
import { placeOf, sharedValues } from './shared-variables.ts'
import { environmentSchema, isRedisAddress } from './variables.ts'

/** PURSER_CONFIG is asked for before anything else is known. */
const ownNames = Object.keys(environmentSchema.shape).filter((name) => name !== 'PURSER_CONFIG')

type Role = 'bot' | 'worker' | 'all'

/** The way by which Slack's commands and button presses reach Purser. */
type SlackReceiving =
  | { readonly mode: 'socket'; readonly appToken: Sensitive }
  | { readonly mode: 'http'; readonly signingSecret: Sensitive }

export interface StorageCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Sensitive
  readonly sessionToken: Sensitive | undefined
}

/** Where Redis is, and how it is reached. */
export interface RedisPlace {
  /** One address, or several with commas between them: Sentinels, or nodes of a cluster. */
  readonly url: Sensitive
  readonly mode: 'single' | 'sentinel' | 'cluster'
  /** The name that the Sentinels have for the primary. */
  readonly primary: string
  readonly sentinelPassword?: Sensitive | undefined
  /** Certificates (PEM) of the authority that signed the server's; undefined for those that Node knows. */
  readonly ca?: string | undefined
}

/** What the environment variables say, read once. Secrets are Sensitive; everything unset is `undefined`. */
export interface Settings {
  readonly role: Role
  /** The name of this process in records of who works on what. */
  readonly instance: string
  readonly stateDatabaseUrl: Sensitive
  readonly stateDatabaseSchema: string
  /** The keys that make the hashes of audit events, the newest first. Without one whoever can write the table can make them too. */
  readonly auditKeys: readonly Sensitive[]
  /** Undefined when BullMQ works on the state database. */
  readonly redis: RedisPlace | undefined
  readonly slack: {
    readonly botToken: Sensitive
    readonly apiUrl: string | undefined
    /** The role `worker` only posts, so it has none. */
    readonly receiving: SlackReceiving | undefined
  }
  /** The port of the health endpoint, and of Slack's requests in http mode. */
  readonly port: number
  /** How many jobs of each sort this process does at once. */
  readonly places: {
    readonly heavy: number
    readonly phases: number
    readonly looks: number
    readonly watches: number
  }
  readonly stripeApiBase: string | undefined
  readonly kubeconfig: string | undefined
  /** Where commands of a version run: a socket's path, or how Purser runs them itself; undefined for the best that works. */
  readonly runner: string | undefined
  /** The absolute directory of backups, mirror and workspaces. */
  readonly dataDirectory: string
  readonly backupDirectory: string
  /**
   * Directories with PostgreSQL client tools, one of each version. Undefined for the PATH and the places of packages.
   */
  readonly toolDirectories: readonly string[] | undefined
  /** The login of backups in a bucket; undefined where the SDK finds one itself (a role, a profile). */
  readonly storageCredentials: StorageCredentials | undefined
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** For each registry's host the host that is asked instead. */
  readonly registryMirrors: ReadonlyMap<string, string>
  /** Files that hold secrets: those of `X_FILE`, and of other tools. */
  readonly secretFiles: readonly string[]
  /** The values of the variables that purser.yaml names. Optional credentials that are not set are absent. */
  readonly secrets: ReadonlyMap<string, Sensitive>
  /** Everything secret that this process knows, for masking. */
  readonly everySecret: readonly Sensitive[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Returns the path of purser.yaml, which is needed before anything else can be read. */
export function configPath(env: Environment): string {
  return resolve(withoutEmpty(env)['PURSER_CONFIG'] ?? 'purser.yaml')
}

/** Reads the settings. Raises ConfigError listing every problem; values never appear in it. */
export function readSettings(env: Environment, config: PurserConfig): Settings {
  const names = [...ownNames, ...namedVariables(config).map(({ name }) => name)]
  const { given, problems: unreadable, files } = withFiles(withoutEmpty(env), names)
  const read = environmentSchema.safeParse(given)
  const notRead = unreadable.map((problem) => problem.replace(/_FILE:.*/s, ''))
  const problems = [
    ...unreadable,
    ...(read.success ? [] : read.error.issues)
      // That it is not set has been said by its file.
      .filter(({ path: [name] }) => !notRead.includes(String(name)))
      .map(describeIssue),
    ...receivingProblems(given, notRead),
    ...namedVariables(config)
      .filter(({ name, required }) => required && given[name] === undefined && !notRead.includes(name))
      .map(({ name, usedBy }) => `${name}: is not set, but ${usedBy} in purser.yaml names it`),
    ...sameValueProblems(given, config),
    ...strayProblems(given, [...ownNames, ...namedVariables(config).flatMap(({ name, bare }) => (bare ? [name] : []))]),
  ]
  if (!read.success || problems.length > 0) {
    throw new ConfigError('the environment', problems, 'Set these environment variables and start again.')
  }

  const values = read.data
  /** What is used again and again is read again when its file changes; what is used once, at the start, is not. */
  const renewed = (name: string, value: string, mayBe?: (now: string) => boolean): Sensitive => {
    const path = files.get(name)
    return path === undefined ? new Sensitive(value) : new SensitiveFile(path, value, mayBe)
  }
  const secrets = new Map<string, Sensitive>()
  for (const { name } of namedVariables(config)) {
    const value = given[name]
    if (value !== undefined) secrets.set(name, renewed(name, value))
  }
  const optional = (value: string | undefined) => (value === undefined ? undefined : new Sensitive(value))
  const stateDatabaseUrl = new Sensitive(values.STATE_DATABASE_URL)
  const auditKeys = auditKeysOf(values.PURSER_AUDIT_KEY)
  const redis = redisOf(values, (url) => renewed('REDIS_URL', url, isRedisAddress))
  const botToken = renewed('SLACK_BOT_TOKEN', values.SLACK_BOT_TOKEN, (now) => now.startsWith('xoxb-'))
  const slackSecrets = [optional(values.SLACK_APP_TOKEN), optional(values.SLACK_SIGNING_SECRET)]
  const storageCredentials = storageCredentialsOf(values)
  const storageSecrets = [optional(values.AWS_SECRET_ACCESS_KEY), optional(values.AWS_SESSION_TOKEN)]
  const dataDirectory = resolve(values.PURSER_DATA_DIR)

  return {
    role: values.PURSER_ROLE,
    instance: values.PURSER_INSTANCE ?? `${hostname()}-${process.pid}`,
    stateDatabaseUrl,
    stateDatabaseSchema: values.STATE_DATABASE_SCHEMA,
    auditKeys,
    redis,
    slack: { botToken, apiUrl: values.SLACK_API_URL, receiving: receivingOf(values) },
    port: values.PORT,
    places: {
      heavy: values.PURSER_CONCURRENCY_HEAVY,
      phases: values.PURSER_CONCURRENCY_PHASES,
      looks: values.PURSER_CONCURRENCY_LOOKS,
      watches: values.PURSER_CONCURRENCY_WATCHES,
    },
    stripeApiBase: values.STRIPE_API_BASE,
    kubeconfig: values.KUBECONFIG,
    runner: values.PURSER_RUNNER,
    dataDirectory,
    backupDirectory: resolve(values.PURSER_BACKUP_DIR ?? join(dataDirectory, 'backups')),
    toolDirectories: values.PURSER_PG_BIN?.split(delimiter).filter((directory) => directory !== ''),
    storageCredentials,
    logLevel: values.LOG_LEVEL,
    registryMirrors: mirrorsOf(values.REGISTRY_MIRRORS),
    secretFiles: secretFilesOf(given, names),
    secrets,
    everySecret: [
      stateDatabaseUrl,
      redis?.url,
      redis?.sentinelPassword,
      ...redisPasswords(redis),
      botToken,
      ...auditKeys,
      ...slackSecrets,
      ...storageSecrets,
      ...secrets.values(),
    ].filter((secret) => secret !== undefined),
  }
}

/** The settings that a verification of the audit needs of the environment; `npm start` reads the same variables. */
interface AuditSettings {
  readonly stateDatabaseUrl: Sensitive
  readonly stateDatabaseSchema: string
  readonly auditKeys: readonly Sensitive[]
}

/** Reads the environment. Raises ConfigError that lists every problem; values never appear in it. */
export function readAuditSettings(env: Environment): AuditSettings {
  const needed = environmentSchema.pick({
    STATE_DATABASE_URL: true,
    STATE_DATABASE_SCHEMA: true,
    PURSER_AUDIT_KEY: true,
  })
  const { given, problems } = withFiles(withoutEmpty(env), Object.keys(needed.shape))
  const read = needed.safeParse(given)
  if (!read.success || problems.length > 0) {
    const all = [...problems, ...(read.error?.issues ?? []).map(describeIssue)]
    throw new ConfigError('the environment', all, 'Set them as for npm start.')
  }
  return {
    stateDatabaseUrl: new Sensitive(read.data.STATE_DATABASE_URL),
    stateDatabaseSchema: read.data.STATE_DATABASE_SCHEMA,
    auditKeys: auditKeysOf(read.data.PURSER_AUDIT_KEY),
  }
}

function auditKeysOf(value: string | undefined): readonly Sensitive[] {
  return value === undefined ? [] : new Sensitive(value).parts(',')
}

/**
 * Returns a secret that `readSettings` has seen to be set, or an optional credential. Raises ConfigError when it is
 * missing.
 */
export function secretOf(settings: Settings, name: string): Sensitive {
  const secret = settings.secrets.get(name)
  if (secret === undefined) throw new ConfigError('the environment', [`${name}: is not set`])
  return secret
}

/** Leaves out empty variables: `NAME=` in an env file means "not set", as people expect. */
function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  )
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0])
  if (issue.code === 'invalid_type' || issue.path.length === 0) {
    const field =
      name in environmentSchema.shape
        ? environmentSchema.shape[name as keyof typeof environmentSchema.shape]
        : undefined
    const meaning = field?.description
    return `${name}: is not set${meaning === undefined ? '' : ` (${meaning})`}`
  }
  return `${name}: ${issue.message}`
}

function receivingProblems(given: Readonly<Record<string, string>>, notRead: readonly string[]): string[] {
  if (given['PURSER_ROLE'] === 'worker') return []
  const http = given['SLACK_MODE'] === 'http'
  if (http && given['SLACK_SIGNING_SECRET'] === undefined && !notRead.includes('SLACK_SIGNING_SECRET')) {
    return ['SLACK_SIGNING_SECRET: is not set, but SLACK_MODE=http needs it (Slack app, Basic Information)']
  }
  if (!http && given['SLACK_APP_TOKEN'] === undefined && !notRead.includes('SLACK_APP_TOKEN')) {
    return ['SLACK_APP_TOKEN: is not set, but socket mode needs it (xapp-…, or set SLACK_MODE=http)']
  }
  return []
}

function receivingOf(values: z.infer<typeof environmentSchema>): SlackReceiving | undefined {
  if (values.PURSER_ROLE === 'worker') return undefined
  if (values.SLACK_MODE === 'http') {
    return { mode: 'http', signingSecret: new Sensitive(values.SLACK_SIGNING_SECRET ?? '') }
  }
  return { mode: 'socket', appToken: new Sensitive(values.SLACK_APP_TOKEN ?? '') }
}

function secretFilesOf(given: Readonly<Record<string, string>>, names: readonly string[]): readonly string[] {
  const variables = [
    ...names.map((name) => `${name}_FILE`),
    'DOCKER_CONFIG',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONFIG_FILE',
  ]
  const lists = [...variables, 'AWS_WEB_IDENTITY_TOKEN_FILE', 'KUBECONFIG'].map((name) => given[name] ?? '')
  return lists.flatMap((list) => list.split(delimiter)).filter((path) => path !== '')
}

function storageCredentialsOf(values: z.infer<typeof environmentSchema>): StorageCredentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: key, AWS_SESSION_TOKEN: token } = values
  if (accessKeyId === undefined || key === undefined) return undefined
  const sessionToken = token === undefined ? undefined : new Sensitive(token)
  return { accessKeyId, secretAccessKey: new Sensitive(key), sessionToken }
}

function redisOf(
  values: z.infer<typeof environmentSchema>,
  secret: (url: string) => Sensitive,
): RedisPlace | undefined {
  const { REDIS_URL: url, REDIS_MODE: mode, REDIS_PRIMARY: primary, REDIS_CA: ca } = values
  const password = values.REDIS_SENTINEL_PASSWORD
  if (url === undefined) return undefined
  const sentinelPassword = password === undefined ? undefined : new Sensitive(password)
  return { url: secret(url), mode, primary, sentinelPassword, ca }
}

/** Errors and logs may have a password without the address around it. */
function redisPasswords(redis: RedisPlace | undefined): readonly Sensitive[] {
  return (redis?.url.parts(',') ?? []).flatMap((address) => {
    const password = new URL(address.reveal()).password
    return password === '' ? [] : [new Sensitive(password), new Sensitive(decodeURIComponent(password))]
  })
}

function mirrorsOf(text: string | undefined): ReadonlyMap<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair !== '')
  return new Map(pairs.map((pair) => pair.split('=') as [string, string]))
}

/** A command's variable that holds another environment's database or key is as bad as that variable's name would be. */
function sameValueProblems(given: Readonly<Record<string, string>>, config: PurserConfig): string[] {
  return sharedValues(config.environments, (name) => given[name]).map(
    (use) =>
      `${use.variable}: holds the same value as ${use.owner.variable}, the ${use.owner.as} of ${use.owner.environment}, and ` +
      `${placeOf(use)} in purser.yaml hands it to a command. Correct the value, or name one variable in both places and in sharedEnv`,
  )
}

/** Names the values in which something stands that nobody sees: whoever is sent such a key refuses it, in other words. */
function strayProblems(given: Readonly<Record<string, string>>, names: readonly string[]): string[] {
  return [...new Set(names)].flatMap((name) => straysIn(given[name] ?? '').map((what) => `${name}: ${what}. Remove it`))
}
