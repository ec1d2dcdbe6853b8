import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { openRepository } from './adapters/git/repository.ts'
import { healthProbe } from './adapters/http/client.ts'
import { openCluster } from './adapters/kubernetes/client.ts'
import { openBackups } from './adapters/postgres/backups/backups.ts'
import { openDatabase } from './adapters/postgres/database.ts'
import { openRestores } from './adapters/postgres/restores/restores.ts'
import { backupPlace } from './adapters/object-storage/backup-storage.ts'
import { openCommands } from './adapters/process/commands.ts'
import { openRegistry } from './adapters/registry/client.ts'
import { dockerConfigCredentials } from './adapters/registry/credentials.ts'
import { openChat } from './adapters/slack/client.ts'
import type { Chat } from './adapters/slack/port.ts'
import { openSlackApp } from './adapters/slack/app.ts'
import { openMigrationLint } from './adapters/squawk/client.ts'
import { openStripe, webhookProbe } from './adapters/stripe/client.ts'
import type { CommandContext } from './commands/command-context.ts'
import { homeFacts, homeOf } from './commands/home.ts'
import { connect } from './commands/slack-app.ts'
import { configPath, readSettings, secretOf, type Settings } from './config/environment.ts'
import { ConfigError } from './config/config-error.ts'
import { type PurserConfig, readPurserYaml } from './config/purser-yaml.ts'
import { HomePublisher } from './jobs/home-publisher.ts'
import { JobSystem } from './jobs/job-system.ts'
import { PhaseExecutor } from './jobs/executor.ts'
import { Publisher } from './jobs/publisher.ts'
import { openQueues } from './jobs/queues.ts'
import { reconcile } from './jobs/reconciler.ts'
import { beginWantedRollbacks } from './jobs/begin-rollback.ts'
import { createMask, maskDeep } from './masking.ts'
import { CheckFailed } from './runbook/errors.ts'
import { restoreStrategy } from './runbook/restore/strategy.ts'
import { phaseOf } from './runbook/runbook.ts'
import type { World } from './runbook/world.ts'
import { keptBackups } from './store/backups.ts'
import { knownReleases, schemaChanges } from './store/releases.ts'
import { BoardStore } from './store/boards.ts'
import { LockStore } from './store/locks.ts'
import { PhaseStore } from './store/phases.ts'
import { RunStore } from './store/runs.ts'
import { migrateStateDatabase } from './store/schema.ts'
import { withDeclared } from './model/schema-compatibility.ts'
import { StateDatabase, statePool } from './store/database.ts'
import { Sweeps } from './store/due-work.ts'

const slashCommand = '/billing'

/** Builds everything once, hands it down, and returns what ends it in good order. */
async function start(config: PurserConfig, settings: Settings, log: Logger): Promise<() => Promise<void>> {
  const maskText = createMask(settings.everySecret)
  const mask = <T>(value: T): T => maskDeep(value, maskText)
  const pool = statePool(settings.stateDatabaseUrl.reveal(), (error) =>
    log.warn({ err: error }, 'state database connection lost'),
  )
  await migrateStateDatabase(pool)
  const db = new StateDatabase(pool, mask)
  const runs = new RunStore(db)
  const phases = new PhaseStore(db, runs)
  const boards = new BoardStore(db)
  const chat = openChat({
    token: settings.slack.botToken.reveal(),
    ...(settings.slack.apiUrl === undefined ? {} : { apiUrl: settings.slack.apiUrl }),
  })
  const queues = await openQueues({
    redisUrl: settings.redisUrl?.reveal(),
    stateDatabaseUrl: settings.stateDatabaseUrl.reveal(),
    log,
  })
  const { repositoryTokenEnv, repositoryUser } = config.service
  const repository = openRepository({
    url: config.service.repository,
    ...(repositoryTokenEnv === undefined
      ? {}
      : { login: { user: repositoryUser, token: secretOf(settings, repositoryTokenEnv) } }),
    mirrorDirectory: join(settings.dataDirectory, 'mirror.git'),
  })
  const jobs = new JobSystem(queues, log)
  const publish = (run: number) => jobs.publish(run)
  const worldOf = worlds(config, settings, repository)
  const executor = new PhaseExecutor({
    runs,
    phases,
    config,
    worldOf,
    phaseOf,
    enqueue: (run, phase) => jobs.enqueue(run, phase),
    publish,
    worker: settings.instance,
    log,
  })

  const locks = new LockStore(db)

  if (settings.role !== 'bot') {
    const sweeps = new Sweeps(db)
    const enqueue = (wanted: Parameters<JobSystem['enqueueWanted']>[0]) => jobs.enqueueWanted(wanted)
    const wantedRollbacks = () =>
      beginWantedRollbacks({
        runs,
        locks,
        config,
        publish,
        enqueue: (run, phase) => jobs.enqueue(run, phase),
        now: () => new Date(),
      })
    const discardPrepared = async (run: number, environment: string) => {
      const { restores } = worldOf(environment)
      await restores.discard(restores.names(run), AbortSignal.timeout(60_000))
    }
    const sweep = () =>
      reconcile({
        runs,
        sweeps,
        config,
        enqueue,
        publish,
        discardPrepared,
        log,
        beginWantedRollbacks: wantedRollbacks,
      })
    jobs.startWorkers({
      executor,
      publisher: new Publisher({ runs, boards, chat, config, mask, log }),
      sweep,
    })
  }
  const context: CommandContext = {
    runs,
    locks,
    config,
    jobs: { enqueue: (run, phase) => jobs.enqueue(run, phase), publish },
    membersOf: (group) => chat.groupMembers(group, AbortSignal.timeout(10_000)),
    versions: () => repository.tags(AbortSignal.timeout(30_000)),
    backups: (environment) => keptBackups(db, environment),
    rowsNow: (environment, tables) =>
      worldOf(environment).restores.countNow(tables, 10_000, AbortSignal.timeout(20_000)),
    deployment: async (environment, signal) => {
      const { deployment, container } = config.service
      return mask(await worldOf(environment).cluster.history(deployment, container, signal))
    },
    keptDatabases: (environment) => worldOf(environment).restores.kept(AbortSignal.timeout(5_000)),
    restoreStrategy: async (name, file) => {
      const environment = config.environments[name]
      if (environment === undefined) return undefined
      const limit = AbortSignal.timeout(5_000)
      try {
        const { backups, restores } = worldOf(name)
        const backup = (await backups.list(limit)).find((one) => one.file === file)
        const strategy = await restoreStrategy({ restores }, environment, backup ?? {}, limit)
        return strategy === undefined ? { kind: 'swap' } : { kind: 'in-place', ...strategy }
      } catch (error) {
        if (error instanceof CheckFailed) return { kind: 'none', why: error.message }
        log.warn({ err: error }, 'asking how a backup would come back')
        return undefined
      }
    },
    schema: async (environment) => {
      const [applied, changes, releases] = await Promise.all([
        worldOf(environment)
          .database.ledger(AbortSignal.timeout(2_000))
          .catch((error: unknown) => {
            log.warn({ err: error }, 'reading the ledger for a rollback')
            return undefined
          }),
        schemaChanges(db, environment),
        knownReleases(db, environment),
      ])
      if (applied === undefined) return undefined
      return { now: { applied, changes: withDeclared(changes, config.service.migrations.needs) }, releases }
    },
    announce: async (channel, message) => {
      await chat.post(channel, mask(message), {}, AbortSignal.timeout(10_000))
    },
    linkTo: boardLinks(boards, chat),
    now: () => new Date(),
    log,
  }
  const home = new HomePublisher({
    facts: () => homeFacts(context),
    render: async (user, facts) => mask(await homeOf(user, facts, context)),
    publish: (user, view, signal) => chat.publishHome(user, view, signal),
    log,
  })
  const slack = await openSlackApp(settings.slack, { port: settings.port, log }, (app) =>
    connect(app, slashCommand, context, home),
  )
  log.info({ store: queues.store, role: settings.role }, 'purser is ready')

  return async () => {
    log.info('shutting down')
    home.close()
    await slack.close()
    jobs.stop()
    executor.shutDown()
    await queues.close()
    await pool.end()
  }
}

