import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { submitted } from '../../src/commands/dialogs/submitted.ts'
import { confirmLock } from '../../src/commands/lock.ts'
import { status } from '../../src/commands/status.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { alex, approves, commandContexts, dana, deploys, filled, said, typed } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing } = commandContexts(() => stores)
const locks = (text: string, context = openContext()) =>
  said(context, dana, async (noting) => typed(`lock ${text}`).act(dana, noting))
/** The time of the lock passes. */
const timePasses = () => stores.pool.query(`update purser.locks set until = now() - interval '1 second'`)
const audit = async () =>
  (await stores.pool.query<{ line: string }>(`select kind || ' ' || text as line from purser.audit_events`)).rows.map(
    ({ line }) => line,
  )

describe('a lock that ends by itself', () => {
  it('holds until then, and everybody is told until when', async () => {
    const context = openContext()
    expect(await locks('for 2h closing the books', context)).toBe('')
    expect(context.announced).toContainEqual(
      expect.stringMatching(
        /locked production\*: closing the books\n.*It ends <!date\^\d+\^.*>\. To unlock: `\/billing unlock production`/,
      ),
    )
    expect(await deploys(dana, 'v1.2.0', openContext())).toMatch(
      /is locked by <@UDANA> since .* until <!date\^\d+.*: closing the books/,
    )
    expect(await said(context, dana, () => status(dana, undefined, context))).toMatch(
      /is locked by <@UDANA> until .*\(rollbacks still work\)/,
    )
  })

  it('lets things start and be approved once its time is over, also before anybody has cleared it away', async () => {
    await locks('for 2h closing the books')
    const run = await stores.waiting()
    expect(await approves(alex, run, openContext())).toMatch(/is locked by/)
    await timePasses()
    expect(await approves(alex, run, openContext())).toBe('')
    expect(await stores.locks.find('production')).toBeUndefined()
  })

  it('is cleared away once, and that is in the audit', async () => {
    await locks('for 2h closing the books')
    await timePasses()
    const ended = await Promise.all([stores.locks.clearEnded(), stores.locks.clearEnded()])
    expect(ended.flat()).toHaveLength(1)
    expect((await audit()).filter((line) => line.startsWith('lock_ended'))).toEqual([
      'lock_ended production: closing the books',
    ])
  })

  it('makes way for the next one', async () => {
    await locks('for 2h closing the books')
    await timePasses()
    expect(await locks('another reason')).toBe('')
    expect(await stores.locks.find('production')).toMatchObject({ reason: 'another reason', until: undefined })
    expect(await audit()).toContain('lock_ended production: closing the books')
  })

  it('is told of in the channels also when the next lock clears it away', async () => {
    await locks('for 2h closing the books')
    await timePasses()
    const context = openContext()
    await locks('another reason', context)
    expect(context.announced).toEqual([
      expect.stringMatching(/\*production\* is unlocked: its lock ended\.\n<@UDANA> had locked it: closing the books/),
      expect.stringMatching(/locked production\*: another reason/),
    ])
    expect(await stores.locks.clearEnded()).toEqual([])
  })

  it('is not unlocked by anybody once its time is over: its end is still to be told and recorded', async () => {
    await locks('for 2h closing the books')
    await timePasses()
    const unlocked = await said(openContext(), alex, async (noting) => typed('unlock').act(alex, noting))
    expect(unlocked).toContain("wasn't locked.")
    expect((await audit()).filter((line) => line.startsWith('unlocked'))).toEqual([])
    expect(await stores.locks.clearEnded()).toEqual([expect.objectContaining({ reason: 'closing the books' })])
  })

  it.each([
    ['until 25:00 closing', /“until 25:00 closing” isn't a time\. Try .*Not locked/],
    ['for 31d closing', /within 30 days.*Not locked/],
    ['for 2h x', /Give a reason/],
    ['x', /Give a reason/],
  ])('lock %s changes nothing', async (text, words) => {
    await changesNothing(async () => expect(await locks(text)).toMatch(words))
  })

  it('takes its end along into the dialog when only the reason is missing', async () => {
    const context = openContext()
    const view = await filled(await typed('lock for 2h').act(dana, context))
    expect(JSON.stringify(view.blocks)).toContain('"initial_value":"for 2h"')
    const confirm = (ends: string) =>
      said(context, dana, (noting) =>
        confirmLock(
          submitted('UDANA', view.private_metadata ?? '', {
            reason: { reason: { value: 'closing the books' } },
            lock_ends: { lock_ends: { value: ends } },
          }),
          noting,
        ),
      )
    expect(await confirm('2h')).toMatch(/^Begin with “until” or “for”/)
    for (const ends of ['for ever', 'until Friday noon', 'for 2h or so'])
      expect(await confirm(ends)).toMatch(/“.*” isn't a time\. Try /)
    expect(await stores.locks.find('production')).toBeUndefined()
    expect(await confirm('for 2h')).toBe('')
    expect(await stores.locks.find('production')).toMatchObject({ until: expect.any(Date) as Date })
  })
})
