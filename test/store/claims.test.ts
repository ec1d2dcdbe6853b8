import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Claim } from '../../src/store/fence.ts'
import { openStores, staleMs, type TestStores } from './stores.ts'

const image = { image: 'v1.1.0', replicaSet: null, templateHash: 'a', version: null }
const secret = { secretExists: true, keyExists: true, fingerprint: 'a', keptUnder: null } as const

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }

describe('taking a phase', () => {
  const take = (claim: Claim, attempt = claim.attempt) =>
    stores.phases.claim(claim.run, claim.phase, attempt, 'worker-2', staleMs)

  it('is held while its worker lives, taken over when the worker has been silent, settled when it is done', async () => {
    const claim = await stores.under('migrate')
    expect(await take(claim)).toEqual({ kind: 'held' })
    await stores.silentFor(claim, 9)
    expect(await take(claim)).toEqual({
      kind: 'claimed',
      claim: { ...claim, epoch: claim.epoch + 1, worker: 'worker-2' },
    })
    const mine = { ...claim, epoch: claim.epoch + 1 }
    await stores.phases.finish(mine, { type: 'phase_succeeded', phase: 'migrate' }, {})
    expect(await take(claim)).toEqual({ kind: 'settled' })
  })

  it('is won by one of two workers who find it at the same moment', async () => {
    const claim = await stores.under('migrate')
    await stores.silentFor(claim, 60)
    const outcomes = await Promise.all([take(claim), take(claim), take(claim)])
    expect(outcomes.map((it) => it.kind).sort()).toEqual(['claimed', 'held', 'held'])
  })

  it('is settled for a job of a former attempt, and before its turn', async () => {
    const failed = await stores.failedAt('migrate')
    await stores.runs.apply(failed.number, { type: 'retry', by: 'UDANA' }, dana)
    const of = (phase: 'migrate' | 'rollout', attempt: number) =>
      stores.phases.claim(failed.number, phase, attempt, 'worker-2', staleMs)
    expect(await of('migrate', 1)).toEqual({ kind: 'settled' })
    expect(await of('rollout', 1)).toEqual({ kind: 'settled' })
    expect(await of('migrate', 2)).toMatchObject({ kind: 'claimed', claim: { attempt: 2 } })
  })

  it('is settled once the run was cancelled', async () => {
    const { run } = await stores.create()
    await stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, dana)
    expect(await stores.phases.claim(run.number, 'plan', 1, 'worker-1', staleMs)).toEqual({ kind: 'settled' })
  })

  it('tells its worker at the next heartbeat that somebody cancelled', async () => {
    const claim = await stores.under('e2e')
    expect(await stores.phases.heartbeat(claim)).toEqual({ cancelled: false })
    await stores.runs.apply(claim.run, { type: 'cancel', by: 'UDANA' }, dana)
    expect(await stores.phases.heartbeat(claim)).toEqual({ cancelled: true })
  })

  it('is wanted by the sweep when it is queued or its worker is silent, and left alone in its pause', async () => {
    const claim = await stores.under('migrate')
    expect(await stores.sweeps.wantedPhases(staleMs)).toEqual([])
    await stores.silentFor(claim, 9)
    const wanted = { run: claim.run, kind: 'deploy', phase: 'migrate', attempt: 1, epoch: claim.epoch }
    expect(await stores.sweeps.wantedPhases(staleMs)).toEqual([wanted])
    await stores.phases.recordTransientFailure(claim, 'the cluster did not answer', 30_000)
    expect(await stores.sweeps.wantedPhases(staleMs)).toEqual([])
    await stores.silentFor(claim, 9)
    expect(await stores.sweeps.wantedPhases(staleMs)).toEqual([wanted])
  })
})

