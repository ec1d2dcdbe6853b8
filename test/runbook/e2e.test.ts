import { describe, expect, it } from 'vitest'
import type { Runner, WorkspaceCommand } from '../../src/adapters/runner/port.ts'
import type { EnvironmentConfig } from '../../src/config/environment-schema.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { e2e } from '../../src/runbook/e2e/e2e.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { committed, phaseContext } from './phase-context.ts'

/** What is told of a script that prints a line and ends with this code. */
async function told(exitCode: number): Promise<readonly ThreadPost[]> {
  const posts: ThreadPost[] = []
  const runner: Partial<Runner> = {
    open: async () => ({
      run: async ({ onLine }) => {
        onLine?.('not ok 3 - an invoice is paid')
        return { exitCode, milliseconds: 5, tail: ['not ok 3 - an invoice is paid'] }
      },
      close: async () => undefined,
    }),
  }
  const environment = committed.environments['production'] as EnvironmentConfig
  await e2e(
    phaseContext({
      run: { ...deploy({ status: 'executing' }), plan },
      environment,
      world: { runner, secret: () => undefined },
      tell: async (post) => void posts.push(post),
    }),
  ).catch(() => undefined)
  return posts
}

describe('the end-to-end script', () => {
  it('is in nobody’s way while it goes well: what it prints is kept for the report', async () => {
    const output = { kind: 'output', title: 'End-to-end tests', lines: ['not ok 3 - an invoice is paid'] }
    expect(await told(0)).toEqual([{ ...output, quiet: true }])
    expect(await told(1)).toEqual([output, { ...output, quiet: true }])
  })

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
