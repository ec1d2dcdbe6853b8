import { confirmPlan } from './confirm-plan.ts'
import type { Phase, PhaseContext } from './context.ts'
import { CheckFailed } from './errors.ts'
import { OutputStream } from './output-stream.ts'
import { inWorkspace } from './workspace.ts'

/** Chapter 5, Run E2E Tests: the configured script at the planned commit; the verdict is its exit code. */
export const e2e: Phase = async (context) => {
  const { run } = context.service.e2e
  await confirmPlan(context)
  const argv = run.map((word) => filled(context, word)) as [string, ...string[]]
  await context.report(argv.join(' '))
  const outcome = await inWorkspace(context, (workspace) =>
    context.step('run the end-to-end tests', () => runScript(context, argv, workspace)),
  )
  return { line: `${argv[0]} passed in ${Math.round(outcome.milliseconds / 1_000)} s` }
}

async function runScript(context: PhaseContext, argv: readonly [string, ...string[]], workspace: string) {
  const output = new OutputStream(context, 'End-to-end tests')
  const { e2e } = context.service
  try {
    const outcome = await context.world.commands.run(
      {
        argv,
        cwd: workspace,
        env: environmentOf(context),
        timeoutMs: e2e.timeoutMinutes * 60_000,
        onLine: output.line,
      },
      context.signal,
    )
    if (outcome.exitCode !== 0)
      throw new CheckFailed('e2e_failed', `${argv.join(' ')} exited with ${outcome.exitCode}`, {
        evidence: outcome.tail.slice(-40),
        hint: 'Retry the phase if the failure was passing; otherwise roll back.',
      })
    return { milliseconds: outcome.milliseconds }
  } finally {
    await output.end()
  }
}

/** Configured values, and secrets under the names the script knows; nothing else of Purser's environment. */
function environmentOf(context: PhaseContext): Readonly<Record<string, string>> {
  const { env, envFrom } = context.service.e2e
  const plain = Object.entries(env).map(([name, value]) => [name, filled(context, value)] as const)
  const secret = Object.entries(envFrom).flatMap(([name, from]) => {
    const value = context.world.secret(from)
    return value === undefined ? [] : [[name, value.reveal()] as const]
  })
  return Object.fromEntries([...plain, ...secret])
}

function filled({ run, environment }: PhaseContext, text: string): string {
  const values: Readonly<Record<string, string>> = {
    environment: run.environment,
    version: run.version,
    webhookUrl: environment.webhookUrl,
    baseUrl: environment.baseUrl,
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
