import { runChild } from './child.ts'
import { withEvidence } from './errors.ts'
import type { CommandOutcome, CommandRequest, Commands } from './port.ts'
import { OutputTail } from './tail.ts'

export function openCommands(): Commands {
  return { run }
}

async function run(request: CommandRequest, signal: AbortSignal): Promise<CommandOutcome> {
  const { argv, cwd, env, timeoutMs } = request
  const output = new OutputTail(request.onLine)
  const { stdout: onStdout, stderr: onStderr } = output
  const outcome = await runChild({ argv, cwd, env, timeoutMs, onStdout, onStderr }, signal).catch((error: unknown) => {
    throw withEvidence(error, output.lines)
  })
  output.end()
  return { ...outcome, tail: output.lines }
}
