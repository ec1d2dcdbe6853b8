import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { homeFacts } from '../../../src/commands/home.ts'
import { reconcile } from '../../../src/jobs/reconciler.ts'
import { newRun } from '../../../src/model/new-run.ts'
import { undoableKinds } from '../../../src/model/kinds.ts'
import { releasingKinds } from '../../../src/model/current-release.ts'
import { beginWantedRollbacks } from '../../../src/jobs/begin-rollback.ts'
import { BoardStore } from '../../../src/store/boards.ts'
import { keptBackups, newestBackups } from '../../../src/store/backups.ts'
import { StateDatabase } from '../../../src/store/database.ts'
import { Sweeps } from '../../../src/store/due-work.ts'
import { phaseEffects } from '../../../src/store/effects.ts'
import { LockStore } from '../../../src/store/locks.ts'
import { PhaseStore } from '../../../src/store/phases.ts'
import { knownReleases, phaseReleases, schemaChanges } from '../../../src/store/releases.ts'
import { RequestStore } from '../../../src/store/requests.ts'
import { pruneDetails } from '../../../src/store/retention.ts'
import { RunStore } from '../../../src/store/runs.ts'
import { phaseSamples } from '../../../src/store/samples.ts'
import { phaseWatch } from '../../../src/store/phase-watch.ts'
import { commandContexts, configWith } from '../../commands/command-context.ts'
import { openStores, type TestStores } from '../stores.ts'
import { explaining } from './explaining.ts'
import { environmentNames, insertManyRows, manyRuns } from './rows.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
  await stores.reset()
  await insertManyRows(stores.pool)
}, 300_000)
afterAll(() => stores.close())

const { openContext } = commandContexts(() => stores)
const log = pino({ level: 'silent' })
const nothing = async () => undefined
const [environment = ''] = environmentNames

/** The stores over a pool that explains everything. */
function open() {
  const { pool, explained } = explaining(stores.pool)
  const db = new StateDatabase(pool, (value) => value, stores.db.auditKeys)
  const runs = new RunStore(db)
  return { db, runs, phases: new PhaseStore(db, runs), boards: new BoardStore(db), locks: new LockStore(db), explained }
}

const config = (() => {
  const one = configWith({})
  const policy = Object.values(one.environments)[0]
  if (policy === undefined) throw new Error('no environment')
  return { ...one, environments: Object.fromEntries(environmentNames.map((name) => [name, policy])) }
})()

