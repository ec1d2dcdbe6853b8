import { pino } from 'pino'
import { expect, it } from 'vitest'
import { retention } from '../../src/jobs/retention.ts'

const hour = 3_600_000

/** Prunes batches of these sizes, then of none; a size of -1 is a database that is away. */
function open(sizes: number[]) {
  const clock = { at: 0 }
  let batches = 0
  const prune = retention({
    pruneBatch: async () => {
      batches += 1
      const size = sizes.shift() ?? 0
      if (size < 0) throw new Error('the database is away')
      return size
    },
    unlessElsewhere: async (_, work) => work(),
    now: () => clock.at,
    log: pino({ level: 'silent' }),
  })
  return { prune, clock, batches: () => batches }
}

it('prunes until nothing is left, and looks again after an hour', async () => {
  const { prune, clock, batches } = open([20, 3])
  await prune()
  expect(batches()).toBe(3)
  clock.at = hour - 1
  await prune()
  expect(batches()).toBe(3)
  clock.at = hour
  await prune()
  expect(batches()).toBe(4)
})

it('leaves what is more than ten batches to the next sweep', async () => {
  const { prune, batches } = open(Array.from({ length: 15 }, () => 20))
  await prune()
  expect(batches()).toBe(10)
  await prune()
  expect(batches()).toBe(16)
})

it('raises nothing when the database is away, and tries again after an hour', async () => {
  const { prune, clock, batches } = open([-1])
  await prune()
  await prune()
  expect(batches()).toBe(1)
  clock.at = hour
  await prune()
  expect(batches()).toBe(2)
})
