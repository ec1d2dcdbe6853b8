import { expect, it } from 'vitest'
import { roughly, sizeOf } from '../src/text.ts'

it.each([
  [0, '0 s'],
  [-5, '0 s'],
  [850, '850 ms'],
  [1_000, '1 s'],
  [89_000, '89 s'],
  [90_000, '2 min'],
  [12 * 60_000, '12 min'],
  [3 * 3_600_000, '3 h'],
  [50 * 3_600_000, '2 d'],
])('%d ms are roughly %s', (ms, words) => {
  expect(roughly(ms)).toBe(words)
})

it.each([
  [0, '0.0 kB'],
  [400, '0.4 kB'],
  [999_000, '999.0 kB'],
  [12_300_000, '12.3 MB'],
  [1_200_000_000, '1.2 GB'],
])('%d bytes are %s', (bytes, words) => {
  expect(sizeOf(bytes)).toBe(words)
})
