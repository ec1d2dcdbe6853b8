import type { Settings } from '../config/environment/environment.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { knownSecrets } from '../outside-text/known-secrets.ts'
import { weaknessesOf } from '../outside-text/weak-secrets.ts'
import { Sensitive } from '../sensitive.ts'

/** Makes the secrets of the environment known to every mask, and tells those that cannot be masked well. */
export function learnSecrets(settings: Settings, config: PurserConfig): readonly string[] {
  const words = wordsOf(config)
  knownSecrets.exceptWords(words)
  knownSecrets.learn(...settings.everySecret, ...passwordsOf(config))
  return named(settings).flatMap(([name, secret]) =>
    weaknessesOf(secret.reveal(), words).map((weakness) => `the secret of ${name} ${weakness}`),
  )
}

/** Stripe takes a webhook URL with a name and a password in it. */
function passwordsOf({ environments }: PurserConfig): readonly Sensitive[] {
  return Object.values(environments).flatMap(({ webhookUrl, probeUrl }) =>
    [webhookUrl, probeUrl].flatMap((url) => {
      const password = url === undefined ? '' : new URL(url).password
      return password === '' ? [] : [new Sensitive(password), new Sensitive(decodeURIComponent(password))]
    }),
  )
}

/** The names that stand in purser.yaml: of environments, objects, hosts, tables. */
export function wordsOf(value: unknown): readonly string[] {
  const words = new Set<string>()
  const add = (text: string): void => {
    for (const word of [text, ...text.split(/[\s,:/@?&=]+/)]) if (/^[\w.-]{3,80}$/.test(word)) words.add(word)
  }
  const walk = (inner: unknown): void => {
    if (typeof inner === 'string') add(inner)
    else if (Array.isArray(inner)) inner.forEach(walk)
    else if (typeof inner === 'object' && inner !== null)
      for (const [key, one] of Object.entries(inner)) {
        add(key)
        walk(one)
      }
  }
  walk(value)
  return [...words]
}

function named(settings: Settings): readonly (readonly [name: string, secret: Sensitive])[] {
  const { stateDatabaseUrl, redis, auditKeys, slack, storageCredentials, secrets } = settings
  const { receiving } = slack
  const all: (readonly [string, Sensitive | undefined])[] = [
    ['STATE_DATABASE_URL', stateDatabaseUrl],
    ['REDIS_URL', redis?.url],
    ['REDIS_SENTINEL_PASSWORD', redis?.sentinelPassword],
    ['SLACK_BOT_TOKEN', slack.botToken],
    ['SLACK_APP_TOKEN', receiving?.mode === 'socket' ? receiving.appToken : undefined],
    ['SLACK_SIGNING_SECRET', receiving?.mode === 'http' ? receiving.signingSecret : undefined],
    ...auditKeys.map((key) => ['PURSER_AUDIT_KEY', key] as const),
    ['AWS_SECRET_ACCESS_KEY', storageCredentials?.secretAccessKey],
    ...secrets,
  ]
  return all.flatMap(([name, secret]) => (secret === undefined ? [] : [[name, secret] as const]))
}
