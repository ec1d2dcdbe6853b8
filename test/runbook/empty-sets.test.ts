import { describe, expect, it } from 'vitest'
import { builtIn } from '../../src/config/watch-schema.ts'
import { errorLine } from '../../src/runbook/log-records/error-records.ts'
import { judge, rulesOf } from '../../src/runbook/monitor/monitor-rules.ts'
import { sources } from '../../src/runbook/monitor/sources.ts'
import { worstOf } from '../../src/runbook/verify/checks.ts'
import { state } from '../../src/runbook/verify/state-checks.ts'
import { deploymentState, phaseContext, secretKeyState, service } from './phase-context.ts'

describe('of nothing there is no good verdict', () => {
  it('where no check was made', () => {
    expect(worstOf([])).toBe('inconclusive')
    expect(worstOf([{ verdict: 'pass' }])).toBe('pass')
  })

  it('where nothing was sampled while a release was watched', () => {
    const watch = { samples: [], planned: 5, baseline: new Map() }
    const judged = judge(rulesOf(service.monitor), watch, { over: true })
    expect(judged.length).toBeGreaterThan(0)
    for (const { rule, verdict, text } of judged) {
      // Where another team's endpoint takes the same events there may never be a number. That is a warning.
      const expected = rule.name === builtIn.undelivered ? 'warn' : 'inconclusive'
      expect([verdict, text]).toEqual([expected, expect.stringMatching(/no data/)])
    }
  })

  it('where a deployment is scaled to zero: no pod is missing, and none is there', async () => {
    const sampled = (replicas: number, availableReplicas: number) =>
      sources[builtIn.notReady].sample?.(
        phaseContext({
          world: { cluster: { deployment: async () => ({ ...deploymentState({}), replicas, availableReplicas }) } },
        }),
        { at: '', restarts: 0 },
      )
    expect(await sampled(0, 0)).toBeUndefined()
    expect(await sampled(3, 1)).toBe(2)
    expect(await sampled(3, 3)).toBe(0)
  })

  it.each<[string, string, { readonly pods: readonly string[]; readonly unreadable: readonly string[] }]>([
    ['where there are no pods', 'unknown', { pods: [], unreadable: [] }],
    ['where a log could not be read', 'unknown', { pods: ['a', 'b'], unreadable: ['b: unable to retrieve'] }],
    ['but where all logs were read and nothing is in them', 'pass', { pods: ['a', 'b'], unreadable: [] }],
  ])('in the logs %s: %s', async (_, verdict, read) => {
    const context = phaseContext({
      records: { refusedProbes: async () => [] },
      world: {
        cluster: {
          recentLogs: async () => ({ ...read, cut: [] }),
          secretKey: async () => secretKeyState(),
        },
      },
    })
    const logs = (await state(context)).find(({ name }) => name === 'logs')
    expect(logs?.verdict).toBe(verdict)
    expect(errorLine(service.monitor)({ lines: [], text: '' })).toBeUndefined()
  })
})