/** A message's address never changes: Slack is asked for each board once. */
function boardLinks(boards: BoardStore, chat: Chat): (run: number) => Promise<string | undefined> {
  const known = new Map<string, string>()
  return async (run) => {
    const { channel, ts } = await boards.board(run)
    if (channel === undefined || ts === undefined) return undefined
    const link = known.get(`${channel} ${ts}`) ?? (await chat.permalink({ channel, ts }, AbortSignal.timeout(5_000)))
    if (link !== undefined) known.set(`${channel} ${ts}`, link)
    return link
  }
}

/** One world for each environment, built when it is first needed. */
function worlds(
  config: PurserConfig,
  settings: Settings,
  repository: World['repository'],
): (environment: string) => World {
  const commands = openCommands()
  const shared = {
    lint: openMigrationLint(commands),
    webhook: webhookProbe(),
    registry: openRegistry({
      credentials: dockerConfigCredentials(),
      mirrors: Object.fromEntries(settings.registryMirrors),
    }),
    repository,
    commands,
    health: healthProbe(),
    secret: (name: string) => settings.secrets.get(name),
    workspaces: join(settings.dataDirectory, 'workspaces'),
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
      ...backupPlace(location, s3, settings.backupDirectory),
      toolDirectories: settings.toolDirectories,
    }
    const world: World = {
      ...shared,
      cluster: openCluster({
        namespace: environment.namespace,
        ...(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig }),
        ...(environment.clusterContext === undefined ? {} : { context: environment.clusterContext }),
      }),
      database: openDatabase({ url: database }),
      backups: openBackups({
        url: database,
        ...kept,
        schemas,
        testRestore: {
          enabled: testRestore.enabled,
          ...(testRestore.databaseUrlEnv === undefined || !testRestore.enabled
            ? {}
            : { url: secretOf(settings, testRestore.databaseUrlEnv) }),
        },
      }),
      restores: openRestores({ url: database, ...kept }),
      stripe: openStripe({
        secretKey: secretOf(settings, environment.stripe.secretKeyEnv),
        ...(settings.stripeApiBase === undefined ? {} : { apiBase: settings.stripeApiBase }),
      }),
    }
    built.set(name, world)
    return world
  }
}

/** npm and terminals may each deliver a signal: the second one changes nothing. */
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

try {
  const config = readPurserYaml(configPath(process.env))
  const settings = readSettings(process.env, config)
  await mkdir(join(settings.dataDirectory, 'workspaces'), { recursive: true })
  const maskLine = createMask(settings.everySecret)
  const log = pino(
    { level: settings.logLevel, base: { instance: settings.instance } },
    // The last exit for secrets: whatever is logged leaves masked.
    { write: (line: string) => void process.stdout.write(maskLine(line)) },
  )
  endWith(await start(config, settings, log), log)
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  )
  if (error instanceof ConfigError && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
  process.exit(1)
}
