import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { openChat } from '../adapters/slack/client.ts'
import { openDirectory } from '../adapters/slack/directory.ts'
import { openSlackApp } from '../adapters/slack/app.ts'
import { homeFacts, homeOf } from '../commands/home.ts'
import { answerInterrupted } from '../commands/interrupted.ts'
import { connect } from '../commands/slack-app.ts'
import type { Settings } from '../config/environment/environment.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { overlapsOf, sharingWith } from '../config/environment/overlaps.ts'
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
import type { Ending } from './ending.ts'
import { InFlight } from './in-flight.ts'
import { watchRequests } from './interrupted-requests.ts'
import { queuesOwner } from './ownership.ts'
import { refuseWritingQueries } from './queries.ts'
import { watchEventLoop } from './event-loop.ts'
import { serviceRepository } from './repository.ts'
import { chooseRunner } from './runner.ts'
import { learnSecrets, wordsOf } from './secrets.ts'
import { logUnhandled, RunningPhases } from './unhandled.ts'
import { startWorkers } from './workers.ts'
import { worlds } from './worlds.ts'

const slashCommand = '/billing'
const slackCloseMs = 5_000

/** Builds everything once, hands it down, and returns how it ends in good order. */
export async function start(config: PurserConfig, settings: Settings, log: Logger): Promise<Ending> {
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
  const onLost = (error: Error) => log.warn({ err: error }, 'state database connection lost')
  const pool = statePool(settings.stateDatabaseUrl.reveal(), onLost)
  // An acknowledgement waits until the request is kept, so it never queues behind the answers to others.
  const requestsPool = statePool(settings.stateDatabaseUrl.reveal(), onLost, 2)
  const auditKeys = settings.auditKeys.map(auditKey)
  await migrateStateDatabase(pool, auditKeys, settings.stateDatabaseSchema)
  const db = new StateDatabase(pool, maskStored, auditKeys, settings.stateDatabaseSchema)
  const owner = await queuesOwner(db, config.service.name)
  await checkAudit(db, settings.instance, log)
  const overlaps = overlapsOf(config.environments, (name) => settings.secrets.get(name)?.reveal())
  for (const { environments, what } of overlaps)
    log.warn(`${environments.join(' and ')} share ${what}: while a run changes one of them, none begins in the other`)
  const runs = new RunStore(db, (environment) => sharingWith(environment, overlaps))
  const phases = new PhaseStore(db, runs)
  const boards = new BoardStore(db)
  const access = {
    token: settings.slack.botToken,
    ...(settings.slack.apiUrl === undefined ? {} : { apiUrl: settings.slack.apiUrl }),
  }
  const chat = openChat(access)
  const queues = await openQueues({
    redis: settings.redis,
    stateDatabaseUrl: settings.stateDatabaseUrl.reveal(),
    owner,
    log,
  })
  const repository = serviceRepository(config, settings)
  const jobs = new JobSystem(queues, log)
  const publish = (run: number) => jobs.publish(run)
  const worldOf = worlds(config, settings, repository, runner)
  const running = new RunningPhases()
  logUnhandled(log, () => running.names())
  const executor = new PhaseExecutor({
    runs,
    phases,
    config,
    worldOf,
    phaseOf: running.noted(phaseOf),
    enqueue: (run, phase) => jobs.enqueue(run, phase),
    publish,
    worker: settings.instance,
    log,
  })

  const locks = new LockStore(db)

  if (settings.role !== 'bot') {
    await refuseWritingQueries(config, worldOf, log)
    startWorkers({ config, db, runs, locks, boards, chat, worldOf, jobs, executor, mask, places: settings.places, log })
  }
  const requests = new RequestStore(
    db,
    new StateDatabase(requestsPool, maskStored, auditKeys, settings.stateDatabaseSchema),
  )
  const context = commandContext({
    config,
    db,
    runs,
    locks,
    boards,
    chat,
    directory: openDirectory(access),
    requests,
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
  const inFlight = new InFlight()
  const slack = await openSlackApp(settings.slack, { port: settings.port, log }, (app) => {
    app.use(({ next }) => inFlight.run(next))
    connect(app, slashCommand, context, home)
  })
  const stopTakingOver = watchRequests(
    requests,
    (interrupted) => inFlight.run(() => answerInterrupted(interrupted, context)),
    log,
  )
  const stopWatching = watchEventLoop(() => jobs.ran(), log)
  log.info({ store: queues.store, role: settings.role }, 'purser is ready')

  return {
    close: async () => {
      log.info('shutting down')
      stopWatching()
      home.close()
      executor.shutDown()
      // Slack may be away, and phases need not wait for it to be handed over.
      const quiet = slack.close().then(() => inFlight.drained())
      await Promise.all([Promise.race([quiet, delay(slackCloseMs)]), jobs.stop()])
      await stopTakingOver()
      await queues.close()
      await Promise.all([pool.end(), requestsPool.end()])
    },
    handOver: () => executor.handOver(),
  }
}
