import { expect, it } from 'vitest'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { boundPlan } from '../../src/jobs/bound-plan.ts'
import type { UndoPlan } from '../../src/model/undo-plan.ts'
import { underSameSettings } from '../../src/runbook/confirm/same-settings.ts'
import { deploy } from '../messages/example-runs.ts'
import { committed, phaseContext, production, service } from './phase-context.ts'

const undo: UndoPlan = { kind: 'undo', run: 41, steps: [], stays: [] }
const plan = boundPlan(undo, 'production', committed)
const run = deploy({ number: 42, kind: 'rollback', status: 'executing', plan })
const act = underSameSettings(async () => ({ line: 'done' }))

type Changed = Parameters<typeof phaseContext>[0]
const under = (changed: Changed, of = run) => Promise.resolve(act(phaseContext({ ...changed, run: of })))

it('puts back what was confirmed under the same settings', async () => {
  expect(await under({})).toEqual({ line: 'done' })
})

const told: readonly [string, Changed, RegExp][] = [
  ['another namespace', { environment: { namespace: 'other' } }, /environment\.namespace in purser\.yaml is "other"/],
  ['another database', { environment: { databaseUrlEnv: 'OTHER_URL' } }, /environment\.databaseUrlEnv .* "OTHER_URL"/],
  [
    'another Deployment',
    { service: { deployment: 'other-api' } },
    /service\.deployment in purser\.yaml is "other-api"/,
  ],
  [
    'another Secret',
    { service: { stripe: { ...service.stripe, secret: { ...service.stripe.secret, name: 'other' } } } },
    /service\.stripe\.secret\.name .* is "other" \(planned: "stripe-credentials"\)/,
  ],
]
it.each(told)('%s since then: nothing is done, and it is named', async (_, changed, words) => {
  await expect(Promise.resolve().then(() => under(changed))).rejects.toMatchObject({
    code: 'settings_changed',
    message: expect.stringMatching(words) as string,
  })
})

const harmless: readonly [string, Changed][] = [
  ['another pre-flight command', { service: { preflight: { ...service.preflight, commands: [] } } }],
  ['another monitored number', { service: { monitor: { ...service.monitor, minutes: 1 } } }],
  ['another approver', { environment: { policy: { ...production.policy, approvals: 2, autoRollback: true } } }],
]
it.each(harmless)('%s does not stand in the way of a rollback', async (_, changed) => {
  expect(await under(changed)).toEqual({ line: 'done' })
})

it('goes on with a run that an earlier version began', async () => {
  expect(await under({ environment: { namespace: 'other' } }, { ...run, plan: undo })).toEqual({ line: 'done' })
})

it('takes every setting of the committed file as the same after it was read again', () => {
  const again = parsePurserYaml(JSON.stringify(committed), 'purser.yaml')
  expect(boundPlan(undo, 'production', again)).toEqual(plan)
})
