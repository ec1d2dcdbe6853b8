import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { confirmRollback, openRollbackDialog } from '../../src/commands/rollback.ts'
import { beginWantedRollbacks } from '../../src/jobs/begin-rollback.ts'
import type { Run } from '../../src/model/run.ts'
import { commandContexts, dana, dialogOf, said } from '../commands/command-context.ts'
import { openStores, type TestStores } from '../store/stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, failedWithEffects, rolledBack } = commandContexts(() => stores)

/** A deploy whose watch was ended to roll it back, and which then failed: the reconciler has to begin the rollback. */
async function decided(): Promise<Run> {
  const run = await failedWithEffects()
  await stores.pool.query(
    `insert into purser.watches (run, attempt, began_at, ends_at, decision, decided_by, decided_at)
     values ($1, 1, now(), now(), 'roll_back', 'UALEX', now())`,
    [run.number],
  )
  return stores.runs.get(run.number)
}

async function sweep(): Promise<void> {
  const context = openContext()
  const { enqueue, publish } = context.jobs
  await beginWantedRollbacks({
    ...context,
    enqueue: (run, phase) => enqueue(run, phase),
    publish: (run) => publish(run),
  })
}

const rollbacks = () => stores.runs.list({ kinds: ['rollback'] })
const lastPost = async (run: Run) => (await stores.boards.waiting(run.number)).at(-1)?.post

it('a decided rollback begins once, with what its dialog would list', async () => {
  const run = await decided()
  await sweep()
  await sweep()
  expect(await rollbacks()).toEqual([
    expect.objectContaining({ parent: run.number, requestedBy: 'UALEX', status: 'executing' }),
  ])
})

it('a lock does not keep it from beginning: it is the way back to safety', async () => {
  const run = await decided()
  await stores.locks.lock({ environment: 'production', reason: 'closing the books', by: 'UDANA', source: 'CDEPLOYS' })
  await sweep()
  expect(await rollbacks()).toEqual([expect.objectContaining({ parent: run.number, status: 'executing' })])
})

/** What stands in the way, by both doors: the words are the same, and nothing begins. */
const obstacles: readonly [string, (run: Run) => Promise<unknown>, RegExp][] = [
  ['a later deploy that changed something', () => failedWithEffects(), /has changed production since/],
  [
    'a later restore that changed something',
    async () => {
      const { number } = await failedWithEffects()
      await stores.pool.query(`update purser.runs set kind = 'restore' where number = $1`, [number])
    },
    /has changed production since/,
  ],
  ['a rollback that is under way', (run) => rolledBack(run, openContext()), /already has a rollback: run #/],
  [
    'nothing that could be put back',
    (run) => stores.pool.query('delete from purser.effects where run = $1', [run.number]),
    /has no changes to roll back/,
  ],
]

it.each(obstacles)(
  '%s keeps the reconciler from rolling back, and the thread says so once',
  async (_, obstruct, words) => {
    const run = await decided()
    await obstruct(run)
    const before = (await rollbacks()).length
    await sweep()
    await sweep()
    expect((await rollbacks()).length).toBe(before)
    expect(await lastPost(run)).toMatchObject({ kind: 'note', text: expect.stringMatching(words) })
    expect(
      (await stores.boards.waiting(run.number)).filter(({ post }) => post.kind === 'note' && words.test(post.text)),
    ).toHaveLength(1)
  },
)

it.each(obstacles)('%s keeps people from opening and from confirming the dialog', async (_, obstruct, words) => {
  const run = await failedWithEffects()
  const metadata = await dialogOf(run, openContext())
  await obstruct(run)
  const before = (await rollbacks()).length
  const context = openContext()
  expect(await said(context, dana, () => openRollbackDialog(dana, run.number, context))).toMatch(words)
  expect(await said(context, dana, () => confirmRollback('UDANA', metadata, undefined, context))).toMatch(words)
  expect((await rollbacks()).length).toBe(before)
})