describe('with ten thousand finished runs in a hundred environments', () => {
  it('a sweep reads no growing table whole, and asks as often as with one environment', async () => {
    const { db, runs, locks, explained } = open()
    const publish = nothing
    const enqueue = nothing
    await reconcile({
      places: { heavy: 4, phases: 4, looks: 2, watches: 4 },
      runs,
      sweeps: new Sweeps(db),
      locks,
      config,
      enqueue,
      publish,
      beginWantedRollbacks: () => beginWantedRollbacks({ runs, config, publish, enqueue, now: () => new Date() }),
      discardPrepared: nothing,
      tellLockEnded: nothing,
      log,
    })
    expect(Object.fromEntries(explained.readWhole)).toEqual({})
    expect(explained.sent).toBeLessThan(20)
  }, 60_000)

  it('App Home reads no growing table whole, and asks as often as with one environment', async () => {
    const { db, runs, boards, locks, explained } = open()
    const facts = await homeFacts(
      openContext({
        config,
        runs,
        locks,
        newestBackups: (names) => newestBackups(db, names),
        linksTo: async (numbers) => {
          const places = await boards.places(numbers)
          return new Map([...places].map(([run, { ts }]) => [run, ts]))
        },
      }),
    )
    expect(facts.environments).toHaveLength(environmentNames.length)
    for (const { release, finished, backups } of facts.environments) {
      expect(release.version).toMatch(/^v1\./)
      expect(finished).toHaveLength(10)
      expect(finished[0]?.link).toBeDefined()
      expect(backups.count).toBeGreaterThan(10)
    }
    expect(Object.fromEntries(explained.readWhole)).toEqual({})
    expect(explained.sent).toBeLessThan(10)
  }, 60_000)

  it('a phase and the board that is edited with it read no growing table whole', async () => {
    const { runs, phases, boards, explained } = open()
    const run = await stores.waiting({ environment })
    await stores.approve(run)
    const claim = await phases.claim(run.number, 'preflight', 1, 'worker', 8_000)
    if (claim.kind !== 'claimed') throw new Error(claim.kind)
    const fence = phases.fence(claim.claim, environment)
    await phases.beginStep(claim.claim, 'one')
    await phases.finishStep(claim.claim, 'one', {})
    await phases.heartbeat(claim.claim)
    await phases.report(claim.claim, 'under way')
    await phases.finishedSteps(claim.claim)
    const { records, watch } = { records: phaseSamples(fence), watch: phaseWatch(fence) }
    await watch.begin(new Date(), new Date())
    await records.recordSamples([{ metric: 'errors', at: new Date(), value: 0 }])
    await records.samples(new Date(0))
    await records.formerVerification()
    await records.refusedProbes(new Date(Date.now() - 3_600_000))
    await records.announceTestEvent()
    await records.testEventsSince(new Date(Date.now() - 3_600_000))
    await watch.addLogs({
      groups: [{ fingerprint: 'a', example: 'a', pod: 'a', firstAt: 'a', lastAt: 'a', count: 1 }],
      pods: [],
    })
    await watch.logGroups()
    await watch.logPods()
    await watch.samplesBefore()
    await watch.state()
    const effects = phaseEffects(fence)
    await effects.effectsSince(run.number - 200)
    await effects.rollbackClosedUpTo(24)
    await effects.firstResultOf('one')
    await phaseReleases(fence).succeededIn(environment)
    await runs.medianDurations(environment)
    await runs.decisions(run.number)
    await boards.board(run.number)
    await boards.waiting(run.number)
    await boards.sinceLastPost(run.number)
    await boards.outputs(run.number)
    await boards.shown(run.number, { channel: 'C', ts: '1', hash: 'h', rev: 2 })
    await phases.finish(claim.claim, { type: 'phase_succeeded', phase: 'preflight' }, {})
    await runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, { actor: 'UDANA', source: 'C' })
    expect(Object.fromEntries(explained.readWhole)).toEqual({})
  }, 60_000)

  it('removing the details of old runs reads no growing table whole', async () => {
    const { db, explained } = open()
    expect(await pruneDetails(db, 90)).toBe(20)
    expect(Object.fromEntries(explained.readWhole)).toEqual({})
  }, 60_000)

  it('no command and no press reads a growing table whole', async () => {
    const { db, runs, boards, locks, explained } = open()
    const requests = new RequestStore(db)
    await requests.keep(['a key'], {})
    await requests.hold()
    await runs.audit({ run: 7, actor: 'UDANA', source: 'C', kind: 'command', text: 'status' })
    await runs.list({ environments: environmentNames, limit: 10 })
    for (const statuses of [
      ['failed'],
      ['planning', 'awaiting_approval', 'executing', 'cancelling', 'failed'],
    ] as const) {
      await runs.list({ environments: environmentNames, statuses })
      await runs.list({ environments: environmentNames, statuses, kinds: undoableKinds, limit: 1 })
    }
    await runs.list({ environment, kinds: releasingKinds, limit: 20 })
    await runs.list({ environments: environmentNames, kinds: undoableKinds, limit: 20 })
    await runs.get(manyRuns)
    await runs.events(7)
    await runs.auditHead()
    await runs.effects(7)
    await runs.samples(7)
    await runs.releases(environment)
    await runs.logGroups(await runs.get(7))
    await locks.find(environment)
    await boards.refusals(environmentNames)
    await keptBackups(db, environment)
    await knownReleases(db, environment)
    await schemaChanges(db, environment)
    const asked = {
      service: 'valuecanvas-api',
      environment,
      requestedBy: 'UDANA',
      channel: 'C',
      minutes: { verify: 1 },
    }
    await runs.createLook(newRun('verify', asked))
    expect(Object.fromEntries(explained.readWhole)).toEqual({})
  }, 60_000)
})
