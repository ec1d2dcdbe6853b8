import { runChild } from './child.ts'
import { CommandError } from './errors.ts'
import { LineSplitter } from './lines.ts'
import type { CommandOutcome, CommandRequest, Commands } from './port.ts'

const tailLength = 200

export function openCommands(): Commands {
  return { run }
}

async function run(request: CommandRequest, signal: AbortSignal): Promise<CommandOutcome> {
  const tail: string[] = []
  const take = (line: string): void => {
    tail.push(line)
    if (tail.length > tailLength) tail.shift()
    request.onLine?.(line)
  }
  const stdout = new LineSplitter(take)
  const stderr = new LineSplitter(take)
  try {
    const { argv, cwd, env, timeoutMs } = request
    const onStdout = (chunk: Buffer): void => stdout.push(chunk)
    const onStderr = (chunk: Buffer): void => stderr.push(chunk)
    const outcome = await runChild({ argv, cwd, env, timeoutMs, onStdout, onStderr }, signal)
    stdout.end()
    stderr.end()
    return { ...outcome, tail }
  } catch (error) {
    if (error instanceof CommandError && error.code === 'command_timed_out') {
      throw new CommandError(error.code, error.message, {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        evidence: tail.slice(-50),
        cause: error,
      })
    }
    throw error
  }
}
