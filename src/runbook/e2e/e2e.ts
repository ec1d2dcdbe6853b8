import type { Workspace } from '../../adapters/runner/port.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { environmentFor, fillIn, runInWorkspace } from '../workspace/workspace-command.ts'
import { inWorkspace } from '../workspace/workspace.ts'

/** Chapter 5, Run E2E Tests: runs the configured script at the planned commit; the verdict is its exit code. */
export const e2e: Phase = async (context) => {
  const { run } = context.service.e2e
  const argv = run.map((word) => filled(context, word)) as [string, ...string[]]
  await context.report(argv.join(' '))
  const outcome = await inWorkspace(context, (workspace) =>
    context.step('run the end-to-end tests', () => runScript(context, argv, workspace)),
  )
  return { line: `${argv[0]} passed in ${Math.round(outcome.milliseconds / 1_000)} s` }
}

async function runScript(context: PhaseContext, argv: readonly [string, ...string[]], workspace: Workspace) {
  const { e2e } = context.service
  const { envFrom } = context.environment.e2e
  const { milliseconds } = await runInWorkspace(context, {
    argv,
    workspace,
    title: 'End-to-end tests',
    env: environmentFor(context, { env: e2e.env, envFrom }, (text) => filled(context, text)),
    timeoutMs: e2e.timeoutMinutes * 60_000,
    failure: { code: 'e2e_failed', hint: 'If it was a glitch, retry. Otherwise roll back.' },
  })
  return { milliseconds }
}

function filled({ run, environment }: PhaseContext, text: string): string {
  const values: Readonly<Record<string, string>> = {
    environment: run.environment,
    version: run.version,
    webhookUrl: environment.webhookUrl,
    baseUrl: environment.baseUrl,
  }
  return fillIn(text, values)
}
