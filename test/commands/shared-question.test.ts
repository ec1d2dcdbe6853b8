import { expect, it } from 'vitest'
import { sharedQuestion } from '../../src/commands/shared-question.ts'

function questions() {
  const open: { readonly resolve: (answer: number) => void; readonly reject: (error: Error) => void }[] = []
  const ask = sharedQuestion<number>(
    () => new Promise((resolve, reject) => void open.push({ resolve, reject })),
    60_000,
  )
  return { open, ask: () => ask(60_000), impatient: () => ask(1) }
}

/** Lets everything run that waits for nothing. */
const settled = () => new Promise<void>((resolve) => void setImmediate(resolve))

it('asks once for all who come together, and once more for those who came while it was under way', async () => {
  const { open, ask } = questions()
  const first = [ask(), ask(), ask()]
  await settled()
  const later = Array.from({ length: 100 }, ask)
  await settled()
  expect(open).toHaveLength(1)
  open[0]?.resolve(1)
  expect(await Promise.all(first)).toEqual([1, 1, 1])
  await settled()
  expect(open).toHaveLength(2)
  open[1]?.resolve(2)
  expect(new Set(await Promise.all(later))).toEqual(new Set([2]))
})

it('asks anew after one that failed, and lets nobody wait longer than they said', async () => {
  const { open, ask, impatient } = questions()
  const first = ask()
  await settled()
  await expect(impatient()).rejects.toThrow('no answer within 1 ms')
  open[0]?.reject(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await settled()
  const next = ask()
  // That of whoever did not wait for it.
  open[1]?.resolve(2)
  await settled()
  open[2]?.resolve(3)
  expect(await next).toBe(3)
})
