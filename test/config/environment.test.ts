import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { readAuditSettings, readSettings, secretOf } from '../../src/config/environment/environment.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'

const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')

const complete = {
  STATE_DATABASE_URL: 'postgres://purser:statepassword@127.0.0.1:5432/purser',
  SLACK_BOT_TOKEN: 'xoxb-1-token',
  SLACK_APP_TOKEN: 'xapp-1-token',
  PRODUCTION_DATABASE_URL: 'postgres://app:livepassword@db/billing',
  STAGING_DATABASE_URL: 'postgres://app:stagingpassword@db/billing',
  STRIPE_SECRET_KEY: 'sk_live_123456789',
  STAGING_STRIPE_SECRET_KEY: 'sk_test_123456789',
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readSettings(env, config)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function only(env: Record<string, string>, name: string): Record<string, string> {
  return { [name]: env[name] ?? '' }
}

describe('reading the environment', () => {
  it('knows every secret that purser.yaml names, and shows none', () => {
    const settings = readSettings({ ...complete, STRIPE_WEBHOOK_SECRET: 'whsec_abcdef' }, config)
    expect(secretOf(settings, 'PRODUCTION_DATABASE_URL').reveal()).toBe(complete.PRODUCTION_DATABASE_URL)
    expect(settings.everySecret.map((secret) => secret.reveal()).toSorted()).toEqual(
      [...Object.values(complete), 'whsec_abcdef'].toSorted(),
    )
    expect(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).not.toMatch(/password|sk_live|whsec|token-/)
    expect(settings).toMatchObject({ role: 'all', port: 3000, redis: undefined, logLevel: 'info' })
    expect(settings.backupDirectory).toBe(`${settings.dataDirectory}/backups`)
  })

  it('tells every problem at once and never a value', () => {
    const problems = problemsOf({
      STATE_DATABASE_URL: 'mysql://secretvalue',
      SLACK_BOT_TOKEN: 'wrongtoken',
      PURSER_ROLE: 'boss',
      PORT: 'http',
      REGISTRY_MIRRORS: 'docker.io',
      STRIPE_SECRET_KEY: '',
    })
    expect(problems.map((problem) => problem.replace(/:.*/, '')).toSorted()).toEqual([
      'PORT',
      'PRODUCTION_DATABASE_URL',
      'PURSER_ROLE',
      'REGISTRY_MIRRORS',
      'SLACK_APP_TOKEN',
      'SLACK_BOT_TOKEN',
      'STAGING_DATABASE_URL',
      'STAGING_STRIPE_SECRET_KEY',
      'STATE_DATABASE_URL',
      'STRIPE_SECRET_KEY',
    ])
    expect(problems.join()).not.toMatch(/secretvalue|wrongtoken/)
    expect(problems.join()).toContain('environments.production.databaseUrlEnv in purser.yaml names it')
  })

  it('wants the address of the role that only reads, where one is named, and masks it', () => {
    const production = config.environments['production']
    if (production === undefined) throw new Error('purser.yaml has production')
    const environments = {
      ...config.environments,
      production: { ...production, readOnlyDatabaseUrlEnv: 'READING_URL' },
    }
    const reading = { ...config, environments }
    expect(() => readSettings(complete, reading)).toThrow(
      /READING_URL: is not set, but environments.production.readOnlyDatabaseUrlEnv/,
    )
    const settings = readSettings({ ...complete, READING_URL: 'postgres://reads:s3cretword@db/app' }, reading)
    expect(settings.everySecret.map((one) => one.reveal())).toContain('postgres://reads:s3cretword@db/app')
  })

  it.each([
    ['STRIPE_SECRET_KEY', 'sk_live_123456789\n', 'a newline is at its end'],
    ['STRIPE_SECRET_KEY', ' sk_live_123456789', 'a space is at its beginning'],
    ['STRIPE_SECRET_KEY', '"sk_live_123456789"', 'quotation marks are around it'],
    ['PRODUCTION_DATABASE_URL', 'postgres://u:p@db/app\r\n', 'a newline is at its end'],
    ['STATE_DATABASE_URL', 'postgres://u:p@db/purser\n', 'a newline is at its end'],
    ['SLACK_BOT_TOKEN', 'xoxb-one ', 'a space is at its end'],
    ['SLACK_APP_TOKEN', 'xapp-one\u200b', 'invisible characters are in it'],
  ])('names what stands in %s and nobody sees: %j', (name, value, what) => {
    const problems = problemsOf({ ...complete, [name]: value })
    expect(problems).toContain(`${name}: ${what}. Remove it`)
    expect(problems.join()).not.toContain(value.trim())
  })

  it('takes each variable from the file that its _FILE names, without one line end', () => {
    const directory = mkdtempSync(join(tmpdir(), 'purser-files-'))
    const files = Object.entries({
      ...complete,
      PURSER_AUDIT_KEY: 'k'.repeat(32),
      AWS_ACCESS_KEY_ID: 'AKIA',
      AWS_SECRET_ACCESS_KEY: 's  s',
    })
    const env = Object.fromEntries(
      files.map(([name, value]) => {
        writeFileSync(join(directory, name), `${value}\n`)
        return [`${name}_FILE`, join(directory, name)]
      }),
    )
    const settings = readSettings(env, config)
    expect(secretOf(settings, 'PRODUCTION_DATABASE_URL').reveal()).toBe(complete.PRODUCTION_DATABASE_URL)
    expect(settings.slack.botToken.reveal()).toBe(complete.SLACK_BOT_TOKEN)
    expect(settings.auditKeys.map((key) => key.reveal())).toEqual(['k'.repeat(32)])
    // What else is in a file belongs to the value.
    expect(settings.storageCredentials?.secretAccessKey.reveal()).toBe('s  s')
    expect(readAuditSettings(env).stateDatabaseUrl.reveal()).toBe(complete.STATE_DATABASE_URL)

    writeFileSync(join(directory, 'empty'), '\n')
    writeFileSync(join(directory, 'two'), 'xoxb-two\n\n')
    const { SLACK_BOT_TOKEN_FILE: _bot, STRIPE_SECRET_KEY_FILE: _key, ...rest } = env
    const problems = problemsOf({
      ...rest,
      STRIPE_SECRET_KEY: 'sk_live_123456789',
      STRIPE_SECRET_KEY_FILE: join(directory, 'STRIPE_SECRET_KEY'),
      SLACK_BOT_TOKEN_FILE: join(directory, 'gone'),
      SLACK_APP_TOKEN_FILE: join(directory, 'empty'),
      STATE_DATABASE_URL_FILE: directory,
    })
    expect(problems).toEqual([
      expect.stringMatching(/^STATE_DATABASE_URL_FILE: names .* which is a directory/),
      expect.stringMatching(/^SLACK_BOT_TOKEN_FILE: .*gone cannot be read: ENOENT/),
      expect.stringMatching(/^SLACK_APP_TOKEN_FILE: names .* which is empty/),
      'STRIPE_SECRET_KEY_FILE: is set, and STRIPE_SECRET_KEY too. Remove one of them',
    ])
    expect(
      problemsOf({ ...rest, ...only(env, 'STRIPE_SECRET_KEY_FILE'), SLACK_BOT_TOKEN_FILE: join(directory, 'two') }),
    ).toEqual(['SLACK_BOT_TOKEN: a newline is at its end. Remove it'])
    rmSync(directory, { recursive: true })
  })

  it('hands no command the database of another environment, by whatever name', () => {
    const problems = problemsOf({ ...complete, STAGING_DATABASE_URL: complete.PRODUCTION_DATABASE_URL })
    expect(problems).toContainEqual(
      expect.stringMatching(
        /^STAGING_DATABASE_URL: holds the same value as PRODUCTION_DATABASE_URL, the database of production, and environments\.staging\.e2e/,
      ),
    )
    // Told of production's script too: it would be handed staging's database.
    expect(problems).toHaveLength(2)
    expect(problems.join()).not.toContain('livepassword')
  })

  it('reads the keys of the audit, the newest first, masks each, and shows none that is too short', () => {
    const [key, older] = ['k'.repeat(32), 'o'.repeat(40)]
    const settings = readSettings({ ...complete, PURSER_AUDIT_KEY: `${key},${older}` }, config)
    expect(settings.auditKeys.map((one) => one.reveal())).toEqual([key, older])
    expect(settings.everySecret.map((one) => one.reveal())).toEqual(expect.arrayContaining([key, older]))
    expect(readSettings({ ...complete, PURSER_AUDIT_KEY: '' }, config).auditKeys).toEqual([])
    for (const wrong of ['short', `${key},short`, `${key}, ${older}`, `${key},`])
      expect(problemsOf({ ...complete, PURSER_AUDIT_KEY: wrong })).toEqual([
        expect.stringMatching(/^PURSER_AUDIT_KEY: must have at least 32 characters/),
      ])
  })

  it('asks for what the way of receiving needs, and a worker for neither', () => {
    const { SLACK_APP_TOKEN: _, ...withoutAppToken } = complete
    expect(problemsOf(withoutAppToken).join()).toMatch(/^SLACK_APP_TOKEN: .*socket mode/)
    expect(problemsOf({ ...withoutAppToken, SLACK_MODE: 'http' }).join()).toMatch(/^SLACK_SIGNING_SECRET/)
    expect(readSettings({ ...withoutAppToken, PURSER_ROLE: 'worker' }, config).slack.receiving).toBeUndefined()
    const http = readSettings({ ...complete, SLACK_MODE: 'http', SLACK_SIGNING_SECRET: 'signing' }, config)
    expect(http.slack.receiving?.mode).toBe('http')
  })

  it('reads registry mirrors as pairs', () => {
    const { registryMirrors } = readSettings(
      { ...complete, REGISTRY_MIRRORS: 'docker.io=127.0.0.1:5000,ghcr.io=mirror:80' },
      config,
    )
    expect([...registryMirrors]).toEqual([
      ['docker.io', '127.0.0.1:5000'],
      ['ghcr.io', 'mirror:80'],
    ])
  })
})
