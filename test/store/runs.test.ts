import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TransitionRefused } from '../../src/model/errors.ts'
import { hashOfPlan } from '../../src/model/deploy-plan.ts'
import { plan, undo } from '../messages/example-runs.ts'
import { RunStore } from '../../src/store/runs.ts'
import { openStores, type TestStores } from './stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }

describe('compare and set', () => {
  it('lets one of two simultaneous approvals win and tells the other', async () => {
    const run = await stores.waiting()
    const presses = await Promise.allSettled([stores.approve(run, 'UALEX'), stores.approve(run, 'UBO')])
    const [lost] = presses.flatMap((it) => (it.status === 'rejected' ? [it.reason as TransitionRefused] : []))
    expect(presses.filter((it) => it.status === 'fulfilled')).toHaveLength(1)
    expect(lost).toMatchObject({ code: 'wrong_status', run: run.number, refusal: { status: 'executing' } })
    const now = await stores.runs.get(run.number)
    expect(now.approvals).toHaveLength(1)
    expect(now.phases.filter((phase) => phase.status === 'queued').map((phase) => phase.name)).toEqual(['preflight'])
  })

  it('counts two people who press at the same moment as two', async () => {
    const run = await stores.waiting({ approvalsNeeded: 2 })
    await Promise.all([stores.approve(run, 'UALEX'), stores.approve(run, 'UBO')])
    expect(await stores.runs.get(run.number)).toMatchObject({ status: 'executing', approvals: [{}, {}] })
  })

  it('raises the revision with every change', async () => {
    const run = await stores.waiting()
    const { run: approved } = await stores.approve(run)
    expect(approved.rev).toBe(run.rev + 1)
  })

  it('says which run there is not', async () => {
    await expect(stores.runs.get(99)).rejects.toMatchObject({ code: 'unknown_run', message: "there's no run #99" })
    await expect(stores.runs.apply(99, { type: 'cancel', by: 'UDANA' }, dana)).rejects.toThrow("there's no run #99")
  })
})

describe('approvals', () => {
  it('are bound to the plan: a ticket of a former plan changes nothing', async () => {
    const run = await stores.waiting()
    const before = await stores.everything()
    const stale = stores.runs.apply(run.number, { type: 'approved', by: 'UALEX', planHash: 'f'.repeat(64) }, dana)
    await expect(stale).rejects.toMatchObject({ code: 'stale_plan' })
    expect(await stores.everything()).toEqual(before)
  })

  it('are asked for anew, with the reason, when the plan was outdated', async () => {
    const claim = await stores.under('migrate')
    const failure = { code: 'plan_outdated', message: 'tag v1.2.0 moved', evidence: [] }
    await stores.phases.finish(claim, { type: 'plan_outdated', phase: 'migrate' }, { failure })
    const other = { ...plan, commit: { ...plan.commit, sha: '0'.repeat(40) } }
    const again = await stores.claim(claim.run, 'plan')
    const { run } = await stores.phases.finish(again, { type: 'planned' }, { plan: other })
    expect(run).toMatchObject({ status: 'awaiting_approval', planHash: hashOfPlan(other), failure })
    expect(run.phases.slice(1).every((phase) => phase.status === 'pending')).toBe(true)
    const approved = await stores.approve(run)
    expect(approved).toMatchObject({ run: { status: 'executing', failure: undefined }, enqueue: 'preflight' })
  })

  it('come too late once the plan has expired, even before anybody has swept it up', async () => {
    const run = await stores.waiting()
    await stores.pool.query(`update purser.runs set expires_at = now() - interval '1 second'`)
    expect(await stores.sweeps.expired()).toEqual([run.number])
    await expect(stores.approve(run)).rejects.toMatchObject({ code: 'wrong_status' })
    expect((await stores.runs.get(run.number)).status).toBe('awaiting_approval')
  })

  it.each([30, 0.5])('are waited for as long as asked: %d minutes, counted from the plan', async (minutes) => {
    const { run } = await stores.create({ expiresInMinutes: 999 })
    const claim = await stores.claim(run.number, 'plan')
    const planned = await stores.phases.finish(claim, { type: 'planned' }, { plan, expiresInMinutes: minutes })
    const left = ((planned.run.expiresAt?.getTime() ?? 0) - Date.now()) / 60_000
    expect(left).toBeGreaterThan(minutes - 0.2)
    expect(left).toBeLessThanOrEqual(minutes + 0.05)
    expect(await stores.sweeps.expired()).toEqual([])
  })
})

