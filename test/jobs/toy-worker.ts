/**
 * A worker process with a toy runbook: real stores, real queue, real executor. Every act of a step is written to the
 * table `acts` before it ends, so that a test can count what really happened.
 * argv: name of the worker; environment: STATE_DATABASE_URL, REDIS_URL.
 */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { JobSystem } from '../../src/jobs/job-system.ts'
import { PhaseExecutor } from '../../src/jobs/executor.ts'
import { Publisher } from '../../src/jobs/publisher.ts'
import { openQueues } from '../../src/jobs/queues.ts'
import { tellThatWorkWaits } from '../../src/jobs/queue-away.ts'
import { reconcile } from '../../src/jobs/reconciler.ts'
import { endAtSignal } from '../../src/start/ending.ts'
import { redisFrom } from '../support/redis.ts'
import type { Phase } from '../../src/runbook/phase.ts'
import type { World } from '../../src/runbook/world.ts'
import { BoardStore } from '../../src/store/boards.ts'
import { PhaseStore } from '../../src/store/phases.ts'
import { RunStore } from '../../src/store/runs.ts'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { StateDatabase, statePool } from '../../src/store/database.ts'
import { LockStore } from '../../src/store/locks.ts'
import { Sweeps } from '../../src/store/due-work.ts'
import { readFileSync } from 'node:fs'

const worker = process.argv[2] ?? 'worker'
const stateDatabaseUrl = process.env['STATE_DATABASE_URL'] ?? ''
const log = pino({ level: process.env['LOG_LEVEL'] ?? 'fatal', base: { worker } }, pino.destination(2))
const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
const acts = new pg.Pool({ connectionString: stateDatabaseUrl, max: 2 })

/** Four steps of 0.7 s; the run's `reason` may ask for another ending. */
const verify: Phase = async (context) => {
  for (const name of ['one', 'two', 'three', 'four'])
    await context.step(name, async (signal) => {
      await acts.query('insert into acts (worker, step, what) values ($1, $2, $3)', [worker, name, 'began'])
      // A worker of this name is one whose work hears no signal and has no end.
      if (worker === 'deaf') await pause(600_000)
      await pause(700, undefined, { signal })
      await acts.query('insert into acts (worker, step, what) values ($1, $2, $3)', [worker, name, 'ended'])
      return { by: worker }
    })
  return { line: `done by ${worker}` }
}

const pool = statePool(stateDatabaseUrl, (error) => log.warn({ err: error }, 'state database'))
await migrateStateDatabase(pool)
await acts
  .query(
    'create table if not exists acts (id serial primary key, worker text, step text, what text, at timestamptz default clock_timestamp())',
  )
  .catch(() => undefined)
const db = new StateDatabase(pool, (value) => value)
const runs = new RunStore(db)
const queues = await openQueues({ redis: redisFrom(process.env), stateDatabaseUrl, owner: 'purser-toys', log })
const jobs = new JobSystem(queues, log)
const publish = (run: number) => jobs.publish(run)
const executor = new PhaseExecutor({
  runs,
  phases: new PhaseStore(db, runs),
  config,
  worldOf: () => ({}) as World,
  phaseOf: () => verify,
  enqueue: (run, phase) => jobs.enqueue(run, phase),
  publish,
  worker,
  log,
})
const publisher = new Publisher({
  runs,
  boards: new BoardStore(db),
  chat: {
    post: async (channel) => ({ channel, ts: '1.000001' }),
    update: async () => undefined,
    postEphemeral: async () => undefined,
    findMarked: async () => undefined,
    uploadText: async () => undefined,
    permalink: async () => undefined,
    publishHome: async () => undefined,
  },
  config,
  mask: (value) => value,
  log,
})
const places = { heavy: 4, phases: 4, looks: 2, watches: 4 }
const sweep = () =>
  reconcile({
    runs,
    sweeps: new Sweeps(db),
    config,
    enqueue: (wanted) => jobs.enqueueWanted(wanted),
    publish,
    beginWantedRollbacks: async () => {},
    discardPrepared: async () => undefined,
    locks: new LockStore(db),
    tellLockEnded: async () => undefined,
    places,
    log,
  })
const tellWaiting = () => tellThatWorkWaits({ sweeps: new Sweeps(db), publisher, log }, 'the queue does not answer')
jobs.startWorkers({ executor, publisher, sweep, places, tellWaiting })
endAtSignal(
  {
    close: async () => {
      executor.shutDown()
      await jobs.stop()
      await queues.close()
      await pool.end()
    },
    handOver: () => executor.handOver(),
  },
  log,
)
process.stdout.write('ready\n')
