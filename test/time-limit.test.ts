import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, vi } from 'vitest'
import { timeLimit } from '../src/time-limit.ts'

it('comes also when memory was tidied meanwhile and only a combination of signals is held', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const combined = AbortSignal.any([new AbortController().signal, timeLimit(300)])
  // What was used in this turn of the event loop is kept to its end.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  await vi.waitFor(() => expect(combined.aborted).toBe(true), { timeout: 5_000 })
})
