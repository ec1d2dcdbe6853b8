import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/runbook-coverage.md`, 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (the runbook|---)/.test(line))

it.each(rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim())))(
  '%s%s is proven by a test that exists',
  (_, __, ___, proof = '') => {
    const [, file = '', name] = /^`(test\/[^`]+)`(?: › (.+))?$/.exec(proof) ?? []
    expect(existsSync(`${root}/${file}`), `${proof} names no file`).toBe(true)
    expect(readFileSync(`${root}/${file}`, 'utf8')).toContain(name ?? 'expect')
  },
)

it('holds the lines of the runbook', () => {
  expect(rows.length).toBeGreaterThan(50)
})
