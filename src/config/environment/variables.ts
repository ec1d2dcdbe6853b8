import { z } from 'zod'

const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be a URL as in ${example}` })

/** Pure: one address of Redis, or several with commas between them. */
export function isRedisAddress(text: string): boolean {
  return text.split(',').every((address) => URL.canParse(address.trim()) && /^rediss?:\/\/[^/]/.test(address.trim()))
}

/** How many jobs of a sort one process does at once. */
const places = (usual: number) => {
  const error = 'must be a number from 1 to 1000'
  return z.coerce.number({ error }).int(error).min(1, error).max(1_000, error).default(usual)
}

/** The variables of Purser's own environment. Whoever operates it reads their descriptions when one is missing. */
export const environmentSchema = z.object({
  PURSER_CONFIG: z.string().default('purser.yaml'),
  PURSER_ROLE: z.enum(['bot', 'worker', 'all'], { error: 'must be bot, worker or all' }).default('all'),
  PURSER_INSTANCE: z.string().optional(),
  STATE_DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://purser:password@host:5432/purser').describe(
    'PostgreSQL database of Purser itself',
  ),
  STATE_DATABASE_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,40}$/, 'must be a name of small letters, digits and _, as in purser_shop')
    .refine((name) => !/^(pg_|bullmq$|public$|information_schema$)/.test(name), 'must be a schema of its own')
    .default('purser'),
  PURSER_AUDIT_KEY: z
    .string()
    .regex(
      /^[^\s,]{32,}(,[^\s,]{32,})*$/,
      'must have at least 32 characters without white space (openssl rand -hex 32 makes one). After a change: NEW,OLD',
    )
    .optional(),
  REDIS_URL: z
    .string()
    .refine(
      isRedisAddress,
      'must be a URL as in redis://host:6379 (rediss:// for TLS), or several with commas between them',
    )
    .optional(),
  REDIS_MODE: z
    .enum(['single', 'sentinel', 'cluster'], { error: 'must be single, sentinel or cluster' })
    .default('single'),
  REDIS_PRIMARY: z.string().default('mymaster'),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  REDIS_CA: z.string().includes('-----BEGIN CERTIFICATE-----', 'must hold certificates in PEM').optional(),
  SLACK_BOT_TOKEN: z
    .string()
    .startsWith('xoxb-', 'must be a bot token, which begins with xoxb-')
    .describe('bot token of the Slack app, xoxb-…'),
  SLACK_APP_TOKEN: z
    .string()
    .startsWith('xapp-', 'must be an app-level token, which begins with xapp-')
    .optional()
    .describe('app-level token with connections:write, xapp-…; needed in socket mode'),
  SLACK_SIGNING_SECRET: z.string().optional().describe('signing secret of the Slack app (http mode)'),
  SLACK_MODE: z.enum(['socket', 'http'], { error: 'must be socket or http' }).default('socket'),
  SLACK_API_URL: url(/^https?$/, 'https://slack.com/api/').optional(),
  PURSER_CONCURRENCY_HEAVY: places(4),
  PURSER_CONCURRENCY_PHASES: places(32),
  PURSER_CONCURRENCY_LOOKS: places(4),
  PURSER_CONCURRENCY_WATCHES: places(250),
  PORT: z.coerce
    .number({ error: 'must be a port number' })
    .int('must be a port number')
    .min(0, 'must be a port number')
    .max(65535, 'must be a port number')
    .default(3000),
  STRIPE_API_BASE: url(/^https?$/, 'https://api.stripe.com').optional(),
  KUBECONFIG: z.string().optional(),
  PURSER_RUNNER: z
    .string()
    .regex(/^(bubblewrap|none|\/.+)$/, 'must be the absolute path of a socket, bubblewrap or none')
    .optional(),
  PURSER_DATA_DIR: z.string().default('./data'),
  PURSER_BACKUP_DIR: z.string().optional(),
  PURSER_PG_BIN: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default('info'),
  REGISTRY_MIRRORS: z
    .string()
    .regex(/^[^=,\s]+=[^=,\s]+(,[^=,\s]+=[^=,\s]+)*$/, 'must be host=mirror pairs, as in docker.io=127.0.0.1:5000')
    .optional(),
})