describe('the environment slot', () => {
  it('lets one deploy execute in an environment and names it to the next, which stays as it was', async () => {
    const first = await stores.under('preflight')
    const second = await stores.waiting()
    await expect(stores.approve(second)).rejects.toMatchObject({ code: 'environment_busy', holder: first.run })
    expect(await stores.runs.get(second.number)).toMatchObject({ status: 'awaiting_approval', approvals: [] })
  })

  it('gives way to only one of two deploys approved at the same moment', async () => {
    const [one, two] = [await stores.waiting(), await stores.waiting()]
    const presses = await Promise.allSettled([stores.approve(one), stores.approve(two)])
    expect(presses.map((it) => it.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await stores.runs.list({ statuses: ['executing'] })).toHaveLength(1)
  })

  it('is held by nobody who only waits for approval', async () => {
    await stores.waiting()
    await stores.approve(await stores.waiting())
    expect(await stores.runs.list({ statuses: ['awaiting_approval', 'executing'] })).toHaveLength(2)
  })

  it('is one for environments that touch the same things, under whichever name', async () => {
    const twins = new RunStore(stores.db, (name) => (name === 'other' ? [] : ['production', 'twin']))
    const one = await stores.under('preflight')
    const two = await stores.waiting({ environment: 'twin' })
    const approval = { type: 'approved', by: 'UALEX', planHash: two.planHash ?? '' } as const
    const who = { actor: 'UALEX', source: 'CDEPLOYS' }
    await expect(twins.apply(two.number, approval, who)).rejects.toMatchObject({
      code: 'environment_busy',
      holder: one.run,
      message: `run #${one.run} is already changing production, which shares something with twin`,
    })
    expect((await twins.get(two.number)).status).toBe('awaiting_approval')
    const elsewhere = await stores.waiting({ environment: 'other' })
    const there = { ...approval, planHash: elsewhere.planHash ?? '' }
    expect((await twins.apply(elsewhere.number, there, who)).run.status).toBe('executing')
  })

  it('gives way to only one of two deploys of environments that touch the same things, approved at the same moment', async () => {
    const twins = new RunStore(stores.db, () => ['production', 'twin'])
    const both = [await stores.waiting(), await stores.waiting({ environment: 'twin' })]
    const presses = await Promise.allSettled(
      both.map((run) =>
        twins.apply(
          run.number,
          { type: 'approved', by: 'UALEX', planHash: run.planHash ?? '' },
          { actor: 'UALEX', source: 'CDEPLOYS' },
        ),
      ),
    )
    expect(presses.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  it('is one for each environment', async () => {
    await stores.under('migrate')
    expect((await stores.approve(await stores.waiting({ environment: 'staging' }))).run.status).toBe('executing')
  })

  it('is not needed to verify, which may run beside a deploy and beside another verify', async () => {
    await stores.under('migrate')
    for (const _ of [1, 2])
      expect(await stores.create({ kind: 'verify', approvalsNeeded: 0, version: '' })).toMatchObject({
        run: { status: 'executing' },
        enqueue: 'verify',
      })
  })

  it('is refused to a rollback while the deploy is still being cancelled, and no run is left behind', async () => {
    const deploy = await stores.under('migrate')
    await stores.runs.apply(deploy.run, { type: 'cancel', by: 'UDANA' }, dana)
    const rollback = stores.create({ kind: 'rollback', plan: undo, approvalsNeeded: 0, parent: deploy.run })
    await expect(rollback).rejects.toMatchObject({ code: 'environment_busy', holder: deploy.run })
    expect(await stores.runs.list({})).toHaveLength(1)
  })

  it('is free again after a failure; a retry must have it back', async () => {
    const failed = await stores.failedAt('migrate')
    const next = await stores.under('preflight')
    const retried = stores.runs.apply(failed.number, { type: 'retry', by: 'UDANA' }, dana)
    await expect(retried).rejects.toMatchObject({ code: 'environment_busy', holder: next.run })
  })
})

describe('what a run carries', () => {
  it('gives back what was put in', async () => {
    const { run } = await stores.create({ kind: 'rollback', plan: undo, approvalsNeeded: 1, reason: 'broken' })
    expect(run).toMatchObject({ plan: undo, planHash: hashOfPlan(undo), reason: 'broken', status: 'awaiting_approval' })
    expect(await stores.runs.find(run.number)).toEqual(run)
  })

  it('tells of the rollback that takes its changes back, and is not retried then', async () => {
    const failed = await stores.failedAt('e2e')
    const { run } = await stores.create({ kind: 'rollback', plan: undo, approvalsNeeded: 0, parent: failed.number })
    expect((await stores.runs.get(failed.number)).rolledBackBy).toBe(run.number)
    await expect(stores.runs.apply(failed.number, { type: 'retry', by: 'UDANA' }, dana)).rejects.toMatchObject({
      refusal: { reason: 'taken_back', by: run.number },
    })
  })

  it('lists the newest first, by environment, kind and status', async () => {
    const deploy = await stores.waiting()
    const staging = await stores.waiting({ environment: 'staging' })
    const { run: verify } = await stores.create({ kind: 'verify', approvalsNeeded: 0 })
    const numbers = async (filter: Parameters<TestStores['runs']['list']>[0]) =>
      (await stores.runs.list(filter)).map((run) => run.number)
    expect(await numbers({})).toEqual([verify.number, staging.number, deploy.number])
    expect(await numbers({ environment: 'staging' })).toEqual([staging.number])
    expect(await numbers({ kinds: ['deploy'], limit: 1 })).toEqual([staging.number])
    expect(await numbers({ statuses: ['executing'] })).toEqual([verify.number])
  })

  it('knows how long phases usually take where they succeeded: the median of the last ten', async () => {
    for (const seconds of [1_000, 60, 80, 100]) {
      const run = await stores.succeeded()
      await stores.pool.query(
        `update purser.phases set finished_at = started_at + make_interval(secs => $2) where run = $1 and name = 'rollout'`,
        [run.number, seconds],
      )
    }
    await stores.succeeded({ environment: 'staging' })
    await stores.failedAt('e2e')
    expect((await stores.runs.medianDurations('production')).rollout).toBe(90_000)
    expect(await stores.runs.medianDurations('nowhere')).toEqual({})
  })

  it('remembers who decided what after the approval', async () => {
    const run = await stores.failedAt('e2e')
    const who = { actor: 'UALEX', source: 'CDEPLOYS' }
    await stores.runs.apply(run.number, { type: 'retry', by: 'UALEX' }, who)
    await stores.runs.apply(run.number, { type: 'cancel', by: 'UALEX' }, who)
    expect(await stores.runs.decisions(run.number)).toMatchObject([
      { kind: 'retry', by: 'UALEX' },
      { kind: 'cancel', by: 'UALEX' },
    ])
  })

  it('takes in whatever a program prints, also what Postgres cannot store', async () => {
    const claim = await stores.under('e2e')
    const failure = { code: 'e2e_failed', message: 'nul \u0000 byte', evidence: ['half a smile \ud83d', 'fine 😀'] }
    const { run } = await stores.phases.finish(claim, { type: 'phase_failed', phase: 'e2e' }, { failure })
    expect(run.phases.find((phase) => phase.name === 'e2e')?.failure).toEqual({
      code: 'e2e_failed',
      message: 'nul  byte',
      evidence: ['half a smile \ufffd', 'fine 😀'],
    })
  })
})

describe('the sweep for past rollback buttons', () => {
  it('touches a board once, not with every sweep for ever', async () => {
    const run = await stores.succeeded()
    await stores.boards.shown(run.number, { channel: 'C1', ts: '1.1', hash: 'h', rev: run.rev })
    await stores.pool.query(
      `update purser.runs set finished_at = now() - interval '25 hours', board_posted_at = now() - interval '25 hours'`,
    )
    expect(await stores.sweeps.rollbackButtonsPast({ production: 24 })).toEqual([run.number])
    // The publisher finds the same message as before: there was no button.
    await stores.boards.unchanged(run.number, run.rev + 1)
    expect(await stores.sweeps.rollbackButtonsPast({ production: 24 })).toEqual([])
  })
})
