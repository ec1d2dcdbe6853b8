import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import type { DeploymentState } from '../../src/adapters/kubernetes/deployments/port.ts'
import { PhaseExecutor } from '../../src/jobs/executor.ts'
import { PlanOutdated } from '../../src/runbook/errors.ts'
import type { Phase } from '../../src/runbook/phase.ts'
import type { World } from '../../src/runbook/world.ts'
import type { PhaseName } from '../../src/model/kinds.ts'
import { worldOf } from '../runbook/phase-context.ts'
import { openStores, type TestStores } from '../store/stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }
const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')

/** Executes one job of `phase` by `act`; what was enqueued after it. */
async function execute(
  run: number,
  phase: PhaseName,
  act: Phase,
  under = config,
  world = {} as World,
): Promise<readonly string[]> {
  const enqueued: string[] = []
  const executor = new PhaseExecutor({
    runs: stores.runs,
    phases: stores.phases,
    config: under,
    worldOf: () => world,
    phaseOf: () => act,
    enqueue: async (_, next) => void enqueued.push(next),
    publish: async () => undefined,
    worker: 'worker-1',
    log: pino({ level: 'silent' }),
  })
  const attempt = (await stores.runs.get(run)).phases.find((it) => it.name === phase)?.attempt ?? 1
  const never = () => Promise.reject(new Error('the job is done'))
  await executor.handle({ data: { run, phase, attempt }, defer: never, requeue: never })
  return enqueued
}

it('a run that was cancelled before its next phase began does not begin it', async () => {
  const { run } = await stores.approve(await stores.waiting())
  await stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, dana)
  let begun = 0
  const act: Phase = async () => {
    begun += 1
    return { line: 'done' }
  }
  expect(await execute(run.number, 'preflight', act)).toEqual([])
  expect(begun).toBe(0)
  expect((await stores.runs.get(run.number)).status).toBe('cancelled')
})

it('a phase that is done hands over to the next, with its line', async () => {
  const { run } = await stores.approve(await stores.waiting())
  expect(await execute(run.number, 'preflight', async () => ({ line: '3 commands passed' }))).toEqual(['migrate'])
  const preflight = (await stores.runs.get(run.number)).phases[1]
  expect(preflight).toMatchObject({ status: 'succeeded', line: '3 commands passed' })
})

it('a phase that fails leaves its evidence in the state database and calls people into the thread', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const act: Phase = () => Promise.reject(new Error('x is not a function'))
  expect(await execute(run.number, 'preflight', act)).toEqual([])
  const failed = await stores.runs.get(run.number)
  expect(failed).toMatchObject({ status: 'failed', failure: { code: 'unexpected', message: 'x is not a function' } })
  const posts = (await stores.boards.waiting(run.number)).map((it) => it.post)
  expect(posts.at(-2)).toMatchObject({ kind: 'failed', phase: 'preflight', onCall: '[Phone]' })
  expect(posts.at(-1)).toMatchObject({ kind: 'audit_head' })
})

it('a phase that fails says what serves at that moment, where the cluster answers', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const world = worldOf({
    cluster: {
      deployment: async () => ({ image: 'valuecanvas/api:v9', replicas: 3, availableReplicas: 2 }) as DeploymentState,
      currentPods: async () => [],
    },
    health: { get: async () => ({ status: 200, milliseconds: 5 }) },
  })
  await execute(run.number, 'preflight', () => Promise.reject(new Error('no')), config, world)
  const { phases } = await stores.runs.get(run.number)
  expect(phases[1]?.failure).toMatchObject({ message: 'no', serving: { ready: 2, of: 3, health: 200 } })
})

it('an outdated plan is made again before anything else', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const act: Phase = () => Promise.reject(new PlanOutdated([{ now: 'the tag moved' }]))
  expect(await execute(run.number, 'preflight', act)).toEqual(['plan'])
  expect(await stores.runs.get(run.number)).toMatchObject({ status: 'planning', failure: { code: 'plan_outdated' } })
})

it('two steps of one name in one execution are refused, before the second one acts', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const acts: string[] = []
  const act: Phase = async ({ step }) => {
    await step('set the image', async () => void acts.push('first'))
    await step('set the image', async () => void acts.push('second'))
    return { line: 'done' }
  }
  await execute(run.number, 'preflight', act)
  expect(acts).toEqual(['first'])
  expect(await stores.runs.get(run.number)).toMatchObject({
    status: 'failed',
    failure: { message: expect.stringContaining('two steps called “set the image”') },
  })
})

it('a change and a step of one name are refused too', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const act: Phase = async ({ step, change }) => {
    await step('restart', async () => undefined)
    await change('restart', {
      kind: 'restart',
      target: 'api',
      before: async () => ({ secret: 'keys' }),
      act: async () => null,
    })
    return { line: 'done' }
  }
  await execute(run.number, 'preflight', act)
  expect(await stores.runs.effects(run.number)).toEqual([])
  expect((await stores.runs.get(run.number)).status).toBe('failed')
})

