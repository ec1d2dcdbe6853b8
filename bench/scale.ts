/**
 * What watching many releases at once costs one process: `npx tsx bench/scale.ts WATCHES SECONDS STATE_URL SERVICE_URL`.
 * The state database, the queue on it and the queries of the service's database are real; the cluster, Stripe and Slack
 * are played in this process and answer at once.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { openDatabase } from '../src/adapters/postgres/database.ts'
import { homeFacts } from '../src/commands/home.ts'
import { status } from '../src/commands/status.ts'
import { PhaseExecutor } from '../src/jobs/executor.ts'
import { JobSystem } from '../src/jobs/job-system.ts'
import { Publisher } from '../src/jobs/publisher.ts'
import { openQueues } from '../src/jobs/queues.ts'
import { reconcile } from '../src/jobs/reconciler.ts'
import { monitor } from '../src/runbook/monitor/monitor.ts'
import { Sensitive } from '../src/sensitive.ts'
import { migrateStateDatabase } from '../src/store/schema.ts'
import { statePool } from '../src/store/database.ts'
import { commandContexts } from '../test/commands/command-context.ts'
import { plan } from '../test/messages/example-runs.ts'
import {
  asPlanned,
  committed,
  cronJobState,
  deploymentState,
  production,
  worldOf,
} from '../test/runbook/phase-context.ts'
import { TestStores } from '../test/store/stores.ts'
import { timed } from './measure.ts'

const [watches = 10, seconds = 30] = process.argv.slice(2, 4).map(Number)
const [stateUrl = '', serviceUrl = ''] = process.argv.slice(4)
const log = pino({ level: process.env['LOG_LEVEL'] ?? 'error' }, pino.destination(2))
const names = Array.from({ length: watches }, (_, at) => `environment-${at + 1}`)
const environment = {
  ...production,
  policy: { ...production.policy, channels: ['CDEPLOYS'], deployers: ['UDANA'] },
}
const config = {
  ...committed,
  defaultEnvironment: names[0] ?? '',
  environments: Object.fromEntries(names.map((name) => [name, environment])),
}

const pool = statePool(stateUrl, (error) => log.warn({ err: error }, 'state database'))
await pool.query('drop schema if exists purser, bullmq cascade')
await migrateStateDatabase(pool)
await pool.query(
  `insert into purser.runs (kind, service, environment, status, version, dry_run, requested_by, channel, plan, approvals_needed, started_at)
   select 'deploy', $1, name, 'executing', 'v1.2.0', false, 'UDANA', 'CDEPLOYS', $2::jsonb, 1, now() from unnest($3::text[]) as e (name)`,
  [config.service.name, JSON.stringify(plan), names],
)
await pool.query(
  `insert into purser.phases (run, ordinal, name, status, budget_minutes, started_at, finished_at, queued_at)
   select number, place, name, case when name = 'monitor' then 'queued' else 'succeeded' end, 30, now(), now(), now()
   from purser.runs, unnest(array['plan', 'preflight', 'migrate', 'rollout', 'stripe', 'cronjobs', 'e2e', 'monitor']) with ordinality as p (name, place)`,
)

const stores = new TestStores(stateUrl, pool, async () => undefined)
const { runs, phases, boards, locks, sweeps } = stores
const queues = await openQueues({ redis: undefined, stateDatabaseUrl: stateUrl, owner: 'purser-bench', log })
const jobs = new JobSystem(queues, log)
const world = worldOf({
  ...asPlanned,
  cluster: {
    deployment: async () => deploymentState({ image: plan.image.reference, templateHash: '' }),
    restarts: async () => 0,
    cronJob: async (name) => cronJobState({ name }),
    followLogs: (_, _onLine, signal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
  },
  stripe: { endpoints: async () => [], events: async () => ({ events: [], next: undefined }) },
  database: openDatabase({ url: new Sensitive(serviceUrl) }),
})
const publish = (run: number) => jobs.publish(run)
const executor = new PhaseExecutor({
  runs,
  phases,
  config,
  worldOf: () => world,
  // Without the comparison with the plan that comes before a phase, once.
  phaseOf: () => monitor,
  enqueue: (run, phase) => jobs.enqueue(run, phase),
  publish,
  worker: 'bench',
  log,
})
let edits = 0
const chat = {
  post: async (channel: string) => ({ channel, ts: '1.000001' }),
  update: async () => void (edits += 1),
  uploadText: async () => undefined,
  postEphemeral: async () => undefined,
  findMarked: async () => undefined,
  permalink: async () => undefined,
  publishHome: async () => undefined,
}
const places = { heavy: 4, phases: 32, looks: 4, watches: 250 }
const sweep = () =>
  reconcile({
    runs,
    sweeps,
    config,
    enqueue: (wanted) => jobs.enqueueWanted(wanted),
    publish,
    beginWantedRollbacks: async () => undefined,
    discardPrepared: async () => undefined,
    locks,
    tellLockEnded: async () => undefined,
    places,
    log,
  })
jobs.startWorkers({
  executor,
  publisher: new Publisher({ runs, boards, chat, config, mask: (value) => value, log }),
  sweep,
  tellWaiting: async () => undefined,
  places,
})

const count = async (sql: string) => Number((await pool.query<{ n: string }>(sql)).rows[0]?.n)
const begun = performance.now()
while ((await count('select count(distinct run) as n from purser.samples')) < watches) {
  if (performance.now() - begun > 120_000) throw new Error('not every watch has begun within two minutes')
  await pause(200)
}
const startedIn = performance.now() - begun

const context = commandContexts(() => stores).openContext({ config, lookRate: { take: () => undefined } })
const caller = { user: 'UDANA', channel: 'CDEPLOYS' }
const answers: number[] = []
const [samplesBefore, editsBefore] = [await count('select count(*) as n from purser.samples'), edits]
let peak = 0
const loop = monitorEventLoopDelay({ resolution: 10 })
loop.enable()
const cpuBefore = process.cpuUsage()
const from = performance.now()
while (performance.now() - from < seconds * 1_000) {
  answers.push(await timed(async () => void (await status(caller, undefined, context))))
  peak = Math.max(peak, process.memoryUsage().rss)
  await pause(250)
}
const elapsed = performance.now() - from
const cpu = process.cpuUsage(cpuBefore)
loop.disable()
const samples = (await count('select count(*) as n from purser.samples')) - samplesBefore
const home = await timed(async () => void (await homeFacts(context)))
const swept = await timed(sweep)

const held = await count(`select count(*) as n from purser.phases where name = 'monitor' and status = 'running'`)
if (held !== watches) throw new Error(`${held} of ${watches} releases are still being watched`)

const percentile = (values: readonly number[], part: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN
const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`
process.stdout.write(
  `${watches} watches: ${((cpu.user + cpu.system) / 10 / elapsed).toFixed(0)} % of a core, ${Math.round(peak / 1e6)} MB, ` +
    `event loop p99 ${ms(loop.percentile(99) / 1e6 - 10)}, /billing status p50 ${ms(percentile(answers, 0.5))} p95 ${ms(percentile(answers, 0.95))}, ` +
    `Home ${ms(home)}, a sweep ${ms(swept)}; ${samples} samples and ${edits - editsBefore} edits in ${(elapsed / 1_000).toFixed(0)} s, all begun after ${ms(startedIn)}\n`,
)
// The watches are still under way: their leases end with the process.
process.exit(0)
