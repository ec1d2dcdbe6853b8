import type { CommandOutcome } from '../../adapters/process/port.ts'
import type { Workspace } from '../../adapters/runner/port.ts'
import type { PhaseContext } from '../phase.ts'
import { type CheckCode, CheckFailed } from '../errors.ts'
import { OutputStream } from './output-stream.ts'

/*
 * A command of the service's repository: an argv in a checkout of the planned commit, with the variables that
 * purser.yaml names and nothing else. Its output is masked and kept for the report; when it fails its last lines are the
 * evidence, and the end of its output is told in the thread. It and all that it started end with the signal or with the time limit.
 */

interface WorkspaceCommand {
  readonly argv: readonly [string, ...string[]]
  readonly workspace: Workspace
  /** The title over its lines. */
  readonly title: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** The error that is raised when the command does not end with 0. */
  readonly failure: { readonly code: CheckCode; readonly doing?: string; readonly hint: string }
}

/** Runs a configured program in the workspace and keeps what it prints. */
export async function runInWorkspace(
  context: PhaseContext,
  command: WorkspaceCommand,
  signal: AbortSignal = context.signal,
): Promise<CommandOutcome> {
  const { argv, workspace, title, env, timeoutMs, failure } = command
  const output = new OutputStream(context, title)
  try {
    const outcome = await workspace.run({ argv, env, timeoutMs, onLine: output.line }, signal)
    if (outcome.exitCode === 0) return outcome
    output.tellEnd()
    const doing = failure.doing === undefined ? '' : `${failure.doing}: `
    throw new CheckFailed(failure.code, `${doing}${argv.join(' ')} exited with ${outcome.exitCode}`, {
      evidence: outcome.tail.slice(-40),
      hint: failure.hint,
    })
  } finally {
    await output.end()
  }
}

/**
 * Returns the configured values, and secrets under the names the program knows; nothing else of Purser's environment.
 */
export function environmentFor(
  { world }: PhaseContext,
  {
    env,
    envFrom,
  }: { readonly env: Readonly<Record<string, string>>; readonly envFrom: Readonly<Record<string, string>> },
  filled: (text: string) => string,
): Readonly<Record<string, string>> {
  const plain = Object.entries(env).map(([name, value]) => [name, filled(value)] as const)
  const secret = Object.entries(envFrom).flatMap(([name, from]) => {
    const value = world.secret(from)
    return value === undefined ? [] : [[name, value.reveal()] as const]
  })
  return Object.fromEntries([...plain, ...secret])
}

/** Fills in `{version}` and the like; what is not known stays as it is written. */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
