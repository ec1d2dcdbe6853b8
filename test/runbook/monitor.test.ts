import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { LogLine } from '../../src/adapters/kubernetes/port.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import type { PhaseContext, PhaseRecords } from '../../src/runbook/context.ts'
import { monitor } from '../../src/runbook/monitor.ts'
import type { World } from '../../src/runbook/world.ts'
import { deploy, plan } from '../messages/example-runs.ts'

const { service, environments } = parsePurserYaml(
  readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'),
  'purser.yaml',
)

/** A watch over pods that say `lines`, with records that `record` writes. */
function watchOver(lines: readonly string[], record: PhaseRecords['recordLogFinding']): PhaseContext {
  const deployment = { image: plan.image.reference, containers: [service.container], templateHash: '', paused: false }
  const world = {
    repository: { resolveVersion: async () => plan.commit },
    registry: { resolve: async () => plan.image },
    cluster: {
      deployment: async () => deployment,
      restarts: async () => 0,
      followLogs: async (_: unknown, onLine: (line: LogLine) => void, signal: AbortSignal) => {
        for (const text of lines) onLine({ pod: 'api-1', container: 'api', timestamp: '2026-01-05T10:00:00Z', text })
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    },
    database: { query: async () => ({ columns: ['count'], rows: [['0']] }) },
  }
  const records = {
    recordLogFinding: record,
    samples: async () => [],
    recordSample: async () => {},
    logFindings: async () => [],
  }
  return {
    run: deploy({ status: 'executing' }),
    service,
    environment: environments['production'],
    world: world as unknown as World,
    signal: AbortSignal.timeout(10_000),
    records,
    step: (_: string, act: (signal: AbortSignal) => Promise<unknown>) => act(AbortSignal.timeout(10_000)),
    report: async () => {},
    tell: async () => {},
  } as unknown as PhaseContext
}

it('an error line that cannot be written down ends the watch, and not the whole process', async () => {
  const lost = () => Promise.reject(new Error('Connection terminated unexpectedly'))
  await expect(monitor(watchOver(['ERROR billing: no'], lost))).rejects.toThrow('Connection terminated')
})

it('trouble with following the logs stops the sampling too', async () => {
  const context = watchOver([], async () => {})
  const signals: AbortSignal[] = []
  const query: World['database']['query'] = async (_sql, _options, signal) => {
    signals.push(signal)
    return { columns: ['count'], rows: [['0']] }
  }
  const followLogs = () => Promise.reject(new Error('the cluster is gone'))
  const { cluster, database } = context.world
  const world = { ...context.world, cluster: { ...cluster, followLogs }, database: { ...database, query } }
  await expect(monitor({ ...context, world })).rejects.toThrow('the cluster is gone')
  expect(signals.length).toBeGreaterThan(0)
  expect(signals.every((signal) => signal.aborted)).toBe(true)
})
