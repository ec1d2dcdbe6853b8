import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take a minute or more, the longest first: begun early, so that the end is not one of them on one core. */
const slowest = [
  'world/approved',
  'world/outages',
  'world/deploy',
  'world/broken-',
  'jobs/crash-',
  'postgres/real-',
  'world/',
  'slack/page',
  'runbook/',
]

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = slowest.findIndex((part) => moduleId.includes(`/test/${part}`))
      return at < 0 ? slowest.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: process.env['PURSER_FUZZ_RUNS'] === undefined ? [] : ['test/fuzz/setup.ts'],
    // Processes, not threads: tests start servers and children of their own, and a crash must not take others along.
    pool: 'forks',
    // A slow one uses two thirds of a core, so three of them fill two cores.
    maxWorkers: Math.max(2, Math.ceil(availableParallelism() * 1.5)),
    sequence: { sequencer: SlowestFirst },
    // Waits end when what they wait for is there: on a busy machine that may take longer than the second that is the default.
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
