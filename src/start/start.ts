import { join } from 'node:path'
import type { Logger } from 'pino'
import { openRepository } from '../adapters/git/repository.ts'
import { openChat } from '../adapters/slack/client.ts'
import { openDirectory } from '../adapters/slack/directory.ts'
import { openSlackApp } from '../adapters/slack/app.ts'
import { homeFacts, homeOf } from '../commands/home.ts'
import { connect } from '../commands/slack-app.ts'
import { secretOf, type Settings } from '../config/environment/environment.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { placeOf, sharedUses } from '../config/environment/shared-variables.ts'
import { HomePublisher } from '../jobs/home-publisher.ts'
import { JobSystem } from '../jobs/job-system.ts'
import { PhaseExecutor } from '../jobs/executor.ts'
import { openQueues } from '../jobs/queues.ts'
import { maskDeep, slackStructure, storedStructure } from '../outside-text/mask-deep.ts'
import { maskOf } from '../outside-text/mask.ts'
import { auditKey } from '../model/audit-chain.ts'
import { phaseOf } from '../runbook/runbook.ts'
import { BoardStore } from '../store/boards.ts'
import { LockStore } from '../store/locks.ts'
import { PhaseStore } from '../store/phases.ts'
import { RequestStore } from '../store/requests.ts'
import { RunStore } from '../store/runs.ts'
import { migrateStateDatabase } from '../store/schema.ts'
import { StateDatabase, statePool } from '../store/database.ts'
import { checkAudit } from './audit.ts'
import { commandContext } from './command-context.ts'
import { refuseWritingQueries } from './queries.ts'
import { chooseRunner } from './runner.ts'
import { learnSecrets, wordsOf } from './secrets.ts'
import { startWorkers } from './workers.ts'
import { worlds } from './worlds.ts'

const slashCommand = '/billing'

/** Builds everything once, hands it down, and returns the function that ends it in good order. */
export async function start(config: PurserConfig, settings: Settings, log: Logger): Promise<() => Promise<void>> {
  for (const use of sharedUses(config.environments))
    log.warn(
      `${use.variable} is shared: it is the ${use.owner.as} of ${use.owner.environment}, and ${placeOf(use)} names it too`,
    )
  const runner = await chooseRunner(config, settings, log)
  for (const weakness of learnSecrets(settings, config)) log.warn(weakness)
  const maskText = maskOf()
  const mask = <T>(value: T): T => maskDeep(value, maskText, slackStructure)
  const words = new Set(wordsOf(config))
  const maskStored = <T>(value: T): T => maskDeep(value, maskText, storedStructure, words)
  const pool = statePool(settings.stateDatabaseUrl.reveal(), (error) =>
    log.warn({ err: error }, 'state database connection lost'),
  )
  const auditKeys = settings.auditKeys.map(auditKey)
  await migrateStateDatabase(pool, auditKeys)
  const db = new StateDatabase(pool, maskStored, auditKeys)
  await checkAudit(db, settings.instance, log)
  const runs = new RunStore(db)
  const phases = new PhaseStore(db, runs)
  const boards = new BoardStore(db)
  const access = {
    token: settings.slack.botToken,
    ...(settings.slack.apiUrl === undefined ? {} : { apiUrl: settings.slack.apiUrl }),
  }
  const chat = openChat(access)
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
    fetched: config.service.git,
  })
  const jobs = new JobSystem(queues, log)
  const publish = (run: number) => jobs.publish(run)
  const worldOf = worlds(config, settings, repository, runner)
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
    await refuseWritingQueries(config, worldOf, log)
    startWorkers({ config, db, runs, locks, boards, chat, worldOf, jobs, executor, mask, log })
  }
  const context = commandContext({
    config,
    db,
    runs,
    locks,
    boards,
    chat,
    directory: openDirectory(access),
    requests: new RequestStore(db),
    repository,
    worldOf,
    jobs: { enqueue: (run, phase) => jobs.enqueue(run, phase), publish },
    mask,
    log,
  })
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
