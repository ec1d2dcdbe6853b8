import { describe, expect, it } from 'vitest'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { outlookOf } from '../../src/runbook/stripe/account/outlook.ts'

type Facts = Parameters<typeof outlookOf>[0]
type Planned = DeployPlan['stripe']

const endive = '2026-10-28.endive'
const old = '2016-07-06'

/** An account that is ten years old, with an endpoint in the release that the service wants. */
const tenYears: Facts = {
  planned: {
    action: 'keep',
    endpoint: 'we_1',
    events: ['invoice.paid'],
    added: [],
    removed: [],
    secret: 'present',
    apiVersion: { stands: endive, wanted: endive },
  },
  configured: endive,
  builtWith: endive,
  accountDefault: old,
  mayResend: true,
  resendsOtherVersions: false,
  unpinned: false,
}
const planned = (more: Partial<Planned>): Planned => ({ ...tenYears.planned, ...more })
const atDefault = planned({ apiVersion: { stands: null, wanted: "the account's default" } })

describe('what a plan says of the account beside what it does', () => {
  it.each<[string, Partial<Facts>, { readonly note?: RegExp; readonly risk?: RegExp }]>([
    ['nothing where all have one version', { accountDefault: endive }, {}],
    ['nothing where the versions have one shape', { accountDefault: '2026-09-30.endive' }, {}],
    ['nothing where Stripe does not tell the default', { accountDefault: undefined }, {}],
    [
      'that Stripe keeps events in an old version and renders them itself',
      {},
      { note: /default API version 2016-07-06, and the endpoint gets 2026-10-28\.endive: missed .* by Stripe$/ },
    ],
    [
      'that missed events are lost where the key cannot have Stripe send them',
      { mayResend: false },
      { risk: /The key lacks Events: Write\. Missed events can't be sent again\.$/ },
    ],
    [
      'in which version they are posted then, where that is allowed',
      { mayResend: false, resendsOtherVersions: true },
      { risk: /The key lacks Events: Write\. Missed events are posted in the version in which they are kept\.$/ },
    ],
    [
      'that Purser posts missed events itself',
      { mayResend: false, accountDefault: endive },
      { note: /lacks Events: Write, so Purser posts missed events itself$/ },
    ],
    ['that any live key would do', { unpinned: true, accountDefault: endive }, { risk: /key of any account/ }],
    [
      'what an endpoint without a version of its own gets today, where it is the wanted one',
      { planned: atDefault, accountDefault: endive },
      { note: /is 2026-10-28\.endive today, as configured$/ },
    ],
    [
      'that such an endpoint gets another one, and how to replace it',
      { planned: atDefault, configured: endive },
      { note: /is 2016-07-06 today$/, risk: /\(2016-07-06 today\), but .*It is left as it is.*`--rotate-secret`\.$/ },
    ],
    [
      'that nobody can see what such an endpoint gets',
      { planned: atDefault, accountDefault: undefined },
      { note: /isn't known$/, risk: /\(which can't be seen\)/ },
    ],
    ['nothing of it where no version is wanted', { planned: atDefault, configured: undefined }, { note: /today$/ }],
    [
      'that a rotation changes the version of an endpoint unasked',
      {
        planned: planned({ action: 'replace', apiVersion: { stands: old, wanted: endive } }),
        configured: undefined,
        accountDefault: endive,
      },
      { risk: /in API version 2026-10-28\.endive, the old one in 2016-07-06\. Set `service\.stripe\.apiVersion`/ },
    ],
    [
      'that card payments wait for the service',
      { planned: planned({ added: ['issuing_authorization.request'] }), accountDefault: endive },
      { risk: /Stripe waits 2 s for the service/ },
    ],
    [
      'that nobody decides on card payments any more',
      { planned: planned({ removed: ['issuing_authorization.request'] }), accountDefault: endive },
      { risk: /takes `issuing_authorization\.request` from the endpoint\. Families don't include it/ },
    ],
  ])('%s', (_, facts, { note, risk }) => {
    const { notes, risks } = outlookOf({ ...tenYears, ...facts })
    expect(notes).toEqual(note === undefined ? [] : [expect.stringMatching(note)])
    expect(risks).toEqual(risk === undefined ? [] : [expect.stringMatching(risk)])
  })
})
