import { Readable, Writable } from 'node:stream'
import { BatchReader } from './batch.ts'
import { gitFailed } from './git.ts'
import type { Mirror } from './mirror.ts'

/** Reads the texts of objects by one look, however many there are. */
export async function contents(
  mirror: Mirror,
  objects: ReadonlySet<string>,
  options: { readonly doing: string; readonly mostBytes: number },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  const reader = new BatchReader(options, (object, content) => void texts.set(object, content.toString()))
  const unfit = new AbortController()
  const stdoutTo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        if (!unfit.signal.aborted) reader.take(chunk)
      } catch (error) {
        // This ends git at once, rather than when it has printed all the rest.
        unfit.abort(error)
      }
      done()
    },
  })
  const stdin = Readable.from([`${[...objects].join('\n')}\n`])
  const args = ['cat-file', '--batch', '--buffer']
  const either = AbortSignal.any([signal, unfit.signal])
  const answer = await mirror.ask(args, options.doing, either, { stdin, stdoutTo })
  await new Promise<void>((resolve) => stdoutTo.end(resolve))
  unfit.signal.throwIfAborted()
  if (answer.exitCode !== 0) throw gitFailed({ doing: options.doing }, answer)
  reader.end()
  return texts
}
