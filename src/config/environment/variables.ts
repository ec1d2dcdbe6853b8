import { z } from 'zod'

const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be a URL as in ${example}` })

/** The variables of Purser's own environment. Whoever operates it reads their descriptions when one is missing. */
export const environmentSchema = z.object({
  PURSER_CONFIG: z.string().default('purser.yaml'),
  PURSER_ROLE: z.enum(['bot', 'worker', 'all'], { error: 'must be bot, worker or all' }).default('all'),
  PURSER_INSTANCE: z.string().optional(),
  STATE_DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://purser:password@host:5432/purser').describe(
    'PostgreSQL database of Purser itself',
  ),
  PURSER_AUDIT_KEY: z
    .string()
    .regex(
      /^[^\s,]{32,}(,[^\s,]{32,})*$/,
      'must have at least 32 characters without white space (openssl rand -hex 32 makes one). After a change: NEW,OLD',
    )
    .optional(),
  REDIS_URL: url(/^rediss?$/, 'redis://host:6379').optional(),
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