describe('a worker that lost its phase to another', () => {
  const writes: [string, (claim: Claim, effect: number) => Promise<unknown>][] = [
    ['a heartbeat', (claim) => stores.phases.heartbeat(claim)],
    ['a line', (claim) => stores.phases.report(claim, 'late')],
    ['a step', (claim) => stores.phases.beginStep(claim, 'late')],
    ['the end of a step', (claim) => stores.phases.finishStep(claim, 'begun', 'late')],
    ['an effect', (claim) => stores.phases.beginEffect(claim, 'image', 'late', async () => image)],
    ['what came of an effect', (claim, effect) => stores.phases.settleEffect(claim, effect, 'applied', 'late')],
    ['a post', (claim) => stores.phases.post(claim, { kind: 'note', text: 'late' })],
    ['a sample', (claim) => stores.records(claim).recordSamples([{ metric: 'late', at: new Date(), value: 1 }])],
    [
      'a count of log lines',
      (claim) => stores.records(claim).watch.addLogs({ groups: [], pods: [{ pod: 'late', stamp: '', errors: 1 }] }),
    ],
    [
      'a breach',
      (claim) => stores.records(claim).watch.breach({ at: '', text: 'late' }, { kind: 'note', text: 'late' }, 'late'),
    ],
    ['a stumble', (claim) => stores.phases.recordTransientFailure(claim, 'late', 1_000)],
    [
      'a backup',
      (claim) =>
        stores.records(claim).recordBackup({
          file: 'late',
          database: '',
          bytes: 1,
          sha256: '',
          tables: 1,
          finishedAt: '',
        }),
    ],
    [
      'success',
      (claim) => stores.phases.finish(claim, { type: 'phase_succeeded', phase: 'rollout' }, { line: 'late' }),
    ],
    ['failure', (claim) => stores.phases.finish(claim, { type: 'phase_failed', phase: 'rollout' }, { line: 'late' })],
  ]

  it('can write nothing, whatever it tries', async () => {
    const late = await stores.under('rollout')
    await stores.phases.beginStep(late, 'begun')
    const effect = await stores.phases.beginEffect(late, 'image', 'valuecanvas-api', async () => image)
    await stores.takenOver(late)
    const before = await stores.everything()
    for (const [what, write] of writes) {
      await expect(write(late, effect.id), what).rejects.toMatchObject({ code: 'fenced_out' })
      expect(await stores.everything(), what).toEqual(before)
    }
  })

  it('cannot give back what is no longer its own', async () => {
    const late = await stores.under('rollout')
    const heir = await stores.takenOver(late)
    await stores.phases.release(late)
    expect(await stores.phases.heartbeat(heir)).toEqual({ cancelled: false })
  })

  it('cannot bring a phase back to life that it has ended itself', async () => {
    const claim = await stores.under('rollout')
    await stores.phases.finish(claim, { type: 'phase_succeeded', phase: 'rollout' }, {})
    await stores.phases.release(claim)
    const rollout = (await stores.runs.get(claim.run)).phases.find((phase) => phase.name === 'rollout')
    expect(rollout?.status).toBe('succeeded')
  })
})

describe('steps', () => {
  it('give back what was stored when another worker takes the phase up', async () => {
    const claim = await stores.under('preflight')
    expect(await stores.phases.beginStep(claim, 'back up')).toEqual({ finished: false })
    const result = { file: 'backup.dump', bytes: 12.5, nothing: null, list: [1, 'two', { three: 3 }] }
    await stores.phases.finishStep(claim, 'back up', result)
    const heir = await stores.takenOver(claim)
    expect(await stores.phases.beginStep(heir, 'back up')).toEqual({ finished: true, result })
  })

  it('that were under way begin again, and that is counted', async () => {
    const claim = await stores.under('preflight')
    await stores.phases.beginStep(claim, 'test')
    const heir = await stores.takenOver(claim)
    expect(await stores.phases.beginStep(heir, 'test')).toEqual({ finished: false })
    const { rows } = await stores.pool.query('select times_begun from purser.steps')
    expect(rows).toEqual([{ times_begun: 2 }])
  })

  it('are all done anew when a person retries the phase', async () => {
    const claim = await stores.under('e2e')
    await stores.phases.beginStep(claim, 'run')
    await stores.phases.finishStep(claim, 'run', 'passed')
    await stores.phases.finish(claim, { type: 'phase_failed', phase: 'e2e' }, {})
    await stores.runs.apply(claim.run, { type: 'retry', by: 'UDANA' }, dana)
    expect(await stores.phases.beginStep(await stores.claim(claim.run, 'e2e'), 'run')).toEqual({ finished: false })
  })
})

