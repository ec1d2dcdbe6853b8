import { describe, expect, it } from 'vitest'
import type { Runner, WorkspaceCommand } from '../../src/adapters/runner/port.ts'
import type { EnvironmentConfig } from '../../src/config/environment-schema.ts'
import { e2e } from '../../src/runbook/e2e/e2e.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { committed, phaseContext } from './phase-context.ts'

describe('the end-to-end script', () => {
  it.each(['production', 'staging'])('of %s is given that environment’s secrets, and no other', async (name) => {
    const commands: WorkspaceCommand[] = []
    const runner: Partial<Runner> = {
      open: async () => ({
        run: async (command) => {
          commands.push(command)
          return { exitCode: 0, milliseconds: 5, tail: [] }
        },
        close: async () => undefined,
      }),
    }
    const environment = committed.environments[name] as EnvironmentConfig
    await e2e(
      phaseContext({
        run: { ...deploy({ status: 'executing' }), environment: name, plan },
        environment,
        world: { runner, secret: (variable) => new Sensitive(`the value of ${variable}`) },
      }),
    )
    expect(commands.map(({ env }) => env)).toEqual([
      {
        BILLING_API_URL: environment.baseUrl,
        EXPECTED_VERSION: expect.any(String),
        DATABASE_URL: `the value of ${name.toUpperCase()}_DATABASE_URL`,
      },
    ])
  })
})
