import { expect, it } from 'vitest'
import { plannedEffects } from '../../src/runbook/plan/planned-effects.ts'
import { plan } from '../messages/example-runs.ts'
import { phaseContext, production } from './phase-context.ts'

it.each([
  ['an endpoint replaces another one', { action: 'replace' }, true],
  ['an endpoint may take the place of one that is gone', { action: 'create' }, true],
  ['a former endpoint, which may owe events, is disabled', { action: 'keep', retires: ['we_1'] }, true],
  ['the endpoint stays as it is', { action: 'keep' }, false],
] as const)('sends events again where %s', (_, stripe, sends) => {
  const { retires: _retires, ...planned } = plan.stripe
  const effects = plannedEffects(phaseContext(), { ...plan, stripe: { ...planned, ...stripe } })
  const sending = { kind: 'events', target: production.webhookUrl }
  expect(effects.filter(({ kind }) => kind === 'events')).toEqual(sends ? [sending] : [])
})
