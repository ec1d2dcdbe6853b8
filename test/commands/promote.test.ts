import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CommandContext } from '../../src/commands/command-context.ts'
import type { PurserConfig } from '../../src/config/purser-yaml.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, configWith, dana, said, typed } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext } = commandContexts(() => stores)

/** Production takes what has succeeded in staging. */
function ordered(): CommandContext {
  const config = configWith()
  const production = config.environments['production'] as PurserConfig['environments'][string]
  const after = { ...production, policy: { ...production.policy, after: 'staging' } }
  return openContext({ config: { ...config, environments: { ...config.environments, production: after } } })
}
const promotes = (line: string, context: CommandContext) =>
  said(context, dana, async (noting) => typed(line).act(dana, noting))

describe('a promotion', () => {
  it('deploys what stands in the environment before, as a run with a plan and approvals of its own', async () => {
    await stores.succeeded({ environment: 'staging', version: 'v1.1.0' })
    await stores.succeeded({ environment: 'staging', version: 'v1.2.0' })
    expect(await promotes('promote production', ordered())).toBe('')
    expect(await stores.runs.list({ environment: 'production' })).toMatchObject([
      { kind: 'deploy', version: 'v1.2.0', status: 'planning', approvalsNeeded: 1, requestedBy: 'UDANA' },
    ])
  })

  it('of nothing says so and begins nothing', async () => {
    expect(await promotes('promote production', ordered())).toContain(
      'Nothing to promote: Purser has no current release in staging.',
    )
    expect(await promotes('promote staging', ordered())).toContain('No environment comes before staging.')
    expect(await stores.runs.list({})).toEqual([])
  })
})

it('what has succeeded in an environment is told with its commit, its image, and the rollback that took it back', async () => {
  const done = await stores.succeeded({ environment: 'staging' })
  await stores.failedAt('e2e', { environment: 'staging' })
  const claim = await stores.under('migrate')
  const records = stores.records(claim)
  expect(await records.succeededIn('staging')).toEqual([
    {
      run: done.number,
      version: 'v1.2.0',
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      image: undefined,
      rolledBackBy: undefined,
    },
  ])
  expect(await records.succeededIn('production')).toEqual([])
})
