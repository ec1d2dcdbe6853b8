import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** Items of "What a simulator must get right" (the recordings' README) that no request can show, and why. */
const NOT_REPLAYED: Readonly<Record<number, string>> = {
  21: 'how client-node behaves, not the server: the adapter has a transport of its own (src/adapters/kubernetes/api/connection.ts)',
}

it('has a test for each of the 39 items of what a simulator must get right, or a reason', () => {
  const titles = readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(`${folder}${file}`, 'utf8').matchAll(/\(items? ([\d, –]+)\)/g)])
    .map(([, list = '']) => list)
  const covered = new Set(titles.flatMap((list) => list.split(',').flatMap(range)))
  const missing = Array.from({ length: 39 }, (_, index) => index + 1).filter(
    (item) => !covered.has(item) && NOT_REPLAYED[item] === undefined,
  )
  expect(missing).toEqual([])
})

function range(text: string): number[] {
  const [first = 0, last = first] = text.split('–').map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
