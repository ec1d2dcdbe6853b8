import { pino } from 'pino'
import { configPath, readSettings } from './config/environment/environment.ts'
import { readPurserYaml } from './config/purser-yaml.ts'
import { PurserError } from './errors.ts'
import { knownSecrets } from './outside-text/known-secrets.ts'
import { maskOf } from './outside-text/mask.ts'
import { closeDataDirectories } from './start/data-directories.ts'
import { doctorCommand } from './start/doctor-command.ts'
import { endAtSignal } from './start/ending.ts'
import { removeLeftovers } from './start/leftovers.ts'
import { ownEnvironment, visibleSecrets } from './start/own-environment.ts'
import { start } from './start/start.ts'

const mask = maskOf()
try {
  const env = ownEnvironment(process.env)
  const [command, ...words] = process.argv.slice(2)
  if (command === 'doctor')
    process.exit(await doctorCommand(words, env, (line) => void process.stdout.write(`${line}\n`)))
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
  // It may be a hundred thousand files, and nobody waits for them.
  void removeLeftovers(settings.dataDirectory, log)
  endAtSignal(await start(config, settings, log), log)
} catch (error) {
  const words = error instanceof PurserError ? error.message : String(error instanceof Error ? error.stack : error)
  process.stderr.write(`${mask(words)}\n`)
  if (error instanceof PurserError && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
  process.exit(1)
}
