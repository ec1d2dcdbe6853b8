import { type Logger, pino } from 'pino'
import { ConfigError } from './config/config-error.ts'
import { configPath, readSettings } from './config/environment/environment.ts'
import { readPurserYaml } from './config/purser-yaml.ts'
import { knownSecrets } from './outside-text/known-secrets.ts'
import { maskOf } from './outside-text/mask.ts'
import { closeDataDirectories } from './start/data-directories.ts'
import { ownEnvironment, visibleSecrets } from './start/own-environment.ts'
import { start } from './start/start.ts'

/** Ends the process at a signal. npm and terminals may each deliver one: the second one changes nothing. */
function endWith(close: () => Promise<void>, log: Logger): void {
  let ending = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (ending) return
      ending = true
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'shutting down')
          process.exit(1)
        },
      )
    })
}

const mask = maskOf()
try {
  const env = ownEnvironment(process.env)
  const config = readPurserYaml(configPath(env))
  const settings = readSettings(env, config)
  knownSecrets.learn(...settings.everySecret)
  const log = pino(
    { level: settings.logLevel, base: { instance: settings.instance } },
    // This is the last exit for secrets: whatever is logged leaves masked.
    { write: (line: string) => void process.stdout.write(mask(line)) },
  )
  const visible = visibleSecrets(settings.everySecret)
  if (visible.length > 0)
    log.warn(
      `secrets stand in the environment that /proc shows to processes of Purser's user (${visible.join(', ')}): ` +
        'give each as NAME_FILE, or start by scripts/start.sh',
    )
  await closeDataDirectories(settings, log)
  endWith(await start(config, settings, log), log)
} catch (error) {
  const words = error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)
  process.stderr.write(`${mask(words)}\n`)
  if (error instanceof ConfigError && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
  process.exit(1)
}