it('a step that was renamed between two executions is told in the audit, not passed over', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const first = await stores.claim(run.number, 'preflight')
  await stores.phases.beginStep(first, 'back up')
  await stores.phases.finishStep(first, 'back up', null)
  await stores.phases.beginStep(first, 'under way when the worker died')
  await stores.silentFor(first, 60)
  const act: Phase = async ({ step }) => {
    await step('back up the database', async () => undefined)
    return { line: 'done' }
  }
  expect(await execute(run.number, 'preflight', act)).toEqual(['migrate'])
  const told = (await stores.runs.events(run.number)).filter((event) => event.kind === 'steps_forgotten')
  expect(told.map((event) => event.text)).toEqual([
    'preflight: finished earlier in this attempt, and not asked for again: back up',
  ])
})

it('a phase that asks for all its steps again leaves no such event', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const first = await stores.claim(run.number, 'preflight')
  await stores.phases.beginStep(first, 'back up')
  await stores.phases.finishStep(first, 'back up', null)
  await stores.silentFor(first, 60)
  await execute(run.number, 'preflight', async ({ step }) => {
    await step('back up', () => Promise.reject(new Error('it was done before')))
    return { line: 'done' }
  })
  expect((await stores.runs.events(run.number)).map((event) => event.kind)).not.toContain('steps_forgotten')
})

it.each([
  [true, undefined],
  [2, 2],
])('a rollback that succeeded leaves a lock where the policy says %j, in the same moment', async (wanted, hours) => {
  const parent = await stores.failedAt('rollout')
  const { run } = await stores.create({ kind: 'rollback', parent: parent.number, approvalsNeeded: 0 })
  const [production] = Object.values(config.environments)
  if (production === undefined) throw new Error('purser.yaml has an environment')
  const policy = { ...production.policy, lockAfterRollback: wanted }
  const locking = { ...config, environments: { production: { ...production, policy } } }
  await execute(run.number, 'undo', async () => ({ line: 'put back' }), locking)
  expect(await stores.locks.find('production')).toBeUndefined()
  await execute(run.number, 'check', async () => ({ line: 'well' }), locking)
  const lock = await stores.locks.find('production')
  expect(lock).toMatchObject({
    lockedBy: 'UDANA',
    reason: `after the rollback of run #${parent.number} by run #${run.number}`,
  })
  const lasts = lock?.until === undefined ? undefined : (lock.until.getTime() - Date.now()) / 3_600_000
  if (hours === undefined) expect(lasts).toBeUndefined()
  else expect(lasts).toBeCloseTo(hours, 1)
  const posts = (await stores.boards.waiting(run.number)).map(({ post }) => post)
  expect(posts).toContainEqual(
    expect.objectContaining({ text: expect.stringContaining('production is locked now') as string }),
  )
})

it('a rollback leaves no lock where the policy does not say so, nor one that failed', async () => {
  const parent = await stores.failedAt('rollout')
  const { run } = await stores.create({ kind: 'rollback', parent: parent.number, approvalsNeeded: 0 })
  await execute(run.number, 'undo', async () => ({ line: 'put back' }))
  await execute(run.number, 'check', async () => ({ line: 'well' }))
  expect((await stores.runs.get(run.number)).status).toBe('succeeded')
  expect(await stores.locks.find('production')).toBeUndefined()
})

describe('passing trouble of the state database', () => {
  /** Every step is refused with this SQLSTATE until `over` is called. */
  async function refusedWith(code: string): Promise<{ over(): Promise<void> }> {
    await stores.pool.query(
      `create function purser.refuse_step() returns trigger language plpgsql as
         $$ begin raise exception 'trouble' using errcode = '${code}'; end $$;
       create trigger refuse_step before insert on purser.steps execute function purser.refuse_step()`,
    )
    return {
      over: async () => {
        await stores.pool.query('drop trigger refuse_step on purser.steps; drop function purser.refuse_step()')
      },
    }
  }

  it.each([
    ['a full disk', '53100'],
    ['no memory', '53200'],
    ['no free connection', '53300'],
    ['an I/O error', '58030'],
    ['a statement that its time limit cancelled', '57014'],
    ['a lock that was not got in time', '55P03'],
  ])('is waited out: %s', async (_, code) => {
    const { run } = await stores.approve(await stores.waiting())
    const trouble = await refusedWith(code)
    const act: Phase = async ({ step }) => {
      await step('one', async () => undefined)
      return { line: 'done' }
    }
    for (let time = 0; time < 3; time += 1)
      await expect(execute(run.number, 'preflight', act)).rejects.toThrow('the job is done')
    expect(await stores.runs.get(run.number)).toMatchObject({ status: 'executing' })
    await trouble.over()
    expect(await execute(run.number, 'preflight', act)).toEqual(['migrate'])
  })

  it('that stays is told as what it is, and never as a fault of Purser', async () => {
    const { run } = await stores.approve(await stores.waiting())
    await refusedWith('55P03')
    const act: Phase = async ({ step }) => ({ line: String(await step('one', async () => undefined)) })
    for (let time = 0; time < 5; time += 1)
      await expect(execute(run.number, 'preflight', act)).rejects.toThrow('the job is done')
    await execute(run.number, 'preflight', act)
    expect(await stores.runs.get(run.number)).toMatchObject({ status: 'failed', failure: { code: 'state_slow' } })
  })
})
