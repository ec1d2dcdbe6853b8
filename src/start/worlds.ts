import { healthProbe } from '../adapters/http/client.ts'
import { openCluster } from '../adapters/kubernetes/client.ts'
import { backupPlace } from '../adapters/object-storage/backup-storage.ts'
import { openBackups } from '../adapters/postgres/backups/backups.ts'
import { commandRestore, openCommandBackups } from '../adapters/postgres/backups/by-command/backups.ts'
import type { BackupCommands } from '../adapters/postgres/backups/by-command/command.ts'
import { openDatabase } from '../adapters/postgres/database.ts'
import { openRestores } from '../adapters/postgres/restores/restores.ts'
import { openRegistry } from '../adapters/registry/client.ts'
import { dockerCredentials } from '../adapters/registry/login/credentials.ts'
import { openMigrationLint } from '../adapters/squawk/client.ts'
import { openStripe } from '../adapters/stripe/client.ts'
import { webhookProbe } from '../adapters/stripe/webhook-probe.ts'
import { ConfigError } from '../config/config-error.ts'
import { secretOf, type Settings } from '../config/environment/environment.ts'
import type { EnvironmentConfig } from '../config/environment-schema.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { World } from '../runbook/world.ts'

/** Returns one world for each environment, built when it is first needed. */
export function worlds(
  config: PurserConfig,
  settings: Settings,
  repository: World['repository'],
  runner: World['runner'],
): (environment: string) => World {
  const shared = {
    lint: openMigrationLint(),
    registry: openRegistry({
      credentials: dockerCredentials(),
      mirrors: Object.fromEntries(settings.registryMirrors),
      hosts: config.service.image.registryHosts,
    }),
    repository,
    runner,
    secret: (name: string) => settings.secrets.get(name),
  }
  const built = new Map<string, World>()
  return (name) => {
    const known = built.get(name)
    if (known !== undefined) return known
    const environment = config.environments[name]
    if (environment === undefined) throw new ConfigError('purser.yaml', [`environments.${name}: is gone`])
    const database = secretOf(settings, environment.databaseUrlEnv)
    const { testRestore, location, s3, schemas } = environment.backups
    const kept = {
      ...backupPlace(location, { ...s3, credentials: settings.storageCredentials }, settings.backupDirectory),
      toolDirectories: settings.toolDirectories,
    }
    const dumps = openBackups({
      url: database,
      ...kept,
      schemas,
      testRestore: {
        enabled: testRestore.enabled,
        ...(testRestore.databaseUrlEnv === undefined || !testRestore.enabled
          ? {}
          : { url: secretOf(settings, testRestore.databaseUrlEnv) }),
      },
    })
    const commands = backupCommands(environment, settings)
    const { allowLinkLocal } = environment
    const world: World = {
      ...shared,
      health: healthProbe({ allowLinkLocal }),
      webhook: webhookProbe({ allowLinkLocal }),
      cluster: openCluster({
        namespace: environment.namespace,
        ...(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig }),
        ...(environment.clusterContext === undefined ? {} : { context: environment.clusterContext }),
      }),
      database: openDatabase({
        url: database,
        ...(environment.readOnlyDatabaseUrlEnv === undefined
          ? {}
          : { readOnlyUrl: secretOf(settings, environment.readOnlyDatabaseUrlEnv) }),
      }),
      backups: commands === undefined ? dumps : openCommandBackups({ url: database, commands, dumps }),
      restores: openRestores({
        url: database,
        ...kept,
        ...(commands === undefined ? {} : { byCommand: commandRestore(commands) }),
      }),
      stripe: openStripe({
        secretKey: secretOf(settings, environment.stripe.secretKeyEnv),
        ...(settings.stripeApiBase === undefined ? {} : { apiBase: settings.stripeApiBase }),
      }),
    }
    built.set(name, world)
    return world
  }
}

/** The team's own command, with the values of its variables; undefined where backups are dumps. */
function backupCommands({ backups }: EnvironmentConfig, settings: Settings): BackupCommands | undefined {
  if (backups.by !== 'command' || backups.command === undefined) return undefined
  const { envFrom, ...commands } = backups.command
  const env = Object.entries(envFrom).map(([name, variable]) => [name, secretOf(settings, variable)] as const)
  return { ...commands, env: Object.fromEntries(env) }
}
