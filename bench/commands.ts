import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'

/** Runs a program as the runbook does, its output into a file (`>`) or to nowhere. Rejects when it fails. */
export async function run(program: string, args: readonly string[], outputFile?: string): Promise<void> {
  const output = outputFile === undefined ? undefined : await open(outputFile, 'w')
  try {
    const child = spawn(program, args, { stdio: ['ignore', output?.fd ?? 'ignore', 'inherit'] })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${program} exited with ${code}`)
  } finally {
    await output?.close()
  }
}
