import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { changedSettings, flattened } from '../../src/model/configuration.ts'
import { comparedConfiguration } from '../../src/runbook/confirm/compared-configuration.ts'

const { service, environments } = parsePurserYaml(
  readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'),
  'purser.yaml',
)
const [environment] = Object.values(environments)
if (environment === undefined) throw new Error('purser.yaml has an environment')
const planned = comparedConfiguration(service, environment)

/** What a plan is not bound to, and why it is harmless. */
const harmless: Readonly<Record<string, string>> = {
  contacts: 'whom to call changes nothing of what is done',
  'policy.deployers': 'asked when somebody types',
  'policy.approvers': 'asked when somebody presses',
  'policy.approvals': 'counted when the run takes its slot',
  'policy.selfApproval': 'asked when somebody presses',
  'policy.rollbackApprovals': 'of another run',
  'policy.restoreApprovals': 'of another run',
  'policy.fixApprovals': 'of another run',
  'policy.unlock': 'of no run',
  'policy.freezes': 'asked when somebody types or presses',
  'policy.lockAfterRollback': 'of another run',
  'policy.breakGlass': 'asked when somebody types',
  'policy.channels': 'asked when somebody types or presses',
  'policy.approvalExpiryMinutes': 'only the time that a plan waits',
}

describe('a plan is bound to every setting', () => {
  it.each(Object.keys(flattened(service, 'service')))('%s', (key) => {
    expect(planned).toHaveProperty([key])
  })

  it.each(Object.keys(flattened(environment, '')))('environment.%s', (key) => {
    const excused = Object.keys(harmless).some((name) => key === name || key.startsWith(`${name}.`))
    expect(Object.hasOwn(planned, `environment.${key}`)).toBe(!excused)
  })

  it('but to no password of a URL, which the state database does not keep', () => {
    const webhookUrl = 'https://stripe:correct-horse@api.example.com/hooks'
    const { 'environment.webhookUrl': text } = comparedConfiguration(service, { ...environment, webhookUrl })
    expect(text).toBe('"https://stripe:[masked]@api.example.com/hooks"')
  })

  it('and names the one that is another now', () => {
    const e2e = { ...service.e2e, run: ['true'] as [string] }
    const now = comparedConfiguration({ ...service, e2e }, environment)
    expect(changedSettings(planned, now).map(({ key }) => key)).toEqual(['service.e2e.run'])
  })
})
