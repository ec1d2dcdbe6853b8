import { expect, it } from 'vitest'
import { changedSettings, flattened } from '../../src/model/configuration.ts'

it('names every setting by its path, entries of a list by their names, and reads a command as a whole', () => {
  const value = {
    e2e: { run: ['npm', 'test'] },
    cronJobs: [{ name: 'retry', manifest: 'a.yaml' }],
    none: [],
    gone: undefined,
  }
  expect(flattened(value, 'service')).toEqual({
    'service.e2e.run': '["npm","test"]',
    'service.cronJobs[retry].name': '"retry"',
    'service.cronJobs[retry].manifest': '"a.yaml"',
    'service.none': '[]',
  })
})

it('tells two long values apart that begin alike', () => {
  const long = 'x'.repeat(1_000)
  const [before, after] = [flattened({ sql: `${long}1` }, ''), flattened({ sql: `${long}2` }, '')]
  expect(changedSettings(before, after)).toHaveLength(1)
  expect(before['sql']?.length).toBeLessThan(260)
})