describe('effects', () => {
  it('keep what stood there first, through a crash and a retry, and look only once', async () => {
    const claim = await stores.under('rollout')
    let looks = 0
    const look = async () => {
      looks += 1
      return image
    }
    await stores.phases.beginEffect(claim, 'image', 'valuecanvas-api', look)
    const heir = await stores.takenOver(claim)
    const again = await stores.phases.beginEffect(heir, 'image', 'valuecanvas-api', async () => ({
      ...image,
      image: 'v1.2.0',
    }))
    expect(again).toMatchObject({ before: { image: 'v1.1.0' }, status: 'started' })
    await stores.phases.settleEffect(heir, again.id, 'applied', { image: 'v1.2.0' })
    await stores.phases.finish(heir, { type: 'phase_failed', phase: 'rollout' }, {})
    await stores.runs.apply(claim.run, { type: 'retry', by: 'UDANA' }, dana)
    const retry = await stores.claim(claim.run, 'rollout')
    expect(await stores.phases.beginEffect(retry, 'image', 'valuecanvas-api', look)).toMatchObject({
      before: { image: 'v1.1.0' },
      after: { image: 'v1.2.0' },
      status: 'applied',
    })
    expect(looks).toBe(1)
  })

  it('are something to roll back, unless all that was done are migrations', async () => {
    const claim = await stores.under('migrate')
    await stores.phases.beginEffect(claim, 'migration', '1_a.sql', async () => ({ applied: false }))
    expect((await stores.runs.get(claim.run)).hasEffects).toBe(false)
    const { id } = await stores.phases.beginEffect(claim, 'image', 'valuecanvas-api', async () => image)
    expect((await stores.runs.get(claim.run)).hasEffects).toBe(true)
    await stores.phases.settleEffect(claim, id, 'undone')
    expect((await stores.runs.get(claim.run)).hasEffects).toBe(false)
  })

  it.each([
    ['a service that was stopped and runs again', 'replicas', { replicas: 3 }, { back: true }],
    ['a schedule that was held and goes on', 'schedule', { suspended: false }, { back: true }],
    [
      'a secret of no endpoint, which no rollback puts back',
      'secret-key',
      { ...secret, unusable: true },
      { fingerprint: 'b' },
    ],
  ] as const)('leave nothing to roll back: %s', async (_, kind, before, after) => {
    const claim = await stores.under('rollout')
    const { id } = await stores.phases.beginEffect(claim, kind, 'it', async () => before)
    await stores.phases.settleEffect(claim, id, 'applied', after)
    expect((await stores.runs.get(claim.run)).hasEffects).toBe(false)
  })
})

describe('an effect that this version of Purser cannot read', () => {
  it.each([
    ['of a kind that it does not know', 'teleport', {}],
    ['of which it knows too little', 'replicas', { replicas: 'three' }],
  ])('%s: is something to roll back all the same, and said plainly', async (_, kind, before) => {
    const claim = await stores.under('rollout')
    await stores.pool.query(
      `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, 'rollout', $2, 'api', $3, 'applied')`,
      [claim.run, kind, JSON.stringify(before)],
    )
    expect((await stores.runs.get(claim.run)).hasEffects).toBe(true)
    await expect(stores.runs.effects(claim.run)).rejects.toMatchObject({
      code: 'unreadable_effect',
      message: expect.stringContaining(`(${kind}) of run #${claim.run}`),
    })
  })
})

describe('what a phase records beside', () => {
  it('posts once with a key, however often the line runs', async () => {
    const claim = await stores.under('preflight')
    for (const text of ['first', 'second']) await stores.phases.post(claim, { kind: 'note', text }, 'backup')
    expect((await stores.boards.waiting(claim.run)).map((it) => it.post)).toEqual([{ kind: 'note', text: 'first' }])
  })
})

it('knows every backup of a run that made two, and takes the newest for its own', async () => {
  const claim = await stores.under('rollout')
  const record = (file: string, finishedAt: string) =>
    stores.records(claim).recordBackup({ file, database: '', bytes: 1, sha256: '', tables: 1, finishedAt })
  await record('first.dump', '2026-11-22T08:00:00Z')
  await record('second.dump', '2026-11-22T09:00:00Z')
  await record('second.dump', '2026-11-22T09:00:00Z')
  expect((await stores.records(claim).keptBackups()).map(({ file }) => file)).toEqual(['second.dump', 'first.dump'])
  expect((await stores.records(claim).backup())?.file).toBe('second.dump')
})
